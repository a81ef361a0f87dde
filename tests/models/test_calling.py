"""How a model calls functions and thinks: words that are repaired or asked for again, thoughts in fields of their own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from memgpt import events as e
from tests.models.conftest import Made
from tests.support import model_server as scripted
from tests.support.agents import ended, of, said, turn
from tests.support.dialects import Anthropic, Gemini, Ollama
from tests.support.dialects.anthropic import SIGNATURE
from tests.support.model_server import ModelServer, Scripted

pytestmark = pytest.mark.asyncio(loop_scope="module")
BROKEN = '{"name": "send_massage", "arguments": {"message": "Almost."}}'


@pytest.mark.parametrize("protocol", ["json", "text"])
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (BROKEN, "no function 'send_massage'"),
        ('{"name": "core_memory_append", "arguments": {"name": "human"}}', "lacks content"),
        ('{"thought": "I should greet", "message": "Hi"}', "not one JSON object"),
    ],
)
async def test_a_broken_call_goes_back_with_what_is_wrong(
    made: Made, model: ModelServer, protocol: str, broken: str, words: str
) -> None:
    session = await made(model, protocol=protocol)
    model.script(scripted.plain(broken), scripted.say("Now right."))
    events = await turn(session, "Hi")
    assert (said(events), ended(events)) == ("Now right.", "done")
    (retry,) = of(events, e.Retry)
    assert words in retry.reason
    assert words in model.requests[1]["messages"][-1]["content"] and broken in json.dumps(
        [message["content"] for message in model.requests[1]["messages"]]
    ).replace('\\"', '"')
    await turn(session, "And on")
    assert broken not in json.dumps(model.requests[-1]["messages"]).replace('\\"', '"'), "only what was used is kept"


async def test_after_three_tries_the_text_is_the_answer(made: Made, model: ModelServer) -> None:
    session = await made(model, protocol="text")
    model.script(*(scripted.plain(BROKEN) for _ in range(3)))
    events = await turn(session, "Hi")
    assert (said(events), ended(events), len(model.requests)) == ("Almost.", "done", 3)
    model.script(*(scripted.plain('{"thought": "Hm') for _ in range(3)))
    events = await turn(session, "Hi")
    assert (said(events), len(model.requests)) == ('{"thought": "Hm', 6)
    last = events.index(of(events, e.Retry)[-1])
    shown = "".join(d.text for d in events[last:] if isinstance(d, e.Delta) and d.of == "assistant_message")
    assert shown in ("", said(events))


@pytest.mark.parametrize("protocol", ["json", "text"])
async def test_plain_words_are_an_answer_at_once(made: Made, model: ModelServer, protocol: str) -> None:
    session = await made(model, protocol=protocol)
    model.script(scripted.plain("Braces {like these} are fine, and so is “name”: Ada."))
    events = await turn(session, "Hi")
    assert said(events).startswith("Braces") and len(model.requests) == 1


# --- thoughts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [ModelServer, Anthropic, Gemini, Ollama], ids=lambda dialect: str(dialect.__name__))
async def test_thoughts_are_shown_and_kept_as_the_provider_wants(made: Made, dialect: type[ModelServer]) -> None:
    with dialect() as server:
        session = await made(server)
        remembering = scripted.call("core_memory_append", heartbeat=True, name="human", content="Plays chess.")
        server.script(replace(remembering, reasoning="They play chess. Save it."), scripted.say("Saved."))
        events = await turn(session, "I play chess.")
        assert (said(events), ended(events)) == ("Saved.", "done")
        assert [event.text for event in of(events, e.InternalMonologue)] == ["They play chess. Save it."]
        sent = server.requests[1]
        if dialect is Anthropic:
            (thinking,) = [b for m in sent["raw"]["messages"] for b in m["content"] if b["type"] == "thinking"]
            assert (thinking["thinking"], thinking["signature"]) == ("They play chess. Save it.", SIGNATURE)
        else:
            assert "Save it" not in json.dumps(sent["messages"]), "it is not the model's to read again"


async def test_deepseek_is_given_its_reasoning_back(made: Made, model: ModelServer) -> None:
    session = await made(model, model="openai/deepseek-reasoner")
    searching = scripted.call("conversation_search", heartbeat=True, query="chess")
    model.script(replace(searching, reasoning="Look it up."), scripted.say("Nothing."))
    await turn(session, "What did I say?")
    (called,) = [m for m in model.requests[1]["messages"] if m.get("tool_calls")]
    assert called["reasoning_content"] == "Look it up."


@pytest.mark.parametrize("fragment", [1, 3, 100])
@pytest.mark.parametrize("protocol", ["tools", "text"])
async def test_thoughts_in_tags_are_no_answer(made: Made, model: ModelServer, protocol: str, fragment: int) -> None:
    session = await made(model, protocol=protocol)
    model.script(Scripted(plain="\n<think>Greet < them.\n</think>\n\nHello.", fragment=fragment))
    events = await turn(session, "Hi")
    assert said(events) == "Hello."
    assert [event.text for event in of(events, e.InternalMonologue)] == ["Greet < them."]
    model.script(Scripted(plain="<thinly veiled>", fragment=fragment))
    assert said(await turn(session, "Hi")) == "<thinly veiled>"
