"""Another model in the middle of a conversation, and windows that are not what they seem."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from core.slash.commands import change_settings
from core.store.journal import Draft
from memgpt import events as e
from tests.models.conftest import Made
from tests.support import model_server as scripted
from tests.support.agents import ended, of, run, said, turn
from tests.support.dialects import VLLM, Anthropic, LlamaCpp, Ollama, OpenAI
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
TALK = "We talked about the harbour and its many boats, and about the keeper of the lighthouse. " * 12


async def test_to_a_smaller_window_and_back(made: Made) -> None:
    """What is too much leaves first, and is said; the old model's signatures stay behind; nothing is lost on the way back."""
    with Anthropic() as large, VLLM(4096) as small:
        session = await made(large, 32768)
        searching = scripted.call("conversation_search", heartbeat=True, query="boats")
        large.script(replace(searching, reasoning="Look."), scripted.say("Fine."))
        for number in range(20):
            await turn(session, f"Number {number}. {TALK}")
        large.fallback = lambda request: (
            scripted.plain("They spoke of boats.") if "tools" not in request else scripted.say("Yes.")
        )
        await change_settings(session, {"model_endpoint": small.url})
        heard: list[e.Event] = []
        session.listen(heard.append)
        outcome = await run(session, "/model openai/scripted")
        assert "4,096 tokens" in outcome.text and "moved to recall first" in outcome.text
        (evicted,) = of(heard, e.Evicted)
        assert evicted.messages > 10
        context = await session.context()
        assert context.window == 4096 and context.total < 4096 and not small.requests
        assert said(await turn(session, "Still there?")) == "You said: Still there?"
        assert "thinking" not in json.dumps(small.requests[-1]["messages"])
        await change_settings(session, {"model_endpoint": large.url})
        await run(session, "/model anthropic/claude-scripted")
        assert (await session.context()).window == 32768
        await turn(session, "And back?")
        sent = json.dumps(large.requests[-1]["messages"])
        assert "Still there?" in sent and evicted.summary[:20] in sent
        found = (await session.agent()).external
        assert (await found.search("recall", "Number 3", 0)).total > 0


async def test_what_a_model_was_not_shown_is_there_again_for_the_next(made: Made) -> None:
    """The built-in model makes nothing of events."""
    with ModelServer() as server:
        session = await made(server, 8192)
        await turn(session, "I keep bees.")
        await run(session, "/heartbeat")
        await change_settings(session, {"paging.memory_edits": "append"})
        await run(session, "/human Name: Ada")
        before = [(item.kind, item.step) for item in session.state.queue]
        told = [item.sent for item in session.state.queue if item.kind == "event"]
        await run(session, "/model builtin")
        assert not [item for item in session.state.queue if item.kind == "event"]
        await run(session, f"/model openai/scripted@{server.url}")
        assert [(item.kind, item.step) for item in session.state.queue] == before
        assert len(told) == 2 == len([item for item in session.state.queue if item.sent in told])
        await turn(session, "And now?")
        assert session.state == await session.journal.folded()


@pytest.mark.parametrize("before", ["text", "json", "tools"])
@pytest.mark.parametrize("after", ["text", "json", "tools"])
async def test_from_one_way_of_calling_functions_to_another(made: Made, before: str, after: str) -> None:
    """What only native tools are told of, that a message was sent, they are told of afterwards; other calls are answered
    as they were. The server refuses a call without its result."""
    with ModelServer() as server:
        session = await made(server, 16384)
        await change_settings(session, {"protocol": before})
        searching = scripted.call("conversation_search", query="boats")
        server.script(scripted.calls(searching, scripted.say("Wait.")), scripted.say("Here."))
        await turn(session, "Where is it?")
        await turn(session, "And now?")
        await change_settings(session, {"protocol": after})
        assert said(await turn(session, "Still there?")) == "You said: Still there?"
        sent = json.dumps(server.requests[-1]["messages"])
        assert "Wait." in sent and "Here." in sent and "page 0 of" in sent
        assert session.state == await session.journal.folded()


