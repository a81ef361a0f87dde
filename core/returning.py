"""Operations of a screen on what was said: going back to a message, and changing what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from core.moving import move_head
from core.roster import Roster
from memgpt.home import UserError


async def go_back(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """Moves the head to a message of the path, or with `before` to just before it: what came after is left.

    A message's step may be followed by the returns of its calls; they stay with it.
    """
    session = await roster.session(given["agent"], False, {})
    step, before = int(given["step"]), bool(given.get("before"))
    if session.busy:
        raise UserError("The model is at work.", "Stop it first, or wait.")
    if not await session.journal.steps(after=step - 1, before=step + 1):
        raise UserError(f"Step {step} is no longer part of the conversation.", "Choose a message that is shown.")
    if before:
        earlier = await session.journal.steps(before=step, limit=1)
        if not earlier:
            raise UserError("There is nothing before that.", "Start a new agent with /new.")
        target = earlier[0].id
    else:
        target = step
        for later in await session.journal.steps(after=step):
            if later.kind not in ("return", "usage"):
                break
            target = later.id
    await move_head(session, target, "pop", 0)
    yield "result", {"step": target}


async def take_back(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """Takes one waiting message back, by its place in the queue; `text` guards against a queue that has moved on."""
    session = await roster.session(given["agent"], False, {})
    yield "result", {"text": session.take_back(int(given["place"]), str(given["text"]))}
