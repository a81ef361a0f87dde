"""Replies in JSON or text that cannot be carried out: what is wrong with them, and how the model is asked again.

Models that call functions in words sometimes break them. Such a reply is sent back with what is wrong, and asked for
again, three times at most in all; then its text is taken for the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.llm import protocol
from core.llm.types import AskedAgain, Reply

TRIES = 3
QUOTED = 400  # characters of the reply that is sent back
TOKENS = 220  # that the quoted reply and the complaint come to at most
LEAST_REPLY = 64  # tokens; below that there is no room for the complaint
WORDS = ("message", "text", "content", "response", "answer", "reply")  # under which such models put what they say


def complaint(reply: Reply, called_by: str, schemas: Sequence[Mapping[str, Any]]) -> str:
    """Why a reply cannot be carried out; empty where it can, or is plain words."""
    if called_by == protocol.TOOLS or not schemas:
        return ""
    names = [schema["name"] for schema in schemas]
    if not reply.calls:
        broken = protocol.looks_like_call(reply.content)
        return "it is not one JSON object with a name and arguments" if broken else ""
    for call in reply.calls:
        if call.name not in names:
            return f"there is no function {call.name[:40]!r}, only {', '.join(names)}"
        if call.error:
            return f"the arguments of {call.name} cannot be read: {call.error}"
        if missing := _missing(call.arguments, next(schema for schema in schemas if schema["name"] == call.name)):
            return f"{call.name} lacks {missing}"
    return ""


def _missing(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    needed = [name for name in schema["parameters"].get("required", ()) if name != "request_heartbeat"]
    return next((name for name in needed if name not in arguments), "")


def asked_again(written: str, wrong: str, max_tokens: int) -> AskedAgain | None:
    """The broken reply and what is wrong with it; None where there is no room for that."""
    if max_tokens - TOKENS < LEAST_REPLY:
        return None
    order = (
        f'Your reply could not be used: {wrong}. Answer again with one JSON object: {{"name": …, "arguments": {{…}}}}.'
    )
    quoted = written if len(written) <= QUOTED else f"{written[:QUOTED]}…"
    return AskedAgain(quoted or "…", order, max_tokens - TOKENS)


def messages_of(written: str, order: str) -> list[dict[str, Any]]:
    """What is sent after the prompt."""
    return [{"role": "assistant", "content": written}, {"role": "user", "content": order}]


def as_answer(reply: Reply, written: str) -> Reply:
    """A reply that stayed broken as what is shown: the words in it where they can be told, else all that was written."""
    spoken = [_words(call.arguments) for call in reply.calls]
    text = "\n".join(words for words in spoken if words) or _words_of(written) or written.strip()
    return replace(reply, calls=(), content=text)


def _words_of(written: str) -> str:
    try:
        value = json.loads(written, strict=False)
    except ValueError:
        return ""
    return _words(value) if isinstance(value, dict) else ""


def _words(arguments: Mapping[str, Any]) -> str:
    return next((str(arguments[name]) for name in WORDS if isinstance(arguments.get(name), str)), "")
