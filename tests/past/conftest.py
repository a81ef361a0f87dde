"""An agent in this process over a scripted model, and the engine's operations as a front end asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.roster import Roster
from core.session import Session
from tests.support.agents import make_session, open_roster
from tests.support.model_server import ModelServer


@pytest.fixture
async def roster(tmp_path: Path) -> AsyncIterator[Roster]:
    async with open_roster(tmp_path / "home") as found:
        yield found


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


@pytest.fixture
async def session(roster: Roster, server: ModelServer) -> Session:
    return await make_session(roster, server, 8192)
