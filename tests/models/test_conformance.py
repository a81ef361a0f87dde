"""Every function in every protocol, over real HTTP in the shape of each provider; the table in docs/models.md is this."""

from __future__ import annotations

import pytest

from memgpt import events as e
from tests.models.conftest import Made
from tests.support.agents import ended, of, said, turn
from tests.support.conformance import ANSWER, CALLS, DOCUMENT, PROTOCOLS, names, table
from tests.support.dialects import DIALECTS
from tests.support.model_server import ModelServer


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: str(dialect.name))
async def test_each_function(made: Made, dialect: type[ModelServer], protocol: str) -> None:
    with dialect() as server:
        session = await made(server, protocol=protocol, retries=0)
        server.script(*CALLS)
        events = await turn(session, "I play chess.")
        assert [(event.name, event.status) for event in of(events, e.FunctionReturn)] == [
            (n, "OK") for n in names()[:-1]
        ]
        assert (said(events), ended(events)) == (ANSWER, "done")
        assert session.state.archival == 1 and "Plays go." in session.state.blocks["human"].text
        assert all(("tools" in request) is (protocol == "tools") for request in server.requests)
        assert all(("response_format" in request) is (protocol == "json") for request in server.requests)
        streamed = "".join(d.text for d in of(events, e.Delta) if d.of == "assistant_message")
        assert streamed == ANSWER and all(usage.prompt_tokens > 0 for usage in of(events, e.Usage))
        assert await session.journal.folded() == session.state


def test_the_table_says_what_is_tested() -> None:
    """Each row of the page is a parameter above; `python -m tests.support.conformance` writes it anew."""
    assert table() in DOCUMENT.read_text(encoding="utf-8")
