"""Models over real HTTP: streaming, protocols, failures and their retries, cancellation."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.roster import Roster
from core.session import Session
from memgpt import events as e
from tests.support import model_server as scripted
from tests.support.agents import ended, make_session, of, said, turn
from tests.support.model_server import ModelServer, Scripted
from tests.support.patience import SOON_S


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


# --- what a model says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["tools", "json", "text"])
async def test_each_protocol_speaks_thinks_and_calls(roster: Roster, server: ModelServer, protocol: str) -> None:
    session = await make_session(roster, server, 16384, protocol=protocol)
    server.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Plays chess."),
        scripted.say("Noted — “chess”.\nNice."),
    )
    events = await turn(session, "I play chess.")
    assert ended(events) == "done" and said(events) == "Noted — “chess”.\nNice."
    assert "".join(d.text for d in of(events, e.Delta) if d.of == "assistant_message") == said(events)
    assert of(events, e.FunctionReturn)[0].status == "OK"
    assert "Plays chess." in session.state.blocks["human"].text
    assert bool(server.requests[0].get("tools")) is (protocol == "tools")
    assert bool(server.requests[0].get("response_format")) is (protocol == "json")
    events = await turn(session, "And again?")
    assert ended(events) == "done"


@pytest.mark.parametrize(
    "answer",
    [
        Scripted(plain="Just words."),
        Scripted(plain='{"name": "send_message", "arguments": {"message": "Just words."}}'),
        Scripted(plain='```json\n{"name": "send_message", "arguments": {"message": "Just words."}}\n```'),
        Scripted(plain='<tool_call>{"name": "send_message", "arguments": "{\\"message\\": \\"Just words.\\"}"}</tool_call>'),
        Scripted(calls=(("send_message", {}),), raw_arguments="{'message': 'Just words.',}"),
        Scripted(calls=(("send_message", {}),), raw_arguments='"{\\"message\\": \\"Just words.\\"}"'),
        Scripted(calls=(("send_message", {"message": "Just words.", "inner_thoughts": "Hm."}),)),
        Scripted(said="Just words.", reasoning="Hm."),
        Scripted(said="Just words.", fragment=1),
        Scripted(said="Just words.", usage=False),
    ],
)  # fmt: skip
async def test_however_a_model_says_it(roster: Roster, server: ModelServer, answer: Scripted) -> None:
    session = await make_session(roster, server)
    server.script(answer)
    events = await turn(session, "Hi")
    assert (said(events), ended(events)) == ("Just words.", "done")
    if answer.reasoning or "inner_thoughts" in str(answer.calls):
        assert [event.text for event in of(events, e.InternalMonologue)] == ["Hm."]


async def test_a_server_without_tools_is_spoken_to_in_text_from_then_on(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(scripted.error(400, "scripted does not support tools"), scripted.say("In text."))
    events = await turn(session, "Hi")
    assert (said(events), ended(events)) == ("In text.", "done")
    assert [bool(request.get("tools")) for request in server.requests] == [True, False]
    await turn(session, "Again")
    assert not server.requests[-1].get("tools"), "it is remembered"
    assert await session.journal.folded() == session.state
    fixed = await make_session_like(roster, server, "fixed", protocol="tools")
    server.script(scripted.error(400, "scripted does not support tools"))
    events = await turn(fixed, "Hi")
    assert ended(events) == "error" and "protocol=text" in of(events, e.Error)[0].hint


async def make_session_like(roster: Roster, server: ModelServer, name: str, **settings: Any) -> Session:
    from core.slash.commands import change_settings
    from memgpt.config import AgentConfig

    config = AgentConfig(name=name, model="openai/scripted", model_endpoint=server.url, context_window=8192)
    session = await roster.session(await roster.create(config))
    await change_settings(session, settings)
    return session


async def test_strict_monologue_never_takes_words_for_an_answer(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, monologue="strict")
    server.script(scripted.plain("Thinking aloud."), scripted.say("Now to you."))
    events = await turn(session, "Hi")
    assert said(events) == "Now to you."
    assert [event.text for event in of(events, e.InternalMonologue)] == ["Thinking aloud."]


async def test_halves_of_surrogate_pairs_do_no_harm(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(Scripted(calls=(("send_message", {}),), raw_arguments='{"message": "bad \\ud83d end"}'))
    events = await turn(session, "Hi")
    assert ended(events) == "done" and said(events).startswith("bad ") and said(events).endswith(" end")
    assert await session.journal.folded() == session.state


# --- what goes wrong with a call ------------------------------------------------------------------------------


async def test_what_a_model_calls_wrongly_comes_back_to_it(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(
        scripted.call("no_such_function", x=1),
        Scripted(calls=(("core_memory_append", {}),), raw_arguments="not json at all ["),
        scripted.call("core_memory_append", name="nowhere", content="x"),
        scripted.call("core_memory_append", name="human"),
        scripted.call("conversation_search", query="x", page="two"),
        scripted.call("core_memory_append", name="human", content="y" * 5000),
        scripted.say("I give up."),
    )
    before = session.state.blocks
    events = await turn(session, "Go")
    failed = of(events, e.FunctionReturn)
    assert [event.status for event in failed] == ["Failed"] * 6 and said(events) == "I give up."
    for event, words in zip(failed, ("no function", "could not be read", "no core memory block", "needs content",
                                     "whole number", "Edit refused"), strict=True):  # fmt: skip
        assert words in event.text
    assert session.state.blocks == before
    told = json.dumps(server.requests[-1]["messages"])
    assert "There is no function no_such_function" in told


async def test_several_calls_in_one_reply_all_run_in_order(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(
        scripted.calls(
            scripted.call("archival_memory_insert", content="One."),
            scripted.call("core_memory_append", name="human", content="Two."),
            scripted.say("Three."),
        )
    )
    events = await turn(session, "Go")
    names = [event.name for event in of(events, e.FunctionCall)]
    assert names == ["archival_memory_insert", "core_memory_append"] and said(events) == "Three."
    assert len(of(events, e.Usage)) == 1 and session.state.archival == 1


async def test_the_cap_ends_a_turn_that_goes_on_and_on(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, max_steps=4)
    server.fallback = lambda request: scripted.call("conversation_search", heartbeat=True, query="x")
    events = await turn(session, "Go")
    assert ended(events) == "step_cap" and len(of(events, e.Usage)) == 4
    assert "4 model calls" in of(events, e.Error)[0].message
    assert [question.call_id for question in of(events, e.Question)] == ["steps"]


async def test_a_turn_of_the_user_never_ends_unsaid(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(scripted.call("archival_memory_insert", content="Silent."), scripted.say("Sorry: done."))
    events = await turn(session, "Go")
    assert said(events) == "Sorry: done." and ended(events) == "done"
    server.fallback = lambda request: scripted.call("archival_memory_insert", content="Silent.")
    events = await turn(session, "Go")
    assert ended(events) == "error" and "without a message" in of(events, e.Error)[0].message


# --- failures of the line -------------------------------------------------------------------------------------


async def test_passing_failures_are_tried_again_and_seen(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(
        scripted.error(429, "slow down", headers={"Retry-After": "0.1"}),
        scripted.drop("This is cut off in the middle of it", after=4),
        scripted.say("At last."),
    )
    events = await turn(session, "Hi")
    retries = of(events, e.Retry)
    assert [(retry.attempt, retry.of) for retry in retries] == [(1, 4), (2, 4)] and retries[0].wait_s == 0.1
    last = events.index(retries[-1])
    after = "".join(d.text for d in events[last:] if isinstance(d, e.Delta) and d.of == "assistant_message")
    assert after == said(events) == "At last." and ended(events) == "done"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (scripted.error(401, "bad key sk-abcdefgh12345"), "refused the key"),
        (scripted.error(404, "model not found"), "does not know the model"),
        (scripted.error(400, "something odd"), "failed: something odd"),
        (scripted.error(503, "overloaded"), "failed: overloaded"),
        (scripted.error(500, "boom"), "failed: boom"),
    ],
)
async def test_one_clear_error_and_nothing_lost(
    roster: Roster, server: ModelServer, answer: Scripted, words: str
) -> None:
    session = await make_session(roster, server, retries=0)
    server.script(answer)
    events = await turn(session, "Keep this.")
    (error,) = of(events, e.Error)
    assert words in error.message and error.hint and "sk-abcdefgh" not in error.message
    assert ended(events) == "error" and session.state.turn is None
    events = await turn(session, "Next.")
    assert said(events) == "You said: Next."
    assert "Keep this." in json.dumps(server.requests[-1]["messages"])


async def test_nobody_there(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, retries=1, model_endpoint="http://127.0.0.1:9/v1")
    events = await turn(session, "Hi")
    assert len(of(events, e.Retry)) == 1 and "cannot be reached" in of(events, e.Error)[0].message


async def test_a_silent_server_times_out(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, retries=0, request_timeout=1.0)
    server.script(scripted.hang())
    events = await turn(session, "Hi")
    assert ended(events) == "error" and "stopped answering" in of(events, e.Error)[0].message
    assert server.closed_early.wait(SOON_S)


# --- stopping -------------------------------------------------------------------------------------------------


async def stopped_after(session: Session, kind: type[e.Event], text: str = "Go") -> tuple[list[e.Event], float]:
    """A turn that is cancelled as soon as an event of that kind is seen; and how long its end took then."""
    events: list[e.Event] = []
    at = 0.0
    async for event in session.submit(text, {}):
        events.append(event)
        if isinstance(event, kind) and not at:
            at = time.monotonic()
            session.turns.cancel()
    return events, time.monotonic() - at


async def test_stopped_while_it_speaks(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(scripted.slow("word " * 500, 50))
    events, took = await stopped_after(session, e.Delta)
    assert ended(events) == "cancelled" and took < SOON_S and server.closed_early.wait(SOON_S)
    (kept,) = of(events, e.AssistantMessage)
    assert kept.interrupted and ("word " * 500).startswith(kept.text)
    shown = "".join(delta.text for delta in of(events, e.Delta))
    assert shown == kept.text
    (usage,) = of(events, e.Usage)  # of a provider that gives no figures then: our own
    assert usage.prompt_tokens > 500 and 0 < usage.completion_tokens < 500
    (end,) = of(events, e.TurnEnd)
    assert (end.prompt_tokens, end.completion_tokens) == (usage.prompt_tokens, usage.completion_tokens)
    assert await session.journal.folded() == session.state and session.state.turn is None
    assert said(await turn(session, "Next")) == "You said: Next"


@pytest.mark.parametrize("kind", [e.UserMessage, e.FunctionCall, e.Retry])
async def test_stopped_at_any_other_instant(roster: Roster, server: ModelServer, kind: type[e.Event]) -> None:
    session = await make_session(roster, server)
    if kind is e.Retry:
        server.script(scripted.error(503), scripted.say("late"))
    else:
        server.script(scripted.call("conversation_search", heartbeat=True, query="x"), scripted.hang())
    events, took = await stopped_after(session, kind)
    server.unscript()
    assert ended(events) == "cancelled" and took < SOON_S
    assert await session.journal.folded() == session.state
    assert session.state.turn is None and session.state.pending == ()
    assert said(await turn(session, "Next")) == "You said: Next"
    check_pairs(server.requests[-1]["messages"])


def check_pairs(messages: list[dict[str, Any]]) -> None:
    called = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
    returned = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert called == returned


async def test_what_waits_can_be_taken_back(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server)
    server.script(scripted.hang())
    first = asyncio.create_task(collect(session, "First"))
    while not server.requests:
        await asyncio.sleep(0.02)
    second = asyncio.create_task(collect(session, "Second"))
    await asyncio.sleep(0.05)
    assert session.activity().queued == ["Second"]
    assert session.turns.drop() == ["Second"]
    session.turns.cancel()
    assert ended(await first) == "cancelled" and await second == []
    texts = [step.text("text") for step in await session.journal.steps(kinds=("user",))]
    assert texts == ["First"]


async def test_what_waits_goes_back_to_whoever_sent_it(roster: Roster, server: ModelServer) -> None:
    """Where the model is stopped: to others than the one that stops it with the end of their own request."""
    session = await make_session(roster, server)
    server.script(scripted.hang())
    first = asyncio.create_task(collect(session, "First"))
    while not server.requests:
        await asyncio.sleep(0.02)
    here, there, gone = object(), object(), object()
    askers = (there, here, gone, there, there)
    waiting = [session.submit(f"{number}", {}, asker) for number, asker in enumerate(askers)]
    waiting[2].orphaned()
    assert session.turns.take_back(4, "4", here) == "4" and waiting[4].back == []
    assert session.turns.drop(here) == ["1", "2"]
    assert [turn.back for turn in waiting[:4]] == [["0", "3"], None, None, None]
    assert [[event async for event in turn] for turn in waiting] == [[]] * 5
    session.turns.cancel()
    await first


async def collect(session: Session, text: str) -> list[e.Event]:
    return await turn(session, text)
