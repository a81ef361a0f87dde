"""What stands for the messages that have left: the facts stay, its reserve holds, and no summariser costs the user a turn."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from core.context.summary import extract, kept, sentences, without_rot
from core.roster import Roster
from core.session import Session
from core.turn import summarising
from memgpt import events as e
from tests.support import facts, hostile
from tests.support import model_server as scripted
from tests.support.agents import asked, make_session, run, turn
from tests.support.model_server import ModelServer, Scripted
from tests.support.patience import SOON_S

SUMMARISER = "You keep the memory"


def answering(summary: Scripted) -> Any:
    """Speaks to the user, and answers who asks for a summary with that."""

    def answer(request: dict[str, Any]) -> Scripted:
        asks = str(request["messages"][0]["content"]).startswith(SUMMARISER)
        return summary if asks else scripted.say("I see.")

    return answer


async def evicted(session: Session) -> list[e.Evicted]:
    """Talks until messages have left."""
    found: list[e.Event] = []
    for number in range(12):
        found += await turn(session, f"Filler {number}: " + "the weather was mild and the train was late " * 12)
        ends = [event for event in found if isinstance(event, e.TurnEnd)]
        assert ends[-1].reason == "done"
    return [event for event in found if isinstance(event, e.Evicted)]


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        (scripted.hang(), "took too long"),
        (scripted.error(500, "it broke"), "it broke"),
        (scripted.plain(""), "the model gave none"),
    ],
    ids=["hangs", "errs", "is empty"],
)
async def test_a_summariser_that_fails_costs_nothing(
    roster: Roster, server: ModelServer, monkeypatch: pytest.MonkeyPatch, summary: Scripted, words: str
) -> None:
    monkeypatch.setattr(summarising, "TIMEOUT_S", 0.3)
    server.fallback = answering(summary)
    session = await make_session(roster, server, 2600)
    await turn(session, "My locker code is Quartz-4411.")
    found = await evicted(session)
    assert found and "The summary is an extract" in found[0].note and words in found[0].note
    assert all("Quartz-4411" in event.summary for event in found)


async def test_a_model_that_was_too_slow_is_left_alone_for_a_while(
    roster: Roster, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summarising, "TIMEOUT_S", 0.3)
    server.fallback = answering(scripted.hang())
    session = await make_session(roster, server, 2600)
    assert len(await evicted(session)) >= 2
    asked_for = [r for r in server.requests if str(r["messages"][0]["content"]).startswith(SUMMARISER)]
    assert len(asked_for) == 1


async def test_a_summary_keeps_to_its_reserve(roster: Roster, server: ModelServer) -> None:
    server.fallback = answering(scripted.plain("Ada said that 写真 cost 4,711 🎲🎲. " * 400))
    session = await make_session(roster, server, 2600)
    assert await evicted(session)
    agent = await session.agent()
    assert session.state.summary and session.state.summary.tokens <= agent.manager.limits.summary


async def test_a_summary_can_be_stopped(roster: Roster, server: ModelServer) -> None:
    server.fallback = answering(scripted.hang())
    session = await make_session(roster, server, 8192)
    for number in range(3):
        await turn(session, f"Message {number}")
    running = asyncio.ensure_future(run(session, "/summarize"))
    for _ in range(5000):
        if any(str(r["messages"][0]["content"]).startswith(SUMMARISER) for r in server.requests):
            break
        await asyncio.sleep(0.02)
    began = time.monotonic()
    session.turns.cancel()
    await asyncio.wait({running})
    assert running.exception() is not None and time.monotonic() - began < SOON_S


@pytest.mark.parametrize("forgetful", [False, True], ids=["extracts", "a model that forgets"])
async def test_facts_outlive_twenty_evictions(roster: Roster, server: ModelServer, forgetful: bool) -> None:
    """What was planted before the first eviction stands in the summary or is found by search after the twentieth."""
    server.fallback = answering(scripted.plain("We talked about the weather." if forgetful else ""))
    session = await make_session(roster, server, 4096)
    result = await facts.planted(session, evictions=20)
    assert result.evictions >= 20
    assert result.in_summary >= 0.5 * len(facts.FACTS)
    for fact in facts.FACTS:
        found = await asked(roster, "search", agent="ada", kind="recall", query=fact.question, limit=5)
        assert fact.told in [hit["text"] for hit in found["results"]] or fact.answer in result.summary, fact.question


def test_what_a_model_drops_is_put_back() -> None:
    old = "User: My sister Clara lives in Porto. I promised to call Dr. Keller on 2026-05-03. We talked a while."
    fresh = "The weather was discussed at length. It rained. " * 3
    found = without_rot(fresh, old, [], 240)
    assert "Quartz-4411" in without_rot(fresh, "", ["User: My code is Quartz-4411."], 240)
    assert "Clara" in found and "2026-05-03" in found and len(found) <= 240
    assert without_rot("Clara of Porto; Keller 2026-05-03.", old, [], 240).count("Porto") == 1


def test_the_worthiest_sentences_stay_in_their_order() -> None:
    said = [
        "User: My code is Quartz-4411.",
        *(f"User: it was nice {'so ' * n}" for n in range(9)),
        "User: I promise to write.",
    ]
    found = kept(said, 70)
    assert "Quartz-4411" in found and found.index("Quartz") < found.index("promise") and len(found) <= 70


def test_no_text_breaks_an_extract() -> None:
    for words in hostile.WORDS:
        for size in (0, 1, 50, 700):
            assert len(extract(words * 40, [words * 30, f"User: {words}"], size)) <= size
    assert sentences("一つ目。二つ目？Three! four") == ["一つ目。", "二つ目？", "Three!", "four"]
