"""The meter against the provider's own count, before each prompt is sent; benchmarks/ledger.py has the whole table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from core.llm.probe import probed
from core.roster import Roster
from core.session import Session
from core.slash.commands import change_settings
from memgpt import events as e
from memgpt.config import AgentConfig
from tests.support import model_server as scripted
from tests.support.agents import make_session, of, run, turn
from tests.support.ledgers import SAID, answering, errors, errors_by_call, openai_style
from tests.support.model_server import ModelServer, Scripted, prompt_tokens


def with_hidden_words(body: Mapping[str, Any]) -> int:
    """A provider that counts a tenth more than we do, and adds 300 tokens to every prompt."""
    return round(prompt_tokens(body) * 1.1) + 300


def with_smaller_pieces(body: Mapping[str, Any]) -> int:
    """A provider that cuts what is not ASCII into more pieces than we do."""
    written = "".join(message.get("content") or "" for message in body["messages"])
    return prompt_tokens(body) + sum(not letter.isascii() for letter in written)


async def talked(roster: Roster, model: str, count: Callable[[Mapping[str, Any]], int], turns: int = 14) -> Session:
    with ModelServer(fallback=answering) as server:
        server.count = count
        wanted = AgentConfig(name="ada", model=model, model_endpoint=server.url, context_window=8192)
        session = await roster.session(await roster.create(wanted))
        for number in range(turns):
            await turn(session, SAID[number % len(SAID)])
    return session


@pytest.mark.parametrize(
    ("model", "count"),
    [("openai/scripted", prompt_tokens), ("openai/gpt-4o", openai_style)],
    ids=["the same count", "OpenAI's formula"],
)
async def test_the_first_prompt_is_known_within_eight_per_cent(
    roster: Roster, model: str, count: Callable[[Mapping[str, Any]], int]
) -> None:
    first, *later = await errors(await talked(roster, model, count))
    assert abs(first) <= 0.08 and len(later) > 14
    assert max(map(abs, later)) <= 0.02


@pytest.mark.parametrize(
    ("nonsense", "from_the_first"), [(99_999_999, True), (18_500, False), (3, True), (3, False), (-5, False)]
)
async def test_a_count_that_cannot_be_right_is_not_believed(
    roster: Roster, nonsense: int, from_the_first: bool
) -> None:
    """Neither of this agent's prompts nor, remembered, of the next agent's: no window is closed, and none overflows."""
    with ModelServer(window=4096) as server:
        for name in ("ada", "grace"):
            wanted = AgentConfig(name=name, model="openai/scripted", model_endpoint=server.url, context_window=4096)
            session = await roster.session(await roster.create(wanted))
            server.reported = lambda tokens: nonsense if from_the_first else tokens
            for number in range(8):
                events = await turn(session, SAID[number % len(SAID)] * 4)
                assert not of(events, e.Error)
                server.reported = lambda tokens: nonsense
            context = await session.context()
            assert context.total <= 4096 and min(row["tokens"] for row in context.sections) >= 0
            assert all(request["prompt_tokens"] + request["max_tokens"] <= 4096 for request in server.requests)
            told = [event.prompt_tokens for event in of(events, e.Usage)]
            assert told and all(0 < tokens <= 4096 for tokens in told)


async def test_an_unknown_count_is_known_from_the_second_call_on(roster: Roster) -> None:
    session = await talked(roster, "openai/scripted", with_hidden_words)
    _, *later = await errors(session)
    assert max(map(abs, later)) <= 0.02
    context = await session.context()
    assert context.source == "provider" and sum(row["tokens"] for row in context.sections) == context.total


async def test_what_leaves_takes_along_what_it_was_counted_for(roster: Roster) -> None:
    session = await talked(roster, "openai/scripted", with_smaller_pieces, turns=17)
    (evicted, *_) = await session.journal.steps(kinds=("evict",))
    after = next(error for call, error in (await errors_by_call(session)).items() if call > evicted.id)
    assert evicted.body["counted"] > evicted.body["tokens"] and abs(after) <= 0.01


@pytest.mark.parametrize("windows", [(8192, 32_768), (32_768, 8192)])
async def test_an_unknown_count_is_known_to_another_agent_at_its_first_call(
    roster: Roster, windows: tuple[int, int]
) -> None:
    found = []
    with ModelServer(fallback=answering) as server:
        server.count = with_hidden_words
        for name, window in zip(("ada", "bob"), windows, strict=True):
            wanted = AgentConfig(name=name, model="openai/scripted", model_endpoint=server.url, context_window=window)
            session = await roster.session(await roster.create(wanted))
            assert (await session.context()).source == "own"
            await turn(session, SAID[0])
            found.append((await errors(session))[0])
    assert abs(found[0]) > 0.2 > 0.08 >= abs(found[1])


async def test_a_live_test_call_shows_what_a_provider_adds(roster: Roster) -> None:
    """Its own words about functions, before the first prompt of any agent."""
    with ModelServer(fallback=answering) as server:
        server.count = lambda body: prompt_tokens(body) + 400 * bool(body.get("tools"))
        assert (await probed(roster.gateway, "openai/scripted", server.url, {})).ok
        wanted = AgentConfig(name="ada", model="openai/scripted", model_endpoint=server.url, context_window=8192)
        session = await roster.session(await roster.create(wanted))
        await turn(session, SAID[0])
        assert abs((await errors(session))[0]) <= 0.08


async def test_a_model_with_another_tokenizer_counts_core_memory_anew(roster: Roster, model: ModelServer) -> None:
    """What the first one counted for a text that stays the same is not the second one's, in no later prompt."""
    wanted = AgentConfig(name="ada", model="openai/scripted", model_endpoint=model.url, context_window=8192)
    session = await roster.session(await roster.create(wanted))
    await run(session, "/human " + "ก็ไม่รู้ 写真を撮る " * 30)
    await turn(session, SAID[0])
    for settings in ({"model": "openai/gpt-4"}, {"max_steps": 9}, {"context_window": 4096}, {"context_window": 8192}):
        await change_settings(session, settings)
        await turn(session, SAID[1])
    assert [call for call, error in (await errors_by_call(session)).items() if error] == []


