"""What the model was sent at any step is what its server received, byte for byte; the line of all calls; differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.roster import Roster
from core.session import Session
from core.slash.commands import change_settings
from core.store.journal import Draft
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.agents import asked, ended, make_session, run, turn
from tests.support.model_server import ModelServer

SUMMARY = "You keep the memory"
LONG = "A long story about the hive and what became of it in the winter of that year, told in many words. " * 12


def received(server: ModelServer) -> list[dict[str, Any]]:
    """The calls of the turns, without those of the summariser."""
    return [each for each in server.requests if not each["messages"][0]["content"].startswith(SUMMARY)]


async def calls_of(session: Session) -> list[int]:
    return [step.id for step in await session.journal.steps(kinds=("call",))]


async def eventful(session: Session, server: ModelServer, tmp_path: Path) -> None:
    """A conversation in which everything happens that changes prompts."""
    server.script(
        scripted.call("core_memory_append", heartbeat=True, thought="Note.", name="human", content='Keeps "bees" 🐝.'),
        scripted.say("Noted: \\ \u2028 <bees>"),
    )
    await turn(session, "I keep bees.\n\tReally.")
    swapped = tmp_path / "other.txt"
    swapped.write_text("Be terse. Answer with send_message. Übrigens: JSON object.", encoding="utf-8")
    await run(session, f"/systemswap {swapped}", True)
    for number in range(8):
        await turn(session, f"{number}. {LONG}")
    assert session.state.evicted, "the window is narrow enough for evictions"
    await run(session, "/human Keeps wasps now.")
    await turn(session, "And now?")
    await run(session, "/model openai/other")
    await turn(session, "Who are you?")
    await run(session, "/rewrite Somebody else.")
    await change_settings(session, {"protocol": "text" if session.state.settings["protocol"] == "json" else "json"})
    await turn(session, "Are you?")


@pytest.mark.parametrize("protocol", ["tools", "json", "text"])
async def test_every_call_is_shown_as_the_server_got_it(
    roster: Roster, server: ModelServer, tmp_path: Path, protocol: str
) -> None:
    session = await make_session(roster, server, 4096, protocol=protocol)
    await eventful(session, server, tmp_path)
    steps, got = await calls_of(session), received(server)
    assert len(steps) == len(got) >= 10
    for step, request in zip(steps, got, strict=True):
        shown = await asked(roster, "show", agent="ada", what="context", at=step)
        assert shown["step"] == step and shown["sent"] and not shown["forgotten"]
        assert exact(shown["messages"]) == exact(request["messages"])
        assert exact(shown["tools"]) == exact(request.get("tools", []))
        assert exact(shown["response_format"]) == exact(request.get("response_format"))
        assert sum(section["tokens"] for section in shown["sections"]) == shown["total"] == request["prompt_tokens"]
    between = await asked(roster, "show", agent="ada", what="context", at=steps[3] + 1)
    assert between["step"] == steps[3], "a step that is no call: the last call before it"


def exact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


async def test_a_call_that_was_left_is_shown_too(session: Session, roster: Roster, server: ModelServer) -> None:
    await turn(session, "First.")
    (left,) = await calls_of(session)
    await run(session, "/pop 3")
    await turn(session, "Second.")
    shown = await asked(roster, "show", agent="ada", what="context", at=left)
    assert exact(shown["messages"]) == exact(server.requests[0]["messages"]) and shown["step"] == left
    rows = await asked(roster, "show", agent="ada", what="messages", at=left + 1)
    assert [row["text"] for row in rows] == ["First.", "You said: First."], "and what was said up to it"
    (line,) = (await asked(roster, "timeline", agent="ada", at=left))["calls"]
    assert (line["step"], line["total"], line["source"]) == (left, shown["total"], "provider")
    for what in ("context", "messages", "memory", "history"):
        with pytest.raises(UserError, match="no step 999"):
            await asked(roster, "show", agent="ada", what=what, at=999)
    with pytest.raises(UserError, match="No model was called"):
        await asked(roster, "show", agent="ada", what="context", at=1)


async def test_a_call_without_an_answer_has_not_that_of_the_next(
    session: Session, roster: Roster, server: ModelServer
) -> None:
    server.script(scripted.error(400, "no"), scripted.say("Yes."))
    await turn(session, "First.")
    await turn(session, "Second, a good deal longer than the first.")
    failed, good = await calls_of(session)
    assert (await asked(roster, "show", agent="ada", what="context", at=failed))["source"] == "own"
    assert (await asked(roster, "show", agent="ada", what="context", at=good))["source"] == "provider"


@pytest.mark.parametrize("protocol", ["json", "text"])
async def test_a_question_that_was_sent_again_is_shown_with_what_was_wrong(
    roster: Roster, server: ModelServer, protocol: str
) -> None:
    """It is one step of the turn all the same; and what could not be used is forgotten with the rest."""
    session = await make_session(roster, server, protocol=protocol, max_steps=2)
    broken = '{"name": "send_massage", "arguments": {"message": "Zorn."}}'
    server.script(scripted.plain(broken), scripted.plain(broken[:-3]))
    server.script(scripted.call("conversation_search", heartbeat=True, query="x"), scripted.say("Nothing."))
    assert ended(await turn(session, "Hi")) == "done"
    steps = await calls_of(session)
    assert len(steps) == len(server.requests) == 4
    for step, request in zip(steps, server.requests, strict=True):
        shown = await asked(roster, "show", agent="ada", what="context", at=step)
        assert exact(shown["messages"]) == exact(request["messages"]) and not shown["forgotten"]
        assert sum(section["tokens"] for section in shown["sections"]) == shown["total"] == request["prompt_tokens"]
        assert sum(block["tokens"] for block in shown["blocks"]) == shown["total"]
    shown = await asked(roster, "show", agent="ada", what="context", at=steps[2])
    assert "could not be used" in exact(shown["messages"][-1]) and shown["source"] == "provider"
    await asked(roster, "forget", agent="ada", text="Zorn", confirmed=True)
    shown = await asked(roster, "show", agent="ada", what="context", at=steps[2])
    assert shown["forgotten"] == ["messages"] and "Zorn" not in exact(shown)


async def test_cached_tokens_are_those_that_the_model_reads_first(
    session: Session, roster: Roster, server: ModelServer
) -> None:
    from dataclasses import replace

    server.script(replace(scripted.say("Yes."), cached=300))
    await turn(session, "First.")
    shown = await asked(roster, "show", agent="ada", what="context", at=(await calls_of(session))[0])
    assert sum(section["cached"] for section in shown["sections"]) == 300
    left = 300
    for section in shown["sections"]:
        assert section["cached"] == min(left, section["tokens"])
        left -= section["cached"]


async def test_what_was_forgotten_is_said_to_be(session: Session, roster: Roster, server: ModelServer) -> None:
    server.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Owes Zorn money."),
        scripted.say("OK."),
    )
    await turn(session, "I owe Zorn money.")
    await turn(session, "Well?")
    first, *_, last = await calls_of(session)
    await asked(roster, "forget", agent="ada", text="Zorn", confirmed=True)
    shown = await asked(roster, "show", agent="ada", what="context", at=last)
    assert set(shown["forgotten"]) == {"core_memory.human", "messages"} and "Zorn" not in exact(shown)
    assert (await asked(roster, "show", agent="ada", what="context", at=first))["forgotten"] == ["messages"]


async def test_a_replay_does_without_what_it_is_to_do_without(
    session: Session, roster: Roster, server: ModelServer
) -> None:
    """Not in a call that wrote it, not on a page, not in the summary; where it stands in words of others, that is said."""
    server.fallback = lambda request: scripted.say("I see.")
    server.script(scripted.call("archival_memory_insert", heartbeat=True, content='Ada keeps "bees" in Lundy.'))
    await turn(session, "Write down what I keep.")
    (kept,) = [step.id for step in await session.journal.steps(kinds=("return",)) if "passage" in step.texts]
    cat = await question(session, "My cat is named Quibble.")
    await run(session, "/human Her cat: My cat is named Quibble.")
    one = await question(session, "What do I keep?")
    for _ in range(2):
        told = await asked(
            roster, "replay", agent="ada", **{"from": one, "without": [f"m{kept}", f"m{cat}"], "turns": 1}
        )
        sent = exact(server.requests[-1]["messages"][1:])
        assert "What do I keep?" in sent and "bees" not in sent and "Quibble" not in sent
        assert told["notes"][-1] == f"The words of m{cat} still stand in core memory (human)."
        assert told["notes"][:-1] == [
            f"The summary was made again without m{kept}, m{cat}: it is an extract of what else had left."
        ] * bool(session.state.evicted)
        assert ("Write down" in sent) and session.state.queue, "what else was said is there"
        await run(session, "/summarize")
        one = await question(session, "What do I keep?")


async def question(session: Session, text: str) -> int:
    """The step of a question, once it is answered."""
    await turn(session, text)
    return (await session.journal.steps(kinds=("user",), limit=1))[0].id


async def test_the_line_of_calls(roster: Roster, server: ModelServer) -> None:
    session = await make_session(roster, server, 4096)
    server.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."),
        scripted.call("conversation_search", heartbeat=True, query="bees"),
        scripted.say("Noted."),
    )
    await turn(session, "I keep bees.")
    for number in range(5):
        await turn(session, f"{number}. {LONG}")
    await run(session, "/pop 3")
    await run(session, "/retry")
    told = await asked(roster, "timeline", agent="ada")
    calls = told["calls"]
    assert [call["step"] for call in calls] == await calls_of(session)
    kinds = {mark["kind"] for call in calls for mark in call["marks"]}
    assert kinds >= {"edit", "search", "evicted", "rewound"} and "pressure" in kinds
    assert [mark["kind"] for mark in calls[1]["marks"]] == ["edit"] and calls[2]["marks"][0][
        "text"
    ] == "conversation_search bees"
    for call in calls:
        shown = await asked(roster, "show", agent="ada", what="context", at=call["step"])
        assert (call["total"], call["window"], call["source"]) == (shown["total"], shown["window"], "provider")
        assert 0 < call["warn"] < call["flush"] <= call["window"]
    page = await asked(roster, "timeline", agent="ada", before=calls[4]["step"], limit=2)
    assert page["calls"] == calls[2:4], "a page has the marks of its calls, the first of them too"
    assert told["since"] == [] and (await run(session, "/human Other.")) and (
        [mark["kind"] for mark in (await asked(roster, "timeline", agent="ada"))["since"]] == ["edit"]
    )  # fmt: skip


async def test_the_line_of_ten_thousand_calls_reads_no_more_than_it_shows(session: Session, roster: Roster) -> None:
    """Each call is two rows without their texts; a page of it does not read the rest."""
    call = {"model": "m", "protocol": "tools", "window": 8192, "parts": [], "summary": None, "queue": [], "own": 5}
    told = {"prompt_tokens": 9, "cached_tokens": 0, "cost_usd": None}
    drafts = [Draft("call", call), Draft("reply", {"calls": [], "told": told}, {"said": "x" * 1000})]
    await session.journal.append(*(drafts * 10_000))
    page = await asked(roster, "timeline", agent="ada")
    assert len(page["calls"]) == 400 and {each["total"] for each in page["calls"]} == {9}
    assert len((await asked(roster, "timeline", agent="ada", limit=20_000))["calls"]) == 10_000


async def test_who_else_holds_what_is_forgotten_is_named(session: Session, roster: Roster) -> None:
    await turn(session, "Zorn owes me money.")
    await asked(roster, "fork_agent", agent="ada", name="eve")
    found = await asked(roster, "forget", agent="ada", text="Zorn", confirmed=True)
    assert found["elsewhere"] == ["agent eve"]
