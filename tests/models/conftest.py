"""Agents on scripted servers, all in one home: one engine's parts are made once for the whole file."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.roster import Roster
from core.session import Session
from core.slash.commands import change_settings
from memgpt import events as e
from memgpt.config import AgentConfig
from tests.support.agents import of, open_roster
from tests.support.model_server import ModelServer

Made = Callable[..., Coroutine[Any, Any, Session]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home_of_models() -> AsyncIterator[Roster]:
    with tempfile.TemporaryDirectory(prefix="memgpt-models-") as folder:
        async with open_roster(Path(folder) / "home") as found:
            yield found


@pytest.fixture
def made(home_of_models: Roster, agent_name: str) -> Made:
    """Makes an agent on a server, called as that dialect's models are; more settings by their names."""

    async def make(server: ModelServer, window: int = 16384, model: str = "", **settings: Any) -> Session:
        wanted = AgentConfig(
            name=agent_name, model=model or getattr(server, "model", "openai/scripted"),
            model_endpoint=server.url, context_window=window,
        )  # fmt: skip
        session = await home_of_models.session(await home_of_models.create(wanted))
        if settings:
            await change_settings(session, settings)
        return session

    return make


def error(events: list[e.Event]) -> str:
    """The one error of a turn, with its hint."""
    (found,) = of(events, e.Error)
    return f"{found.message} {found.hint}"
