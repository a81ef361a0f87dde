"""Telling a provider what of a prompt it may keep, where it wants to be told, and what the call then cost.

OpenAI, Gemini, DeepSeek and the local servers keep prefixes by themselves. Claude keeps what ends at a mark: the
functions, the part of the system text that stays, the whole of it, and the conversation so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARK = {"cache_control": {"type": "ephemeral"}}
MARKED_FOR = ("anthropic", "bedrock", "vertex_ai", "openrouter", "")  # "": litellm knows Claude by its bare name


def wants_marks(model: str) -> bool:
    """Whether that model, as litellm calls it, keeps what is marked and nothing else."""
    provider = model.partition("/")[0] if "/" in model else ""
    return "claude" in model and provider in MARKED_FOR


def marked(arguments: Mapping[str, Any], stable: int) -> dict[str, Any]:
    """A call's arguments with marks where its model wants them; the first `stable` characters of the system text stay
    the same from call to call."""
    if not wants_marks(arguments["model"]):
        return dict(arguments)
    first, *rest = arguments["messages"]
    messages = [_system(first, stable) if first["role"] == "system" else first, *rest]
    if rest:
        messages[-1] = _last(rest[-1])
    found = {**arguments, "messages": messages}
    if tools := arguments.get("tools"):
        found["tools"] = [*tools[:-1], {**tools[-1], **MARK}]
    return found


def _system(message: Mapping[str, Any], stable: int) -> dict[str, Any]:
    text = str(message["content"])
    pieces = [piece for piece in (text[:stable], text[stable:]) if piece.strip()]
    return {**message, "content": [{"type": "text", "text": piece, **MARK} for piece in pieces]}


def _last(message: Mapping[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":  # litellm takes the mark of a result from the message
        return {**message, **MARK}
    return {**message, "content": [{"type": "text", "text": str(message["content"] or " "), **MARK}]}


def price(litellm: Any, model: str, prompt: int, completion: int, usage: Any) -> float | None:
    """Dollars for a call, what was cached at its own price; None where litellm knows no price."""
    try:
        spent = litellm.cost_per_token(
            model=model, prompt_tokens=prompt, completion_tokens=completion, usage_object=usage
        )
    except Exception:  # litellm raises many kinds for models that it has no price of
        return None
    return float(sum(spent))
