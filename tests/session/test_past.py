"""The past from the journal: what was sent at a step, the line of all calls, why something is believed, other answers."""

from __future__ import annotations

import json

import pytest

from core.past.alternatives import alternatives
from core.past.show import show
from core.past.timeline import timeline
from core.past.why import why
from core.session import Session
from core.slash.commands import change_settings
from memgpt import events as e
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.agents import run, turn
from tests.support.model_server import ModelServer


async def told(session: Session, line: str) -> str:
    """What a slash command says, done without being asked whether."""
    return (await run(session, line, confirmed=True)).text


async def test_every_call_is_shown_as_it_was_sent(session: Session, server: ModelServer) -> None:
    server.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."), scripted.say("Noted.")
    )
    for text in ("I keep bees", "And ducks", "What do I keep?"):
        await turn(session, text)
    await told(session, "/pop 3")
    await turn(session, "Once more")
    found = await timeline(session)
    sent = [request["messages"] for request in server.requests]
    on_path = [messages for messages in sent if "What do I keep?" not in json.dumps(messages)]
    assert len(found["calls"]) == len(on_path) == 4
    for call, messages in zip(found["calls"], on_path, strict=True):
        shown = await show(session, "context", call["step"], None)
        assert shown["messages"] == messages
        assert sum(section["tokens"] for section in shown["sections"]) == shown["total"] == call["total"]
    assert "edit" in {mark["kind"] for call in found["calls"] for mark in call["marks"]}
    assert "rewound" in {mark["kind"] for call in found["calls"] for mark in call["marks"]}
    with pytest.raises(UserError, match="no step 9999"):
        await show(session, "context", 9999, None)


async def test_why_leads_to_the_words_and_to_the_answers(session: Session, server: ModelServer) -> None:
    server.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."), scripted.say("Noted.")
    )
    await turn(session, "I keep bees")
    await turn(session, "What do I keep?")
    found = await why(session, "Keeps bees.")
    made = found["made"][0]
    assert made["cause"] == "core_memory_append" and "Keeps bees." in made["after"]
    assert "I keep bees" in [word["text"] for word in made["words"]]
    assert [answer["text"] for answer in found["answers"]] == ["You said: What do I keep?", "Noted."]
    assert "I keep bees" in await told(session, "/why Keeps bees.")
    with pytest.raises(UserError):
        await why(session, "Keeps a dragon")


async def test_why_counts_the_answers_that_really_had_it_before_them(session: Session, server: ModelServer) -> None:
    """A passage is no longer word that has its letters in it; a line is also the call that wrote it, while only that shows
    it."""
    await told(session, "/passage add tea")
    await turn(session, "My team plays on Sunday.")
    assert (await why(session, "tea"))["answers"] == []
    server.script(scripted.call("archival_memory_search", heartbeat=True, query="tea"), scripted.say("Tea it is."))
    await turn(session, "What do I drink?")
    assert [answer["text"] for answer in (await why(session, "tea"))["answers"]] == ["Tea it is."]
    await change_settings(session, {"paging.memory_edits": "append"})
    server.script(
        scripted.calls(scripted.call("core_memory_append", heartbeat=True, name="human", content="Plays go."),
                       scripted.call("archival_memory_insert", heartbeat=True, content="Go is played on 19 lines.")),
        scripted.say("Go it is."),
    )  # fmt: skip
    await turn(session, "I play go too.")
    await turn(session, "And?")
    for subject in ("Plays go.", "19 lines"):
        answers = (await why(session, subject))["answers"]
        assert [answer["text"] for answer in answers] == ["You said: And?", "Go it is."], subject


async def test_one_can_step_between_the_answers(session: Session, server: ModelServer) -> None:
    server.script(scripted.say("Red."), scripted.say("Green."), scripted.say("Blue."))
    await turn(session, "Which colour?")
    await told(session, "/retry")
    await told(session, "/retry")
    given = await alternatives(session)
    assert [(found.text, found.current) for found in given] == [("Red.", False), ("Green.", False), ("Blue.", True)]
    await told(session, "/alternative 1")
    assert [found.current for found in await alternatives(session)] == [True, False, False]
    await turn(session, "And now?")
    sent = json.dumps(server.requests[-1]["messages"])
    assert "Red." in sent and "Blue." not in sent
    with pytest.raises(UserError):
        await told(session, "/alternative 9")


async def test_the_answers_that_are_told_are_those_of_the_path(session: Session, server: ModelServer) -> None:
    server.script(scripted.say("First."), scripted.say("Second."))
    events = [*await turn(session, "One")]
    assert [event.text for event in events if isinstance(event, e.AssistantMessage)] == ["First."]
    await told(session, "/rewrite Other words.")
    assert [found.text for found in await alternatives(session)] == ["First.", "Other words."]
