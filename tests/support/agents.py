"""Agents in this process, over real files and real HTTP, without the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.roster import Roster
from core.session import Session
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
    """An agent that talks to the scripted server."""
    name = await roster.create(
        AgentConfig(name="ada", model="openai/scripted", model_endpoint=model.url, context_window=window)
    )
    session = await roster.session(name)
    if settings:
        from core.slash import change_settings

        await change_settings(session, settings)
    return session


async def turn(session: Session, text: str) -> list[e.Event]:
    return [event async for event in session.submit(text, {})]
