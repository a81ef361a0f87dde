"""What the tests of one agent stand on: a scripted model and an agent that talks to it."""

from __future__ import annotations

import pytest

from core.roster import Roster
from core.session import Session
from tests.support.agents import make_session
from tests.support.model_server import ModelServer


@pytest.fixture
def server(model: ModelServer) -> ModelServer:
    return model


@pytest.fixture
async def session(roster: Roster, server: ModelServer) -> Session:
    return await make_session(roster, server, 8192)
