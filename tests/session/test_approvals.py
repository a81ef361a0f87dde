"""Calls that wait for the user's word, by the setting `approve`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from core.roster import Roster
from core.session import Session
from core.slash import commands as slash
from memgpt import events as e
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.agents import ended, make_session, of, run, said, turn
from tests.support.model_server import ModelServer
from tests.support.patience import SOON_S


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


NOTING = scripted.call("core_memory_append", heartbeat=True, name="human", content="Plays chess.")
SEARCHING = scripted.call("conversation_search", heartbeat=True, query="chess")


def hear(session: Session, *answers: str) -> None:
    """Somebody looks on, and answers each question with one of these lines."""
    left = list(answers)
    given: set[asyncio.Task[object]] = set()

    def listen(event: e.Event) -> None:
        if isinstance(event, e.Question):
            given.add(asyncio.create_task(slash.run(session, left.pop(0), False, {})))

    session.listen(listen, answers=True)


async def test_a_call_that_changes_memory_runs_once_it_is_allowed(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, approve="memory")
    hear(session, "/allow")
    server.script(SEARCHING, NOTING, scripted.say("Noted."))
    events = await turn(session, "I play chess.")
    (question,) = of(events, e.Question)
    assert "wants to call core_memory_append(name='human', content='Plays chess.')" in question.text
    assert [event.status for event in of(events, e.FunctionReturn)] == ["OK", "OK"] and said(events) == "Noted."
    assert "Plays chess." in session.state.blocks["human"].text


async def test_a_call_that_is_denied_does_nothing_and_the_model_is_told_why(
    roster: Roster, server: ModelServer
) -> None:
    session = await make_session(roster, server, approve="memory")
    hear(session, "/deny I play go.")
    server.script(NOTING, scripted.say("So be it."))
    events = await turn(session, "I play chess.")
    (returned,) = of(events, e.FunctionReturn)
    assert returned.status == "Failed" and returned.text == "The user did not allow this: I play go."
    assert said(events) == "So be it." and "chess" not in session.state.blocks["human"].text
    assert "The user did not allow this: I play go." in str(server.requests[-1]["messages"])


async def test_all_calls_wait_where_all_are_asked_for_but_an_answer_does_not(
    roster: Roster, server: ModelServer
) -> None:
    session = await make_session(roster, server, approve="all")
    hear(session, "/allow", "/deny")
    server.script(scripted.calls(SEARCHING, NOTING), scripted.say("Done."))
    events = await turn(session, "Go")
    assert [event.status for event in of(events, e.FunctionReturn)] == ["OK", "Failed"] and said(events) == "Done."


async def test_where_nobody_is_there_to_ask_it_is_a_no(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, approve="memory")
    session.listen(lambda event: None)  # looks on, and may not answer
    server.script(NOTING, scripted.say("Then not."))
    events = await turn(session, "I play chess.")
    assert "nobody is there" in of(events, e.FunctionReturn)[0].text and said(events) == "Then not."


async def test_a_turn_that_waits_can_be_stopped(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, approve="memory")
    waiting = asyncio.Event()
    session.listen(lambda event: waiting.set() if isinstance(event, e.Question) else None, answers=True)
    server.script(NOTING)
    going = asyncio.create_task(turn(session, "I play chess."))
    await asyncio.wait_for(waiting.wait(), SOON_S)
    assert session.phase == "waiting_for_you" and [each.call_id for each in session.approvals.questions]
    session.turns.cancel()
    assert ended(await asyncio.wait_for(going, SOON_S)) == "cancelled" and not session.approvals.questions
    with pytest.raises(UserError, match="No call waits"):
        await run(session, "/allow")


async def test_nothing_waits_unless_it_is_asked_for(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(NOTING, scripted.say("Noted."))
    assert not of(await turn(session, "I play chess."), e.Question)
