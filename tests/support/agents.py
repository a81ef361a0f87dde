"""Agents in this process, over real files and real HTTP, without the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.operations.caller import Caller
from core.operations.table import operate
from core.roster import Roster
from core.session import Session
from core.slash import commands as slash
from core.slash.asked import Outcome
from memgpt import events as e
from memgpt.config import AgentConfig
from memgpt.home import Home
from tests.support.model_server import ModelServer


@asynccontextmanager
async def open_roster(path: Path) -> AsyncIterator[Roster]:
    home = Home(path)
    home.create()
    roster = Roster(home, 60)
    try:
        yield roster
    finally:
        await roster.finish(True, 5)


async def make_session(roster: Roster, model: ModelServer, window: int = 8192, **settings: Any) -> Session:
    """An agent that talks to the scripted server. Nothing is embedded before a search by meaning or `settled` asks for it:
    a worker of its own costs a test three seconds."""
    name = await roster.create(
        AgentConfig(name="ada", model="openai/scripted", model_endpoint=model.url, context_window=window)
    )
    session = await roster.session(name)
    session.corpus.backlog.pause()
    if settings:
        from core.slash.commands import change_settings

        await change_settings(session, settings)
    return session


async def turn(session: Session, text: str) -> list[e.Event]:
    return [event async for event in session.submit(text, {})]


def of(events: Iterable[e.Event], kind: type[e.Event]) -> list[Any]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def said(events: Iterable[e.Event]) -> str:
    """What was said to the user, a line each."""
    return "\n".join(event.text for event in of(events, e.AssistantMessage))


def ended(events: Sequence[e.Event]) -> str:
    """Why a turn ended."""
    assert isinstance(events[-1], e.TurnEnd)
    return events[-1].reason


async def asked(roster: Roster, op: str, **given: Any) -> Any:
    """The result of one of the engine's operations, as a front end asks it."""
    result: Any = None
    async for kind, value in operate(roster, op, given, Caller(object(), "tool", {}, lambda *_: None)):
        if kind == "result":
            result = value
    return result


async def run(session: Session, line: str, confirmed: bool = False) -> Outcome:
    """One slash command, with the turn that it may begin; the journal is checked after it."""
    outcome = await slash.run(session, line, confirmed, {})
    if outcome.turn:
        outcome.data = [event async for event in outcome.turn]
    assert await session.journal.folded() == session.state
    return outcome
