"""Main context made to fit when the model or the window changes, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping

from core.agent import Agent
from core.context.manager import Summarise
from core.context.window import WindowTooSmall
from core.llm.types import ModelError
from core.past import moving
from core.session import Session
from memgpt.words import counted


async def summariser(session: Session, keys: Mapping[str, str] | None) -> Summarise | None:
    """Who writes the agent's summaries as things stand; None where its model cannot even be looked at."""
    try:
        return (await session.agent(keys)).manager.summarise
    except ModelError:
        return None


async def fitted(session: Session, agent: Agent, before: Summarise | None) -> str:
    """Moves what is too much for the window to recall: it is a smaller one, or the model counts otherwise. The summary is
    the old model's, which can read it all.

    What is said of it; empty where everything stays.
    """
    manager, fixed = agent.manager, await agent.fixed()
    if not session.state.queue or manager.total(fixed) <= manager.limits.flush:
        return ""
    own, manager.summarise = manager.summarise, before or manager.summarise
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
