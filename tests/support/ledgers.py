"""A conversation in many kinds of text, and how far what was expected of its prompts is from what the provider counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from core.session import Session
from tests.support import model_server as scripted
from tests.support.model_server import Scripted

SAID = (
    "My sister Clara moved to Porto in May, and I promised to visit her before the 12th.",
    "Kannst du dir merken, dass der Zug um 7:42 Uhr ab Zürich fährt?",
    "def area(r):\n    return 3.14159 * r ** 2  # what is wrong with this?",
    "写真を三十枚撮りました。来週送ります。",
    "Thanks! 🎉 See you at the café, the one on Rue Saint-Denis.",
    "The invoice 2026-0417 came to CHF 1,280.50; please check it against the offer of March. " * 6,
)


def openai_style(body: Mapping[str, Any]) -> int:
    """litellm's formula for what OpenAI counts."""
    import litellm

    with patch.object(litellm, "disable_token_counter", False):  # as it is for our own calls
        return int(litellm.token_counter(model="gpt-4o", messages=body["messages"], tools=body.get("tools") or None))


def answering(request: dict[str, Any]) -> Scripted:
    """Searches, notes and speaks, as a model does."""
    if not request.get("tools"):
        return scripted.plain("Clara lives in Porto; the train leaves at 7:42.")
    match len(request["messages"]) % 5:
        case 0:
            return scripted.call("conversation_search", heartbeat=True, query="Clara Porto")
        case 1:
            return scripted.call("core_memory_append", heartbeat=True, name="human", content="Her sister is Clara.")
    return scripted.say("I will remember that, and I will remind you of it in time.", thought="Worth keeping.")


async def errors(session: Session) -> list[float]:
    """How far what was expected of each call is from what was reported, as a share; over is positive."""
    return list((await errors_by_call(session)).values())


async def errors_by_call(session: Session) -> dict[int, float]:
    """The same by the step of the call."""
    call, expected, found = 0, 0, {}
    for step in await session.journal.steps(kinds=("call", "reply")):
        if step.kind == "call":
            call, expected = step.id, step.body["expected"]
        elif usage := step.body.get("usage"):
            found[call] = expected / usage["prompt_tokens"] - 1
    return found
