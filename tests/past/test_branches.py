"""Nothing is lost by going back: checkpoints, the alternatives of an answer, forks from every step."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from core.operations.caller import Caller
from core.operations.table import operate
from core.roster import Roster
from core.session import Session
from core.slash import commands
from core.slash.commands import change_settings
from memgpt import events as e
from memgpt.config import AgentConfig
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.agents import asked, make_session, run, turn
from tests.support.model_server import ModelServer


async def said(session: Session) -> list[str]:
    from core.past.show import messages

    return [row["text"] for row in await messages(session, None, None) if row["role"] in ("user", "assistant")]


async def answers(roster: Roster, step: int | None = None) -> list[tuple[str, bool]]:
    return [(row["text"], row["current"]) for row in await asked(roster, "alternatives", agent="ada", step=step)]


async def test_the_alternatives_of_an_answer(session: Session, roster: Roster, server: ModelServer) -> None:
    server.script(scripted.say("One."), scripted.say("Two."), scripted.say("Three."), scripted.say("After."))
    await turn(session, "Q?")
    await run(session, "/retry")
    await run(session, "/retry")
    assert await answers(roster) == [("One.", False), ("Two.", False), ("Three.", True)]
    third = (await asked(roster, "alternatives", agent="ada"))[2]["step"]
    await turn(session, "More?")
    assert await answers(roster) == [("After.", True)], "the last answer has no other"
    await run(session, f"/alternative 1 at {third}")
    assert await said(session) == ["Q?", "One."]
    await run(session, "/alternative previous")
    assert await said(session) == ["Q?", "Three.", "More?", "After."], "with what was said after it"
    prompt = await next_prompt(session, server)
    assert "Three." in prompt and "One." not in prompt and "Two." not in prompt
    with pytest.raises(UserError, match="no answer '9'"):
        await run(session, "/alternative 9")


async def test_an_answer_that_was_chosen_is_the_place_even_where_something_was_taken_back_after_it(
    session: Session, roster: Roster, server: ModelServer
) -> None:
    server.script(scripted.say("One."), scripted.say("B."), scripted.say("Two."))
    await turn(session, "A?")
    await turn(session, "B?")
    await run(session, "/pop 3")
    await run(session, "/retry")
    for step, there in (("1", "One."), ("next", "Two."), ("previous", "One."), ("2", "Two.")):
        await run(session, f"/alternative {step}")
        assert await said(session) == ["A?", there]
        assert [text for text, _ in await answers(roster)] == ["One.", "Two."]


async def test_a_place_at_which_nothing_was_answered(session: Session, roster: Roster, server: ModelServer) -> None:
    """What was taken back may hold no words: an eviction, a call that failed. What answers an event has no question."""
    await turn(session, "A?")
    await turn(session, "B?")
    await run(session, "/save x")
    await run(session, "/summarize")
    await run(session, "/restore x", True)
    assert await answers(roster) == [("You said: B?", True)]
    server.script(scripted.call("conversation_search", heartbeat=True, query="A"), scripted.error(400, "odd"))
    searched = next(event for event in await turn(session, "C?") if isinstance(event, e.FunctionReturn))
    await asked(roster, "go_back", agent="ada", step=searched.step)
    assert await answers(roster) == [("", True)]
    server.script(scripted.say("Beat."))
    await run(session, "/heartbeat")
    await run(session, "/pop 1")
    assert (await run(session, "/alternative 1")).data == {"number": 1} and (await said(session))[-1] == "Beat."
    for number in ("²", "9" * 5000):
        with pytest.raises(UserError, match="no answer"):
            await run(session, f"/alternative {number}")
        with pytest.raises(UserError, match="whole number"):
            await run(session, f"/pop {number}")


async def test_what_is_taken_back_and_asked_again_by_several_at_once(session: Session, server: ModelServer) -> None:
    """Each answer stands after its own question, whoever was quicker: turns queue, and what would go back in the middle of
    one is refused."""

    async def does(line: str) -> None:
        with contextlib.suppress(UserError):
            outcome = await commands.run(session, line, False, {})
            if outcome.turn:
                [event async for event in outcome.turn]

    await turn(session, "alpha")
    await turn(session, "beta")
    for _ in range(6):
        await asyncio.gather(does("/retry"), does("/retry"), does("/pop 1"), does("/retry"))
        words = await said(session)
        assert words and words[1::2] == [f"You said: {question}" for question in words[::2]]
        await turn(session, "beta")
    assert await session.journal.folded() == session.state


async def next_prompt(session: Session, server: ModelServer) -> str:
    await turn(session, "And now?")
    return json.dumps(server.requests[-1]["messages"], ensure_ascii=False)


async def test_a_rewritten_answer_keeps_its_first_words(session: Session, roster: Roster, server: ModelServer) -> None:
    await turn(session, "Q?")
    await run(session, "/rewrite Better words.")
    await run(session, "/rewrite Best words.")
    assert await answers(roster) == [("You said: Q?", False), ("Better words.", False), ("Best words.", True)]
    await run(session, "/alternative 1")
    assert await answers(roster) == [("You said: Q?", True), ("Better words.", False), ("Best words.", False)]
    assert await found(session, "better best words") == []
    await run(session, "/alternative next")
    assert (await said(session))[-1] == "Better words." and await found(session, "better words") == ["Better words."]
    assert "Better words." in await next_prompt(session, server)
    await run(session, "/summarize")
    question = (await asked(roster, "show", agent="ada", what="messages"))[0]["step"]
    await asked(roster, "go_back", agent="ada", step=question, before=True)
    await turn(session, "Q?")
    before = session.state
    with pytest.raises(UserError, match="has left main context"):
        await run(session, "/alternative 1")
    assert session.state == before, "words that cannot be put back there are not gone over to"
    await run(session, "/alternative 2")
    assert (await said(session))[:2] == ["Q?", "Better words."]


async def found(session: Session, words: str) -> list[str]:
    from core.memory.search import Query

    agent = await session.agent()
    return [hit.text for hit in (await agent.external.find(Query(words, "recall", "text"))).hits]


async def test_what_was_popped_can_be_gone_on_from(session: Session, roster: Roster, server: ModelServer) -> None:
    await turn(session, "First.")
    await turn(session, "Second.")
    await run(session, "/pop 3")
    assert await answers(roster) == [("You said: Second.", False)]
    await run(session, "/alternative 1")
    assert (await said(session))[-2:] == ["Second.", "You said: Second."]


async def test_a_rewrite_keeps_its_words_when_the_model_changes(session: Session, server: ModelServer) -> None:
    await turn(session, "Q?")
    await run(session, "/rewrite Better words.")
    await change_settings(session, {"protocol": "text"})
    prompt = await next_prompt(session, server)
    assert "Better words." in prompt and "You said: Q?" not in prompt


async def test_a_line_of_an_earlier_protocol_is_packed_for_the_present_one(
    session: Session, server: ModelServer
) -> None:
    await turn(session, "Q?")
    await change_settings(session, {"protocol": "text"})
    await turn(session, "Q2?")
    await run(session, "/pop 2")
    await next_prompt(session, server)
    assert not any(
        message.get("tool_calls") or message["role"] == "tool" for message in server.requests[-1]["messages"]
    )


async def test_every_checkpoint_can_be_returned_to(session: Session) -> None:
    await turn(session, "A.")
    await run(session, "/save one")
    await turn(session, "B.")
    await run(session, "/human Changed.")
    await run(session, "/save Two")
    asks = await run(session, "/restore one")
    assert "message of yours" in asks.text and "change of memory by you" in asks.text and "Two" in asks.text
    await run(session, "/restore one", True)
    assert await said(session) == ["A.", "You said: A."]
    await run(session, "/restore two", True)
    assert len(await said(session)) == 4 and session.state.blocks["human"].text == "Changed."
    with pytest.raises(UserError, match=r"There are: Two, one"):
        await run(session, "/restore three")


async def test_a_fork_from_every_step_can_go_on(session: Session, roster: Roster, server: ModelServer) -> None:
    server.script(
        scripted.calls(scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."),
                       scripted.call("archival_memory_insert", heartbeat=True, content="Bees again.")),
        scripted.say("Noted."),
    )  # fmt: skip
    await turn(session, "I keep bees.")
    before, head = session.state, session.state.head
    for step in range(1, head + 1):
        made = await asked(roster, "fork_agent", agent="ada", name=f"fork {step}", at=step)
        fork = await roster.session(made["name"])
        assert fork.state.turn is None and not fork.state.pending and fork.state.name == f"fork {step}"
        assert await fork.journal.folded() == fork.state
        await turn(fork, "Go on.")
        calls = [call["id"] for message in server.requests[-1]["messages"] for call in message.get("tool_calls") or ()]
        results = [message["tool_call_id"] for message in server.requests[-1]["messages"] if message["role"] == "tool"]
        assert calls == results, "no call without its result"
    assert session.state == before, "the agent itself is as it was"
    assert roster.home.agent_names() == sorted(["ada", *(f"fork {step}" for step in range(1, head + 1))])


async def test_a_fork_and_its_agent_go_their_own_ways(session: Session, roster: Roster, server: ModelServer) -> None:
    await turn(session, "Shared.")
    await run(session, "/save early")
    made = await asked(roster, "fork_agent", agent="ada")
    assert made["name"] == "ada fork" and (await asked(roster, "fork_agent", agent="ada"))["name"] == "ada fork 2"
    fork = await roster.session("ada fork")
    await turn(fork, "Only here.")
    await turn(session, "Only there.")
    assert (await said(fork))[::2] == ["Shared.", "Only here."] and (await said(session))[::2] == [
        "Shared.",
        "Only there.",
    ]
    await run(fork, "/restore early", True)
    assert fork.state.name == fork.name and await said(fork) == ["Shared.", "You said: Shared."]
    with pytest.raises(UserError, match="already an agent"):
        await asked(roster, "fork_agent", agent="ada", name="ADA fork")
    with pytest.raises(UserError, match="no step 9999"):
        await asked(roster, "fork_agent", agent="ada", name="x", at=9999)
    assert not (roster.home.agents / "x").exists()


async def test_a_cancelled_fork_leaves_nothing(session: Session, roster: Roster) -> None:
    import asyncio

    task = asyncio.create_task(asked(roster, "fork_agent", agent="ada", name="half"))
    while roster.home.agents / "half" not in roster.making:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not (roster.home.agents / "half").exists() and not roster.making
    await turn(session, "The writer goes on.")


async def test_renamed_put_away_deleted_and_brought_back(session: Session, roster: Roster) -> None:
    heard: list[str] = []
    await turn(session, "Hello.")
    session.listen(lambda event: heard.append(type(event).__name__))
    made = await asked(roster, "rename_agent", agent="ada", name="Eve 2")
    assert made == {"name": "Eve 2"} and roster.home.agent_names() == ["Eve 2"]
    fresh = await roster.session("eve 2")
    assert "Rewound" in heard and "Notice" in heard and fresh.watched, "who looks on goes on looking on"
    await turn(fresh, "Still there?")
    with pytest.raises(UserError, match=r"no agent 'ada'.*called 'Eve 2' now"):
        await roster.session("ada")
    assert (await asked(roster, "rename_agent", agent="eve 2", name="EVE 2"))["name"] == "EVE 2"
    await asked(roster, "archive_agent", agent="eve 2")
    eve = await roster.session("eve 2")
    await run(eve, "/retry")
    assert eve.state.name == "EVE 2", "what is gone back over is not its name, nor where it is kept"
    (row,) = await asked(roster, "agents")
    assert row["archived"] and row["last_words"] == "You said: Still there?" and not row["busy"]
    log = roster.home.agent_file("EVE 2").with_suffix(".duckdb.wal")
    assert log.stat().st_size and row["bytes"] == log.stat().st_size + log.with_suffix("").stat().st_size
    await asked(roster, "archive_agent", agent="eve 2", away=False)
    assert not (await asked(roster, "agents"))[0]["archived"]
    await asked(roster, "delete_agent", name="eve 2", keep=True)
    assert roster.home.agent_names() == [] and await asked(roster, "agents") == []
    assert (await asked(roster, "undelete_agent", name="Eve 2"))["name"] == "EVE 2"
    assert len(await said(await roster.session("EVE 2"))) == 4
    with pytest.raises(UserError, match="No deleted agent"):
        await asked(roster, "undelete_agent", name="EVE 2")
    await asked(roster, "delete_agent", name="eve 2")
    with pytest.raises(UserError, match="no deleted agent"):
        await asked(roster, "undelete_agent")


async def test_who_looks_on_at_an_agent_that_was_deleted_looks_on_again(
    session: Session, roster: Roster, server: ModelServer
) -> None:
    """When it is brought back, another one is made of its name, or one is given its name."""
    heard: list[dict[str, Any]] = []
    caller = Caller(object(), "screen", {}, lambda agent, event: heard.append(event))
    async for _ in operate(roster, "attach", {"agent": "ada"}, caller):
        pass

    async def hears(text: str) -> Session:
        heard.clear()
        ada = await roster.session("ada")
        await turn(ada, text)
        assert [event["text"] for event in heard if event["type"] == "user_message"] == [text]
        return ada

    for _ in range(2):
        await asked(roster, "delete_agent", name="ada", keep=True)
        assert [event["text"] for event in heard if event["type"] == "notice"] == ["ada was deleted."]
        heard.clear()
        await asked(roster, "undelete_agent")
        told = [event.get("text", event["type"]) for event in heard]
        assert told == ["rewound", "ada is back."], "the screen is drawn anew"
        await hears("Are you there?")
    await asked(roster, "delete_agent", name="ada")
    await make_session(roster, server)
    await hears("Who are you?")
    await asked(roster, "delete_agent", name="ada")
    await roster.create(AgentConfig(name="eve", model="openai/scripted", model_endpoint=server.url))
    (await roster.session("eve")).listen(lambda event: None)
    await asked(roster, "rename_agent", agent="eve", name="ada")
    ada = await hears("And you?")
    await roster.create(AgentConfig(name="eve", model="openai/scripted", model_endpoint=server.url))
    assert not (await roster.session("eve")).watched, "they went with the name"
    for leave in caller.leaving:
        leave()
    heard.clear()
    await turn(ada, "Alone?")
    assert not heard


# --- why ------------------------------------------------------------------------------------------------------


async def test_why_a_line_of_core_memory(session: Session, roster: Roster, server: ModelServer) -> None:
    server.script(
        scripted.call("core_memory_append", heartbeat=True, thought="A fact.", name="human", content="Lives in Ulm."),
        scripted.say("Noted."),
        scripted.say("In Ulm."),
        scripted.call("core_memory_replace", heartbeat=True, name="human", old_content="Lives in Ulm.", new_content="Lives in Bonn."),
        scripted.say("Moved."),
    )  # fmt: skip
    await turn(session, "I live in Ulm.")
    await turn(session, "Where do I live?")
    await turn(session, "I moved to Bonn.")
    why = await asked(roster, "why", agent="ada", label="human", line="Lives in Bonn.")
    moved, first = why["made"]
    assert (moved["cause"], moved["before"], moved["after"]) == (
        "core_memory_replace",
        "Lives in Ulm.",
        "Lives in Bonn.",
    )
    assert [word["text"] for word in moved["words"] if word["role"] == "user"] == ["I moved to Bonn."]
    assert (first["cause"], first["before"]) == ("core_memory_append", "")
    assert [(word["role"], word["text"]) for word in first["words"][:2]] == [
        ("user", "I live in Ulm."),
        ("inner_monologue", "A fact."),
    ]
    assert first["words"][0]["id"] == "m2"
    assert [answer["text"] for answer in why["answers"]] == ["Moved."], "in context since it was made"
    await run(session, "/undo")
    told = (await run(session, "/why lives in ulm")).data
    assert [made["cause"] for made in told["made"]] == ["undo", "core_memory_append"]
    assert [answer["text"] for answer in told["answers"]] == ["In Ulm.", "Noted."]
    with pytest.raises(UserError, match="no line"):
        await asked(roster, "why", agent="ada", label="human", line="Lives in Rome.")


async def test_why_a_passage(session: Session, roster: Roster, server: ModelServer) -> None:
    server.script(
        scripted.call("archival_memory_insert", heartbeat=True, content="The launch is on the 14th."),
        scripted.say("Stored."),
        *[scripted.say("Mm.")] * 2,
    )
    await turn(session, "Launch: the 14th.")
    await turn(session, "Thanks.")
    await run(session, "/summarize")
    await turn(session, "Something else.")
    server.script(
        scripted.call("archival_memory_search", heartbeat=True, query="launch"),
        scripted.say("On the 14th."),
    )
    await turn(session, "When is it?")
    (hit,) = (await asked(roster, "search", agent="ada", kind="archival", query="launch"))["results"]
    why = await asked(roster, "why", agent="ada", passage=hit["id"])
    (made,) = why["made"]
    assert made["cause"] == "archival_memory_insert" and made["words"][0]["text"] == "Launch: the 14th."
    assert [answer["text"] for answer in why["answers"]] == ["On the 14th.", "Mm.", "Stored."], (
        "not while it was evicted"
    )
    await run(session, f"/passage edit {hit['id']} The launch is on the 15th.", True)
    newest, first = (await asked(roster, "why", agent="ada", text="launch is on the 15th"))["made"]
    assert (newest["cause"], newest["before"]) == ("user", "The launch is on the 14th.") and first[
        "cause"
    ] == "archival_memory_insert"
    with pytest.raises(UserError, match="nothing like"):
        await run(session, "/why elephants")


async def test_a_replay_from_a_step_that_was_left_asks_what_was_asked_there(
    session: Session, roster: Roster, server: ModelServer
) -> None:
    """With what stood before it, and up to where its line ends; as a fork at such a step does."""
    await turn(session, "Alpha?")
    await turn(session, "Beta?")
    await turn(session, "Beta again?")
    beta = (await session.journal.steps(kinds=("user",)))[1].id
    await run(session, "/pop 6")
    await turn(session, "Gamma?")
    left = (await session.journal.steps(kinds=("reply",)))[-1].id
    server.script(scripted.say("Otherwise."))
    await run(session, "/retry")
    here = (await session.journal.steps(kinds=("reply",)))[-1].id
    await turn(session, "Delta?")
    for start, wanted in (
        (beta, ["Beta?", "Beta again?"]),
        (left, ["Gamma?"]),
        (here, ["Gamma?", "Delta?"]),
        (1, ["Alpha?", "Gamma?", "Delta?"]),
    ):
        rows = (await asked(roster, "replay", agent="ada", **{"from": start}))["turns"]
        did = ["Otherwise." if text == "Gamma?" and start != left else f"You said: {text}" for text in wanted]
        assert [(row["question"], row["did"]) for row in rows] == list(zip(wanted, did, strict=True))
        assert all(row["would"] == f"You said: {row['question']}" for row in rows)
        prompt = json.dumps(server.requests[-1]["messages"])
        for text in ("Alpha?", "Beta?", "Gamma?"):
            assert (text in prompt) == (text in (*wanted, "Alpha?"))