async def test_the_meter_says_whose_number_it_shows(roster: Roster, model: ModelServer) -> None:
    wanted = AgentConfig(name="ada", model="openai/scripted", model_endpoint=model.url, context_window=8192)
    session = await roster.session(await roster.create(wanted))
    assert (await session.context()).source == "own"
    await turn(session, "Hello")
    shown = await session.context()
    assert isinstance(shown, e.ContextChanged) and shown.source == "provider"


async def test_a_guess_is_not_shown_for_a_providers_number(roster: Roster, model: ModelServer) -> None:
    """Of a provider that gives no figures, what we count stands; litellm would put an estimate in their place."""
    model.fallback = lambda request: Scripted(said="You said a lot.", usage=False)
    session = await make_session(roster, model, protocol="text")
    (told,) = of(await turn(session, SAID[0]), e.Usage)
    shown = await session.context()
    assert shown.source == "own" and told.completion_tokens > 0
    assert 0 < told.prompt_tokens < shown.total


@pytest.mark.parametrize("count", [prompt_tokens, with_hidden_words])
async def test_a_question_that_was_sent_again_is_known_by_what_was_sent(
    roster: Roster, model: ModelServer, count: Callable[[Mapping[str, Any]], int]
) -> None:
    """With a reply that could not be used and what is wrong with it, which the next prompt is without, and the first one of
    another agent."""
    model.count = count
    broken = scripted.plain(json.dumps({"name": "send_massage", "arguments": {"message": "words and more " * 60}}))
    session = await make_session(roster, model, protocol="text")
    for number in range(4):
        if number % 2 == 0:
            model.script(broken, broken, scripted.say("Right."))
        await turn(session, SAID[number])
    _, *later = await errors(session)
    assert len(later) == 3 and max(map(abs, later)) <= 0.02
    wanted = AgentConfig(name="bob", model="openai/scripted", model_endpoint=model.url, context_window=8192)
    other = await roster.session(await roster.create(wanted))
    await change_settings(other, {"protocol": "text"})
    await turn(other, SAID[0])
    assert abs((await errors(other))[0]) <= 0.08
