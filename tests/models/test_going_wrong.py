"""What goes wrong with a model, by its kind: one sentence, a hint, nothing lost; and how the agent goes on."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import pytest

from core.roster import Roster
from core.settings import change_settings
from core.store.journal import Draft
from memgpt import events as e
from tests.models.conftest import Made, error
from tests.support import model_server as scripted
from tests.support.agents import asked, ended, of, run, said, turn
from tests.support.dialects import DIALECTS, VLLM, Anthropic, Ollama, OpenAI
from tests.support.model_server import ModelServer, Scripted

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (scripted.error(401, "Incorrect API key provided: sk-abcdefgh12345"), "refused the key", "Check the key"),
        (scripted.error(404, "The model `scripted` does not exist", "model_not_found"), "does not know the model scripted", "/model"),
        (scripted.error(400, "Unknown model: scripted"), "does not know the model scripted", "/model"),
        (scripted.error(429, "You exceeded your current quota", "insufficient_quota"), "quota", "credit"),
        (scripted.error(402, "Payment required"), "quota", "credit"),
        (scripted.error(400, "The response was filtered by the content management policy", "content_filter"), "content filter", "other words"),
        (Scripted(plain="", finish="content_filter"), "content filter", "other words"),
        (Scripted(raw="<html><body>Please log in</body></html>"), "no model's answer", "proxy"),
        (Scripted(raw="<html><body>Bad gateway</body></html>", status=502), "no model's answer", "proxy"),
        (Scripted(raw="<html>no</html>", status=403), "refused the key", "Check the key"),
        (scripted.error(429, "slow down"), "too many requests", "Wait"),
        (scripted.error(429, "slow down", headers={"Retry-After": "7200"}), "too many requests", "in 2 hours"),
        (scripted.error(400, "something odd"), "failed: ", "/retry"),
    ],
)  # fmt: skip
async def test_each_kind_has_its_sentence(
    made: Made, model: ModelServer, answer: Scripted, message: str, hint: str
) -> None:
    session = await made(model, retries=0)
    model.script(answer)
    events = await turn(session, "Keep this.")
    (found,) = of(events, e.Error)
    assert message in found.message and hint in found.hint and "sk-abcdefgh" not in f"{found.message} {found.hint}"
    assert ended(events) == "error" and session.state.turn is None and len(model.requests) == 1
    assert said(await turn(session, "Next.")) == "You said: Next."
    assert "Keep this." in json.dumps(model.requests[-1]["messages"])


@pytest.mark.parametrize("dialect", [Anthropic, Ollama], ids=lambda dialect: str(dialect.name))
async def test_the_same_in_other_dialects(made: Made, dialect: type[ModelServer]) -> None:
    with dialect() as server:
        session = await made(server, retries=1)
        server.script(scripted.error(401, "invalid x-api-key"))
        assert "refused the key" in error(await turn(session, "Hi"))
        server.script(scripted.error(529, "overloaded", headers={"retry-after": "0"}), scripted.say("Back."))
        events = await turn(session, "Hi again")
        assert said(events) == "Back." and len(of(events, e.Retry)) == 1
        first, second = (request["messages"] for request in server.requests[-2:])
        assert first == second and first[0]["role"] == "system", "a retry sends the same"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize(
    ("model", "port", "command"),
    [
        ("ollama_chat/llama3.2", 0, "ollama serve"),
        ("openai/x", 1234, "lms server start"),
        ("openai/x", 0, "Start the server"),
    ],
)
async def test_a_server_that_does_not_run_has_its_command(made: Made, model: str, port: int, command: str) -> None:
    server = ModelServer()
    server.url = f"http://127.0.0.1:{port or free_port()}{'' if model.startswith('ollama') else '/v1'}"
    session = await made(server, model=model, retries=0)
    found = error(await turn(session, "Hi"))
    assert "cannot be reached" in found and command in found


async def test_a_model_that_ollama_has_not_fetched(made: Made) -> None:
    with Ollama() as server:
        server.knows = False
        session = await made(server, retries=0)
        assert "ollama pull scripted" in error(await turn(session, "Hi"))


async def test_a_key_that_is_not_there(made: Made, model: ModelServer) -> None:
    session = await made(model, retries=0)
    await change_settings(session, {"model": "openai/gpt-4o", "model_endpoint": ""})
    found = error(await turn(session, "Hi"))
    assert "no key for openai/gpt-4o" in found and "OPENAI_API_KEY" in found


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d is not Ollama], ids=lambda dialect: str(dialect.name))
async def test_the_window_that_a_server_says_is_taken_over(made: Made, dialect: type[ModelServer]) -> None:
    with dialect(4096) as server:
        server.tells = False
        session = await made(server, 32768, retries=0)
        assert (await session.context()).window == 32768
        for number in range(5):
            events = await turn(session, f"Number {number}. " + "We talked about the harbour and its many boats. " * 70)
            assert ended(events) == "done", error(events)
        notices = [event.text for event in of(events, e.Notice)]
        told = [step.body["changes"].get("learnt_window") for step in await session.journal.steps(kinds=("settings",))]
        assert [session.state.settings["model"], server.url, 4096] in told, notices
        assert (await session.context()).window == 4096
        assert await session.journal.folded() == session.state


@pytest.mark.parametrize(
    "body",
    [
        {"error": "Trying to keep the first 8217 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input"},
        {"object": "error", "message": "The input (8217 tokens) is longer than the model's context length (4096 tokens).", "type": "BadRequestError", "code": 400},
        {"message": "Prompt contains 8217 tokens and 0 draft tokens, too large for model with 4096 maximum context length", "type": "invalid_request_error"},
        {"error": "This model's maximum prompt length is 4096 but the request contains 8217 tokens."},
        {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 8217 `inputs` tokens and 1000 `max_new_tokens`", "error_type": "validation"},
        {"message": "The decoder prompt (length 8217) is longer than the maximum model length of 4096.", "code": 400},
    ],
    ids=["LM Studio", "SGLang", "Mistral", "xAI", "TGI", "vLLM"],
)  # fmt: skip
async def test_a_window_is_understood_in_these_words(made: Made, body: dict[str, Any]) -> None:
    with OpenAI() as server:
        session = await made(server, 32768, retries=0)
        server.script(Scripted(status=400, body=body))
        events = await turn(session, "Hi")
        assert (said(events), ended(events)) == ("You said: Hi", "done"), error(events)
        assert (await session.context()).window == 4096


class Silent(OpenAI):
    """Refuses what is too long without a figure, as Bedrock does."""

    def too_long(self, tokens: int) -> dict[str, Any]:
        return {"message": "Input is too long for requested model."}


async def test_a_refusal_without_a_figure_lowers_the_window(made: Made) -> None:
    """What has passed was counted, so it is not our count that is wrong: no later turn begins with a refusal again."""
    with Silent(4096) as server:
        session = await made(server, 16384, retries=0)
        notices: list[str] = []
        for number in range(12):
            events = await turn(session, f"Number {number}. " + "We talked about the harbour and its many boats. " * 30)
            assert ended(events) == "done", error(events)
            notices += [event.text for event in of(events, e.Notice) if "too long" in event.text]
        window = (await session.context()).window
        assert 2048 < window <= 4096 and f"taken to be {window:,} tokens" in notices[-1]
        refused = [r for r in server.requests if r["prompt_tokens"] + r["max_tokens"] > 4096]
        assert len(refused) == len(notices) <= 2
        assert await session.journal.folded() == session.state


async def test_a_template_without_a_system_role(made: Made, model: ModelServer, home_of_models: Roster) -> None:
    """The refused prompt and those that are sent instead are shown as they were sent, and the next as it would be."""
    session = await made(model, retries=0)
    model.script(scripted.error(400, "System role not supported"), scripted.say("Fine."))
    assert said(await turn(session, "Hi")) == "Fine."
    await turn(session, "Again")
    for request in model.requests[1:]:
        assert request["messages"][0]["role"] == "user" and "send_message" in request["messages"][0]["content"]
    assert session.state.queue[0].sent["content"].startswith("{"), "what is kept is as it was"
    for step, request in zip(await session.journal.steps(kinds=("call",)), model.requests, strict=True):
        shown = await asked(home_of_models, "show", agent=session.name, what="context", at=step.id)
        assert (shown["step"], shown["messages"]) == (step.id, request["messages"])
    coming = (await asked(home_of_models, "show", agent=session.name, what="context"))["messages"]
    assert coming == (await run(session, "/dumpraw")).data and "system" not in [each["role"] for each in coming]
    await turn(session, "And again")
    assert model.requests[-1]["messages"][: len(coming)] == coming


async def test_functions_that_are_refused_become_json_then_text(made: Made) -> None:
    with VLLM() as server:
        server.tools = False
        session = await made(server)
        server.script(scripted.error(400, "response_format json_schema is not supported"), scripted.say("In text."))
        events = await turn(session, "Hi")
        assert (said(events), ended(events)) == ("In text.", "done")
        kinds = [("tools" in r, "response_format" in r) for r in server.requests]
        assert kinds == [(True, False), (False, True), (False, False)]
        assert session.state.settings["learnt_protocol"] == ["openai/scripted", server.url, "text"]
        known = session.gateway.remembered.of("openai/scripted", server.url)
        assert (known.tools, known.json_schema) == (False, False), "the next agent need not find it out"


# --- models that stand in -------------------------------------------------------------------------------------


async def test_the_next_model_stands_in_and_the_first_is_asked_again_later(
    made: Made, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Anthropic() as second:
        names = f"openai/nobody@http://127.0.0.1:{free_port()}/v1, anthropic/claude-scripted@{second.url}"
        session = await made(model, retries=0, fallbacks=names)
        await turn(session, "One.")
        model.script(scripted.error(503, "overloaded"))
        second.script(
            scripted.call("core_memory_append", heartbeat=True, name="human", content="Has a cat."),
            scripted.say("Stood in."),
        )
        events = await turn(session, "I have a cat.")
        assert (said(events), ended(events)) == ("Stood in.", "done")
        assert "stands in" in of(events, e.Notice)[-1].text and "Has a cat." in session.state.blocks["human"].text
        before = len(model.requests)
        await turn(session, "Three.")
        assert len(model.requests) == before and len(second.requests) == 3
        assert "One." in json.dumps(second.requests[-1]["messages"])
        from core.turn import adapting

        monkeypatch.setattr(adapting, "now", lambda: 1 << 60)
        events = await turn(session, "Four.")
        assert said(events) == "You said: Four." and "is asked again" in of(events, e.Notice)[0].text
        assert await session.journal.folded() == session.state


async def test_a_model_that_is_named_is_asked_whatever_stood_in_for_it(made: Made, model: ModelServer) -> None:
    with ModelServer() as second:
        session = await made(model, retries=0, fallbacks=f"openai/second@{second.url}")
        model.script(scripted.error(503, "overloaded"))
        await turn(session, "One.")
        assert len(second.requests) == 1
        assert "from now on" in (await run(session, "/model openai/scripted")).text
        before = len(model.requests)
        assert said(await turn(session, "Two.")) == "You said: Two."
        assert len(model.requests) == before + 1 and len(second.requests) == 1
        assert await session.journal.folded() == session.state


async def test_the_built_in_model_stands_in(made: Made, model: ModelServer) -> None:
    """Another packaging, another window, no functions: and what was told to the first is answered from. A file before it
    that is not there is passed over."""
    session = await made(model, retries=0, fallbacks="gguf:/nowhere.gguf, builtin")
    await turn(session, "I play chess on Thursdays.")
    model.script(scripted.error(401, "no key"))
    events = await turn(session, "What do I play?")
    assert "chess" in said(events) and ended(events) == "done" and "builtin stands in" in of(events, e.Notice)[-1].text
    assert [event.text.partition(" stands")[0].rpartition(" ")[2] for event in of(events, e.Notice)] == [
        "gguf:/nowhere.gguf", "builtin",
    ]  # fmt: skip
    assert (await session.context()).window == 2048
    assert await session.journal.folded() == session.state


@pytest.mark.parametrize(
    ("nobody", "told"),
    [("openai/nobody@http://127.0.0.1:9/v1", "cannot be reached"), ("gguf:/nowhere.gguf", "no file /nowhere.gguf")],
)
async def test_when_nobody_answers_the_last_error_is_told(
    made: Made, model: ModelServer, nobody: str, told: str
) -> None:
    """The next message begins with the model itself again."""
    session = await made(model, retries=0, fallbacks=nobody)
    model.script(scripted.error(503, "overloaded"))
    events = await turn(session, "Hi")
    assert ended(events) == "error" and told in error(events) and session.state.turn is None
    assert said(await turn(session, "Again")) == "You said: Again" and len(model.requests) == 2
    assert '"message\\": \\"Hi' in json.dumps(model.requests[-1]["messages"]), "what was written is kept"
    assert await session.journal.folded() == session.state


async def test_what_is_said_to_a_model_whose_file_is_gone_is_kept(made: Made, model: ModelServer) -> None:
    session = await made(model, retries=0)
    await session.journal.append(Draft("settings", {"changes": {"model": "gguf:/gone.gguf"}}))
    for text in ("One.", "Two."):
        events = await turn(session, text)
        assert ended(events) == "error" and "no file /gone.gguf" in error(events) and session.state.turn is None
    await run(session, "/pop 1")
    assert (await session.context()).total > 0
    await change_settings(session, {"model": "openai/scripted"})
    assert said(await turn(session, "Three.")) == "You said: Three."
    sent = json.dumps(model.requests[-1]["messages"])
    assert "One." in sent and "Two." not in sent


# --- rate limits ----------------------------------------------------------------------------------------------


async def test_what_headers_say_is_waited_for_and_seen(made: Made, model: ModelServer) -> None:
    session = await made(model)
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s200ms"}
    model.script(replace(scripted.say("One."), headers=spent), scripted.say("Two."))
    assert not of(await turn(session, "First"), e.Retry)
    (waited,) = of(await turn(session, "Second"), e.Retry)
    assert 0 < waited.wait_s <= 1.2 and "rate limit" in waited.reason
    spent = {
        "anthropic-ratelimit-requests-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2099-01-01T00:00:00Z",
    }
    model.script(replace(scripted.say("Three."), headers=spent))
    await turn(session, "Third")
    before = len(model.requests)
    told = error(await turn(session, "Fourth"))
    assert "too many requests" in told and "hours" in told and len(model.requests) == before


async def test_what_one_model_has_used_up_keeps_no_other_from_being_asked(made: Made, model: ModelServer) -> None:
    """Limits hold for a model and a key: neither who stands in, nor another key is left alone for it."""
    session = await made(model, retries=0, fallbacks="openai/gpt-4o-mini")
    await change_settings(session, {"model": "openai/gpt-4o", "model_endpoint": ""})

    async def said_with(key: str) -> list[e.Event]:
        keys = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": model.url}
        return [event async for event in session.submit("Hi", keys)]

    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "5m"}
    model.script(replace(scripted.say("One."), headers=spent))
    assert said(await said_with("sk-one")) == "One."
    events = await said_with("sk-one")
    assert said(events) == "You said: Hi" and "too many requests" in of(events, e.Notice)[0].text
    await run(session, "/model openai/gpt-4o")
    assert said(await said_with("sk-two")) == "You said: Hi"
    assert [request["model"] for request in model.requests] == ["gpt-4o", "gpt-4o-mini", "gpt-4o"]
