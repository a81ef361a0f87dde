"""What a turn, a session and an agent have cost, as front ends are told it."""

from __future__ import annotations

from pathlib import Path

import litellm
import pytest

from core.llm.caching import price
from core.roster import Roster
from core.session import Session
from tests.support import model_server as scripted
from tests.support.agents import asked, make_session, open_roster, run, turn
from tests.support.model_server import ModelServer


async def test_turn_session_and_agent(tmp_path: Path, server: ModelServer) -> None:
    server.script(scripted.cached(scripted.say("One."), 100), scripted.cached(scripted.say("Two."), 400))
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, server)
        await turn(session, "First")
        await turn(session, "Second")
        told = await asked(roster, "cost", agent="ada")
        first, second = (request["prompt_tokens"] for request in server.requests)
        assert told["turn"]["prompt_tokens"] == second and told["turn"]["cached_tokens"] == 400
        assert told["session"] == told["agent"]
        assert (told["agent"]["prompt_tokens"], told["agent"]["cached_tokens"]) == (first + second, 500)
        assert told["agent"]["completion_tokens"] > 0 and told["agent"]["cost_usd"] is None
        shown = await run(session, "/cost")
        assert f"{first + second:,} in (500 cached, {first + second - 500:,} fresh)" in shown.text
    async with open_roster(tmp_path) as roster:
        snapshot = (await asked(roster, "snapshot", agent="ada"))["snapshot"]
        assert snapshot["cost"]["session"]["prompt_tokens"] == 0
        assert snapshot["cost"]["agent"] == told["agent"] and snapshot["cost"]["turn"] == told["turn"]


async def test_what_was_taken_back_was_paid(session: Session, server: ModelServer, roster: Roster) -> None:
    await turn(session, "Hello")
    before = (await asked(roster, "cost", agent="ada"))["agent"]
    await run(session, "/pop 2")
    assert (await asked(roster, "cost", agent="ada"))["agent"] == before


async def test_a_summary_is_paid_too(session: Session, server: ModelServer, roster: Roster) -> None:
    for number in range(3):
        await turn(session, f"Message {number}")
    before = (await asked(roster, "cost", agent="ada"))["agent"]["prompt_tokens"]
    server.script(scripted.plain("They said hello."))
    await run(session, "/summarize")
    after = (await asked(roster, "cost", agent="ada"))["agent"]["prompt_tokens"]
    assert after == before + server.requests[-1]["prompt_tokens"]


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "anthropic/claude-haiku-4-5", "gpt-4o"])
def test_cached_tokens_have_their_own_price(model: str) -> None:
    details = litellm.types.utils.PromptTokensDetailsWrapper(cached_tokens=900)
    fresh = litellm.Usage(prompt_tokens=1000, completion_tokens=10, total_tokens=1010)
    read = litellm.Usage(
        prompt_tokens=1000, completion_tokens=10, total_tokens=1010, prompt_tokens_details=details,
        cache_read_input_tokens=900,
    )  # fmt: skip
    dear, cheap = price(litellm, model, 1000, 10, fresh), price(litellm, model, 1000, 10, read)
    assert dear and cheap and 0 < cheap < dear * 0.7
