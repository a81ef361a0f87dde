"""Paging, over real HTTP: whatever is said, the window holds, calls keep their returns, and nothing is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.slash.commands import change_settings
from memgpt import events as e
from tests.support import model_server as scripted
from tests.support.agents import make_session, open_roster, run, turn
from tests.support.model_server import ModelServer

WORDS = ("chess", "Zürich", "写真を撮る", "🎲🎲", "launch", "a" * 40, "maria@example.org", "3f2a-77", "\u202eabc", "\n")
TURNS = st.lists(
    st.tuples(st.integers(1, 900), st.sampled_from(["say", "plain", "tool", "two", "unsaid"])), min_size=3, max_size=14
)

# In its twelfth turn a question and a step of three calls, of which nothing may leave, are one token too many.
FULL_STEP = [
    (738, "plain"), (714, "two"), (297, "plain"), (900, "tool"), (88, "unsaid"), (200, "say"), (35, "unsaid"),
    (332, "plain"), (219, "tool"), (301, "unsaid"), (826, "plain"), (431, "two"), (163, "two"), (595, "tool"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Any:
    with ModelServer() as running:
        yield running


def text_of(size: int, rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(size))


def answers(kind: str, size: int, rng: random.Random) -> list[scripted.Scripted]:
    said = scripted.say(text_of(min(size, 80), rng), thought="Hm. " + text_of(5, rng))
    search = scripted.call("conversation_search", heartbeat=True, query="chess")
    match kind:
        case "say":
            return [said]
        case "plain":
            return [scripted.plain(text_of(20, rng))]
        case "tool":
            return [
                search,
                scripted.call("core_memory_append", heartbeat=True, name="human", content="plays chess"),
                said,
            ]
        case "two":
            return [scripted.calls(search, scripted.call("archival_memory_insert", content=text_of(30, rng)), said)]
    return [scripted.call("archival_memory_insert", content=text_of(9, rng)), said]


@pytest.mark.timeout(400)  # on a machine that is busy otherwise
@settings(max_examples=4, suppress_health_check=list(HealthCheck), deadline=None)
@example(window=2048, turns=FULL_STEP, seed=48)
@given(window=st.sampled_from([2048, 3000, 4096, 8192, 16384, 200_000]), turns=TURNS, seed=st.integers(0, 999))
def test_every_invariant_holds(server: ModelServer, window: int, turns: Sequence[tuple[int, str]], seed: int) -> None:
    asyncio.run(conversation(server, window, turns, random.Random(seed)))


async def conversation(server: ModelServer, window: int, turns: Sequence[tuple[int, str]], rng: random.Random) -> None:
    server.requests.clear()
    server.window = window
    scale = max(1, window // 8192)
    with tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            session = await make_session(roster, server, window)
            session.corpus.backlog.pause()  # giant messages, which are not looked for by meaning
            for number, (size, kind) in enumerate(turns):
                server.unscript()
                server.fallback = by_kind(answers(kind, size, rng))
                text = f"turn {number}: {text_of(size * scale, rng)}"
                events = await turn(session, text)
                check_turn(events, kind)
                check_ledger(await session.context())
            check_requests(server.requests, window)
            assert await session.journal.folded() == session.journal.state
            stored = [step.text("text") for step in await session.journal.steps(kinds=("user",))]
            assert [line.partition(":")[0] for line in stored] == [f"turn {n}" for n in range(len(turns))]


def by_kind(script: list[scripted.Scripted]) -> Any:
    """The script for calls with functions; summaries, which have none, are answered by themselves."""
    left = list(script)

    def answer(request: dict[str, Any]) -> scripted.Scripted:
        if not request.get("tools"):
            return scripted.plain("They talked about chess, at length.")
        return replace(left.pop(0), fragment=200) if left else scripted.say("Done.")

    return answer


def check_turn(events: Sequence[e.Event], kind: str) -> None:
    ends = [event for event in events if isinstance(event, e.TurnEnd)]
    assert isinstance(events[-1], e.TurnEnd) and len(ends) == 1
    assert ends[0].reason == "done", [event for event in events if isinstance(event, e.Error)]
    assert any(isinstance(event, e.AssistantMessage) for event in events), kind
    pressure = [event for event in events if isinstance(event, e.MemoryPressure)]
    evicted = [place for place, event in enumerate(events) if isinstance(event, e.Evicted)]
    assert len(pressure) <= 1
    if evicted and pressure:
        assert events.index(pressure[0]) < evicted[0]


def check_ledger(context: e.ContextChanged) -> None:
    assert sum(section["tokens"] for section in context.sections) == context.total
    assert 0 < context.warn <= context.flush < context.window


def check_requests(requests: Sequence[dict[str, Any]], window: int) -> None:
    for request in requests:
        assert request["prompt_tokens"] + request["max_tokens"] <= window
        messages = request["messages"]
        assert [message["role"] for message in messages].count("system") == 1 and messages[0]["role"] == "system"
        called: set[str] = set()
        for message in messages:
            called |= {entry["id"] for entry in message.get("tool_calls") or ()}
            if message["role"] == "tool":
                assert message["tool_call_id"] in called
        if request.get("tools"):
            assert any(is_user_message(message) for message in messages)
            returned = {message.get("tool_call_id") for message in messages}
            assert called <= returned


def is_summariser(request: dict[str, Any]) -> bool:
    return str(request["messages"][0]["content"]).startswith("You keep the memory")


def is_user_message(message: dict[str, Any]) -> bool:
    return message["role"] == "user" and '"type": "user_message"' in str(message["content"])


async def test_the_prefix_stays_without_an_edit(tmp_path: Path, server: ModelServer) -> None:
    server.requests.clear()
    server.window = None
    server.fallback = lambda request: scripted.say("Noted, and a few more words.")
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server, 16384)
        for number in range(8):
            await turn(session, f"Message number {number} about this and that.")
    prompts = [json.dumps(request["messages"])[:-1] for request in server.requests]
    for earlier, later in itertools.pairwise(prompts):
        assert later.startswith(earlier)


async def test_a_window_too_small_is_one_clear_error_before_any_call(tmp_path: Path, server: ModelServer) -> None:
    server.requests.clear()
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server, 1200)
        events = await turn(session, "Hello")
    errors = [event for event in events if isinstance(event, e.Error)]
    assert len(errors) == 1 and "too small by" in errors[0].message
    assert server.requests == []


async def test_core_memory_never_takes_the_room_to_talk_in(tmp_path: Path, server: ModelServer) -> None:
    server.requests.clear()
    server.window = 2048
    more = scripted.call("core_memory_append", heartbeat=True, name="human", content="🏔️🎻" * 40)
    refused: list[str] = []
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server, 2048)
        for number in range(6):
            server.unscript()
            server.fallback = by_kind([more, more, scripted.say("Noted.")])
            events = await turn(session, f"turn {number}: " + "words and words " * 60)
            check_turn(events, "say")
            refused += [event.text for event in events if isinstance(event, e.FunctionReturn) and event.status != "OK"]
        assert len(session.state.blocks["human"].text) < session.state.blocks["human"].limit
    assert refused and all("no room for the conversation" in text for text in refused)
    check_requests(server.requests, 2048)


async def test_a_step_of_many_calls_is_cut_to_the_window(tmp_path: Path, server: ModelServer) -> None:
    server.requests.clear()
    server.window = 2048
    many = scripted.calls(*(scripted.call("conversation_search", True, query=f"{n} 🎲🎲") for n in range(24)))
    server.fallback = by_kind([scripted.say("Hello."), many, scripted.say("Done."), scripted.say("Still here.")])
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server, 2048)
        await turn(session, "Hello")
        events = await turn(session, "Look everything up.")
        assert await session.journal.folded() == session.journal.state
        cut = len(server.requests)
        wider = {"model": "openai/other", "context_window": 8192}  # all that is held is packed anew
        await change_settings(session, wider)
        check_turn(await turn(session, "And now?"), "say")
    check_turn(events, "say")
    assert any(isinstance(event, e.Notice) and "to fit the window" in event.text for event in events)
    check_requests(server.requests[:cut], 2048)
    check_requests(server.requests[cut:], 8192)
    last = server.requests[cut - 1]["messages"][-1]
    assert "too large for your context" in last["content"]
    assert "Look everything up" in json.dumps(server.requests[cut - 1])


async def test_an_evicted_fact_is_found_again(tmp_path: Path, server: ModelServer) -> None:
    server.window = 2400
    server.fallback = lambda r: scripted.say("Good.") if r.get("tools") else scripted.plain("Small talk.")
    seen: list[e.Event] = []
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server, 2400)
        await turn(session, "My locker code is Quartz-4411.")
        for number in range(14):
            seen += await turn(session, f"Filler {number}: " + "the weather is mild and the train was late " * 8)
        assert any(isinstance(event, e.MemoryPressure) for event in seen)
        assert any(isinstance(event, e.Evicted) for event in seen)
        held = json.dumps([item.sent for item in session.state.queue])
        assert "Quartz-4411" not in held
        server.script(
            scripted.call("conversation_search", heartbeat=True, query="locker code Quartz-4411"),
            scripted.say("It is Quartz-4411."),
        )
        events = await turn(session, "What is my locker code?")
    returned = next(event for event in events if isinstance(event, e.FunctionReturn))
    assert returned.status == "OK" and "Quartz-4411" in returned.text and returned.text.startswith("Showing ")


async def test_a_message_larger_than_the_window_is_stored_whole(tmp_path: Path, server: ModelServer) -> None:
    """And shown as head and tail, also after the queue was packed anew for another model or protocol."""
    server.window = 4096
    server.requests.clear()
    server.fallback = lambda r: scripted.plain("Long text.") if is_summariser(r) else scripted.say("Read.")
    text = "start " + "middle words again and again " * 3000 + "end"
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server, 4096)
        events = await turn(session, text)
        assert isinstance(events[-1], e.TurnEnd) and events[-1].reason == "done"
        (step,) = await session.journal.steps(kinds=("user",))
        for setting in ({"protocol": "text"}, {"protocol": "tools"}, {"model": "openai/other"}):
            assert await change_settings(session, setting) == "", "nothing has to leave for it"
            assert (await session.context()).total < 3000
            await turn(session, "And now?")
        await run(session, f"/rewrite {text}")
        assert (await session.context()).total < 4096 and session.state.evicted == 0
    assert step.text("text") == text
    sent = next(m for r in server.requests for m in r["messages"] if is_user_message(m) and "start" in m["content"])
    assert "characters left out" in sent["content"] and "end" in sent["content"]