@pytest.mark.parametrize("kind", [VLLM, LlamaCpp])
async def test_a_window_that_the_server_tells_is_known_before_the_first_call(
    made: Made, kind: type[ModelServer]
) -> None:
    with kind(4096) as server:
        session = await made(server, 32768)
        assert (await session.context()).window == 4096


LEARNT = scripted.error(400, "This model's maximum context length is 4096 tokens.", "context_length_exceeded")


async def test_a_window_that_a_server_said_is_that_servers(made: Made) -> None:
    """Another one that has a model of that name has a window of its own; and so may have the same one, when it is named
    again."""
    with OpenAI() as first, OpenAI() as second:
        session = await made(first, 16384, retries=0, fallbacks=f"openai/scripted@{second.url}")

        async def learnt() -> None:
            first.script(LEARNT)
            await turn(session, "Hi")
            assert (await session.context()).window == 4096

        await learnt()
        first.script(scripted.error(503, "overloaded"))
        assert "stands in" in of(await turn(session, "And you?"), e.Notice)[-1].text
        assert (await session.context()).window == 16384 and len(second.requests) == 1
        await run(session, f"/model openai/scripted@{first.url}")
        assert (await session.context()).window == 16384
        for same in ({"model": "openai/scripted"}, {"model_endpoint": first.url}, {"context_window": 16384}):
            await learnt()
            await change_settings(session, same)
            assert (await session.context()).window == 16384
        await learnt()
        await change_settings(session, {"retries": 1})
        assert (await session.context()).window == 4096


async def test_functions_that_a_server_refused_are_called_at_another(made: Made) -> None:
    with VLLM() as first, VLLM() as second:
        first.tools = False
        session = await made(first, retries=0, fallbacks=f"openai/scripted@{second.url}")
        await turn(session, "Hi")
        first.script(scripted.error(503, "overloaded"))
        await turn(session, "And you?")
        assert [("tools" in request) for request in (first.requests[-1], second.requests[-1])] == [False, True]


async def test_what_an_earlier_version_learnt_holds_wherever_the_model_is(made: Made, model: ModelServer) -> None:
    session = await made(model, 16384)
    old = {"learnt_window": ["openai/scripted", 4096], "learnt_protocol": ["openai/scripted", "text"]}
    await session.journal.append(Draft("settings", {"changes": old}))
    assert (await session.context()).window == 4096
    assert said(await turn(session, "Hi")) == "You said: Hi" and "tools" not in model.requests[-1]
    await run(session, "/model openai/scripted")
    assert (await session.context()).window == 16384


async def test_ollama_is_asked_for_the_window_that_is_needed(made: Made) -> None:
    with Ollama() as server:
        session = await made(server, 12288)
        await turn(session, "Hi")
        assert server.requests[-1]["raw"]["options"]["num_ctx"] == 12288
        await change_settings(session, {"context_window": 0})
        await turn(session, "Hi")
        assert server.requests[-1]["raw"]["options"]["num_ctx"] == 12288, (
            "what it runs with, so that it need not load anew"
        )


async def test_ollama_is_asked_where_its_variable_points(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ollama(4096) as server:
        session = await made(server, model="ollama_chat/scripted")
        monkeypatch.setenv("OLLAMA_HOST", server.base.removeprefix("http://"))
        await change_settings(session, {"model_endpoint": ""})
        assert said(await turn(session, "Hi")) == "You said: Hi" and len(server.requests) == 1


async def test_a_server_that_cuts_without_a_word_is_found_out(made: Made) -> None:
    """Ollama's OpenAI door takes no window; the counts that it reports give it away."""
    with Ollama() as server:
        server.url = f"{server.base}/v1"
        session = await made(server, 16384, model="openai/scripted")
        notices: list[str] = []
        for number in range(20):
            events = await turn(session, f"Number {number}. {TALK}")
            assert ended(events) == "done"
            notices += [event.text for event in of(events, e.Notice)]
        assert any("read only 4,096 tokens" in text and "its window is 4,096" in text for text in notices)
        assert (await session.context()).window == 4096
        cut = [request["prompt_tokens"] for request in server.requests if request["prompt_tokens"] > 4096]
        assert len(cut) <= 2 and server.requests[-1]["prompt_tokens"] <= 4096 and session.state.factor > 0.8
