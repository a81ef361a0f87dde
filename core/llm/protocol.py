"""How a model calls a function: native tools, JSON held to a schema, or text that is repaired.

The canonical form of an answer is thought, content and calls; this is where it becomes messages, and comes back.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.llm.partial import PartialString
from core.llm.reasoning import Thoughts, well_formed
from core.llm.types import Call, SaidDelta, ThoughtDelta

TOOLS, JSON, TEXT = "tools", "json", "text"
SPEAK = "send_message"
THOUGHTS = ("inner_thoughts", "thought", "thoughts")
LONGEST = 800  # characters of one string; small models loop without an end of it
CALL_KEYS = re.compile(r"\{[^{}]{0,200}[\"'](?:name|function|arguments|params|parameters)[\"']\s*:")
FENCE = re.compile(r"^\s*(?:```(?:json)?|<tool_call>)\s*|\s*(?:```|</tool_call>)\s*$")


def next_protocol(current: str) -> str | None:
    """The protocol to go on with where a server refuses the present one; None where there is none."""
    return {TOOLS: JSON, JSON: TEXT}.get(current)


def native_tools(schemas: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The functions as a provider with native tools is given them; counted in this form too."""
    return [{"type": "function", "function": schema} for schema in schemas]


def assistant_message(
    protocol: str, thought: str, content: str, calls: Sequence[Call], opaque: Mapping[str, Any]
) -> dict[str, Any]:
    """An answer as it is sent in later prompts."""
    if protocol == TOOLS:
        if not calls:
            return {"role": "assistant", "content": content or thought}
        tools = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
            }
            for call in calls
        ]
        return {"role": "assistant", "content": thought or None, "tool_calls": tools, **opaque}
    if not calls:
        return {"role": "assistant", "content": content or thought}
    lines = [{"thought": thought} if thought else {}] + [{} for _ in calls[1:]]
    spoken = [
        json.dumps({**line, "name": call.name, "arguments": call.arguments}, ensure_ascii=False)
        for line, call in zip(lines, calls, strict=True)
    ]
    return {"role": "assistant", "content": "\n".join(spoken)}


def return_message(protocol: str, call_id: str, name: str, packaged: str) -> dict[str, Any]:
    """A function's result as it is sent to the model."""
    if protocol == TOOLS:
        return {"role": "tool", "tool_call_id": call_id, "name": name, "content": packaged}
    return {"role": "user", "content": packaged}


def functions_text(protocol: str, schemas: Sequence[Mapping[str, Any]]) -> str:
    """The functions in words, for models that are not given them natively."""
    if protocol == TOOLS or not schemas:
        return ""
    lines = ["# Functions", 'Answer with one JSON object: {"thought": "…", "name": "FUNCTION", "arguments": {…}}.']
    for schema in schemas:
        properties = schema["parameters"]["properties"]
        arguments = ", ".join(f"{name}: {entry.get('type', 'any')}" for name, entry in properties.items())
        lines.append(f"{schema['name']}({arguments}): {schema['description']}")
    return "\n".join(lines)


