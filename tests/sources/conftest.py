"""An agent that reads: on the scripted server, for the documents that a test loads."""

from __future__ import annotations

import pytest

from tests.support.model_server import ModelServer
from tests.support.program import Program


@pytest.fixture
def reader(program: Program, agent_name: str, model: ModelServer) -> str:
    program.good("send", "--agent", agent_name, "--create", "--model", "openai/scripted", "--model-endpoint", model.url,
                 "--context-window", "8192", "Hello")  # fmt: skip
    return agent_name
