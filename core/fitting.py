"""Main context made to fit a smaller window when the model or the window changes, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.agent import Agent
from core.context.manager import Summarise
from core.context.window import WindowTooSmall
from core.llm.types import ModelError
from core.past import moving
from core.session import Session
from memgpt.words import counted


@dataclass(frozen=True, slots=True)
class Before:
    """What an agent had: its window in tokens, and who wrote its summaries."""

    window: int
    summarise: Summarise | None


async def present(session: Session, keys: Mapping[str, str] | None) -> Before | None:
    """What the agent has now; None where its model cannot even be looked at, or it has said nothing yet."""
    if not session.state.queue:
        return None
    try:
        agent = await session.agent(keys)
    except ModelError:
        return None
    return Before(agent.manager.limits.window, agent.manager.summarise)


async def fitted(session: Session, agent: Agent, before: Before) -> str:
    """Moves what is too much for the new window to recall; the summary is the old model's, which can read it all.

    What is said of it; empty where everything stays.
    """
    manager = agent.manager
    if manager.limits.window >= before.window:
        return ""
    fixed = await agent.fixed()
    if manager.total(fixed) <= manager.limits.flush:
        return ""
    own, manager.summarise = manager.summarise, before.summarise or manager.summarise
    gone = 0
    try:
        async for step in manager.make_room(fixed):
            await moving.announce(session, [step])
            gone += int(step.body.get("messages", 0))
    except WindowTooSmall as error:
        return str(error)
    finally:
        manager.summarise = own
    return (
        f"Its window is {manager.limits.window:,} tokens: {counted(gone, 'message')} moved to recall first."
        if gone
        else ""
    )