def without_system(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages for models whose template has no system role: its text stands before the first of the user's."""
    texts = [str(message["content"]) for message in messages if message["role"] == "system"]
    rest = [dict(message) for message in messages if message["role"] != "system"]
    if texts and rest and rest[0]["role"] == "user":
        rest[0]["content"] = "\n\n".join([*texts, str(rest[0]["content"])])
    elif texts:
        rest.insert(0, {"role": "user", "content": "\n\n".join(texts)})
    return rest


def sent_format(protocol: str, schemas: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """What the provider is to hold the reply to, where the protocol has it."""
    return response_format(schemas) if protocol == JSON and schemas else None


def response_format(schemas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The schema that a reply is held to: one function's name with its arguments, every string bounded."""
    options = [
        {
            "type": "object",
            "properties": {
                "name": {"const": schema["name"]},
                "arguments": _bounded(schema["parameters"]),
            },
            "required": ["name", "arguments"],
        }
        for schema in schemas
    ]
    body = options[0] if len(options) == 1 else {"anyOf": options}
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": body}}


def _bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        name: ({**entry, "maxLength": LONGEST, "minLength": 1} if entry.get("type") == "string" else dict(entry))
        for name, entry in schema["properties"].items()
    }
    return {**schema, "properties": properties}


@dataclass(slots=True)
class _Building:
    """A native call whose fragments are arriving."""

    call_id: str = ""
    name: str = ""
    arguments: str = ""
    spoken: PartialString = field(default_factory=lambda: PartialString("message"))
    thought: PartialString = field(default_factory=lambda: PartialString(THOUGHTS[0]))


class ReplyReader:
    """Reads one streaming answer. Feed it the provider's deltas; `finish` gives thought, content and calls."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.thoughts = Thoughts()
        self._content = ""
        self._building: dict[int, _Building] = {}
        self._places: dict[int, int] = {}
        self._spoken = PartialString("message")
        self._looks_like_json: bool | None = None

    def feed(self, delta: Any) -> list[SaidDelta | ThoughtDelta]:
        """What newly arrived that can be shown."""
        found: list[SaidDelta | ThoughtDelta] = []
        if thought := self.thoughts.feed(delta):
            found.append(ThoughtDelta(thought))
        if content := getattr(delta, "content", None):
            thought, rest = self.thoughts.split(well_formed(str(content)))
            found += [ThoughtDelta(thought)] if thought else []
            found += self._plain(rest) if rest else []
        for fragment in getattr(delta, "tool_calls", None) or ():
            found += self._fragment(fragment)
        return found

    def _plain(self, text: str) -> list[SaidDelta | ThoughtDelta]:
        self._content += text
        if self.protocol == TOOLS:
            return [ThoughtDelta(text)]
        if self._looks_like_json is None and self._content.strip():
            self._looks_like_json = self._content.lstrip()[0] in "{`<["
            text = self._content
        if self._looks_like_json is None:
            return []
        piece = self._spoken.feed(text) if self._looks_like_json else text
        return [SaidDelta(piece)] if piece else []

    def _fragment(self, fragment: Any) -> list[SaidDelta | ThoughtDelta]:
        building = self._slot(fragment.index or 0, fragment.id or "")
        building.call_id = building.call_id or fragment.id or ""
        if fragment.function is None:
            return []
        building.name += fragment.function.name or ""
        piece = fragment.function.arguments or ""
        building.arguments += piece
        found: list[SaidDelta | ThoughtDelta] = []
        if building.name == SPEAK and (spoken := building.spoken.feed(piece)):
            found.append(SaidDelta(spoken))
        if thought := building.thought.feed(piece):
            found.append(ThoughtDelta(thought))
        return found

    def _slot(self, index: int, call_id: str) -> _Building:
        """The call that a fragment belongs to. Some servers number all their calls 0: another id is another call."""
        place = self._places.get(index, index)
        if call_id and place in self._building and self._building[place].call_id not in ("", call_id):
            place = self._places[index] = max(self._building) + 1
        return self._building.setdefault(place, _Building())

    @property
    def written(self) -> str:
        """The content as it came."""
        return self._content

    def finish(self) -> tuple[str, str, tuple[Call, ...]]:
        """Thought, content that was meant for the user, and calls; `thoughts.text` is the beginning of the thought."""
        self._content += self.thoughts.held()
        reasoning = self.thoughts.text
        if self._building:
            pairs = [_read_native(building) for _, building in sorted(self._building.items())]
            thoughts = [text for text in (reasoning, self._content, *(thought for thought, _ in pairs)) if text]
            return "\n".join(thoughts).strip(), "", tuple(call for _, call in pairs)
        thought, calls = read_calls(self._content)
        if calls and (self.protocol != TOOLS or self._content.lstrip()[:1] in ("{", "`", "<")):
            return "\n".join(part for part in (reasoning, thought) if part), "", calls
        return reasoning, self._content.strip(), ()


def _read_native(building: _Building) -> tuple[str, Call]:
    arguments, error = read_arguments(building.arguments)
    thought = next((str(arguments.pop(name)) for name in THOUGHTS if name in arguments), "")
    return thought, Call(building.call_id or _fresh_id(), building.name, arguments, error)


def read_arguments(text: str) -> tuple[dict[str, Any], str]:
    """Arguments from JSON text, repaired where that can be done; else empty, with what was wrong."""
    if not text.strip():
        return {}, ""
    try:
        value = json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        value = _repaired(text)
        if not isinstance(value, dict) or not value:
            return {}, f"{error.msg} at character {error.pos}"
    if isinstance(value, str):  # some models encode their arguments twice
        value = _repaired(value)
    if "\\ud" in text.lower():  # an escaped half of a surrogate pair may have come through
        value = json.loads(well_formed(json.dumps(value, ensure_ascii=False)))
    return (value, "") if isinstance(value, dict) else ({}, "not a JSON object")


def read_calls(text: str) -> tuple[str, tuple[Call, ...]]:
    """The thought and the calls in a text answer; none where it is plain words."""
    plain = FENCE.sub("", text.strip())
    start = plain.find("{")
    if start < 0:
        return "", ()
    found_objects = _decoded_all(plain[start:]) or (_repaired_all(plain[start:]) if looks_like_call(plain) else [])
    objects = [value for value in found_objects if isinstance(value, dict)]
    found = [(value, _call_of(value)) for value in objects]
    calls = tuple(call for _, call in found if call)
    if not calls:
        return "", ()
    thought = next(
        (str(value[name]) for value, _ in found for name in THOUGHTS if value.get(name)), plain[:start].strip()
    )
    return thought, calls


def looks_like_call(text: str) -> bool:
    """Whether a text without a readable call was meant for one: JSON, in a fence or a tag, or with a call's own keys."""
    plain = FENCE.sub("", text.strip())
    return plain.startswith(("{", "[{")) or bool(CALL_KEYS.search(plain))


def _repaired_all(text: str) -> list[Any]:
    repaired = _repaired(text)
    return repaired if isinstance(repaired, list) else [repaired]


def _decoded_all(text: str) -> list[Any]:
    decoder, found, place = json.JSONDecoder(strict=False), [], 0
    while (start := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            return []
        found.append(value)
    return found


def _call_of(value: Mapping[str, Any]) -> Call | None:
    inner = value.get("function") if isinstance(value.get("function"), dict) else value
    assert isinstance(inner, Mapping)
    name = inner.get("name") or inner.get("function") or inner.get("tool")
    arguments: Any = next((inner[key] for key in ("arguments", "params", "parameters") if key in inner), {})
    if not isinstance(name, str) or not name:
        return None
    if isinstance(arguments, str):
        arguments, error = read_arguments(arguments)
        return Call(_fresh_id(), name, arguments, error)
    thoughts = {key: entry for key, entry in dict(arguments or {}).items() if key not in THOUGHTS}
    return Call(_fresh_id(), name, thoughts)


def _fresh_id() -> str:
    return f"call_{uuid.uuid4().hex[:12]}"


def _repaired(text: str) -> Any:
    import json_repair

    return json_repair.loads(text)
