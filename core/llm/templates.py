"""How providers write what is not plain text into the prompt, as far as that is known: for counting alone.

OpenAI shows its models functions as TypeScript; most templates of open models write JSON. Anthropic adds words of its own
where there are functions. Ids of calls are sent, but no model reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

OPENAI = ("gpt-", "chatgpt-", "o1", "o3", "o4")
TYPES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}
FRAME = 5  # tokens around OpenAI's functions, less what it saves on a system message beside them
CLAUDES_OWN = 346  # tokens about tools that Anthropic adds, by its documentation


def functions_as_read(model: str, tools: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The functions as that model is shown them, and the tokens that its provider adds."""
    if not tools:
        return "", 0
    if model.rpartition("/")[2].startswith(OPENAI):
        return "\n".join(_typescript(tools)), FRAME
    return json.dumps(tools, ensure_ascii=False), CLAUDES_OWN if "claude" in model else 0


def message_as_read(sent: Mapping[str, Any]) -> str:
    """The text of a message that costs tokens: its content, and its calls without their ids."""
    calls = sent.get("tool_calls")
    written = json.dumps([call["function"] for call in calls], ensure_ascii=False) if calls else ""
    return f"{sent.get('content') or ''}{written}"


def _typescript(tools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "namespace functions {\n"
    for tool in tools:
        function = tool["function"]
        yield f"// {function['description']}\ntype {function['name']} = (_: {{"
        required = function["parameters"].get("required", ())
        for name, entry in function["parameters"]["properties"].items():
            if "description" in entry:
                yield f"// {entry['description']}"
            yield f"{name}{'' if name in required else '?'}: {_type(entry)},"
        yield "}) => any;\n"
    yield "} // namespace functions"


def _type(entry: Mapping[str, Any]) -> str:
    return f"{_type(entry['items'])}[]" if entry.get("type") == "array" else TYPES.get(str(entry.get("type")), "any")
