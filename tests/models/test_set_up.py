"""Set-up finds what is there and tries it before it is saved: from a shell, on the screen, over real HTTP."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from memgpt import servers
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support.dialects import VLLM, LlamaCpp, LMStudio, Ollama
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.support.terminal import Terminal


def port_of(server: ModelServer) -> str:
    return server.base.rpartition(":")[2]


def looking(*found: ModelServer) -> str:
    return ",".join(map(port_of, found))


@pytest.mark.parametrize(
    ("kind", "name", "window", "tools"),
    [
        (Ollama, "ollama_chat/scripted", 8192, True),
        (LMStudio, "openai/scripted", 12288, True),
        (LlamaCpp, "openai/scripted", 16384, True),
        (VLLM, "openai/scripted", 16384, None),
        (ModelServer, "openai/scripted", 0, None),
    ],
)
def test_each_server_is_known_by_what_it_answers(
    monkeypatch: pytest.MonkeyPatch, kind: type[ModelServer], name: str, window: int, tools: bool | None
) -> None:
    with kind() as server:
        monkeypatch.setenv("MEMGPT_SERVER_PORTS", looking(server))
        (found,) = servers.found_servers()
        (model,) = found.models
        assert (found.name_of(model), found.url, model.window, model.tools) == (name, server.url, window, tools)
        assert found.kind == server.name or kind is ModelServer


def test_ollama_is_found_where_its_variable_points(monkeypatch: pytest.MonkeyPatch) -> None:
    with Ollama(window=4096) as server:
        monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{port_of(server)}")
        (found,) = servers.found_servers()
        assert found.url == server.url and found.models[0].window == 4096
        server.running = 2048
        assert servers.found_servers()[0].models[0].window == 2048, "what it runs with"


def test_what_serves_no_models_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent, ModelServer() as server:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MEMGPT_SERVER_PORTS", f"{silent.getsockname()[1]} {port_of(server)} 9")
        assert [found.url for found in servers.found_servers()] == [server.url]


def test_models_are_listed_with_what_is_known(fresh_home: Home) -> None:
    with Ollama() as first, VLLM() as second:
        rows = Program(fresh_home)(
            "list", "models", "--json", MEMGPT_SERVER_PORTS=looking(first, second), GROQ_API_KEY="gsk-x"
        ).json
    by_name: dict[str, Any] = {row["name"]: row for row in rows}
    assert by_name["ollama_chat/scripted"]["window"] == 8192 and by_name["ollama_chat/scripted"]["tools"] is True
    assert (
        by_name["openai/scripted"]["at"] == second.url
        and "GROQ_API_KEY" in by_name["groq/llama-3.3-70b-versatile"]["note"]
    )
    assert "default for new agents" in by_name["builtin"]["note"]
    assert by_name["builtin"]["window"] == 2048 and by_name["builtin"]["tools"] is False


def test_quickstart_local_tries_before_it_saves(fresh_home: Home) -> None:
    program = Program(fresh_home)
    none = program("quickstart", "--backend", "local")
    assert none.status == 1 and "No model server answers" in none.err
    with Ollama() as server:
        server.fallback = lambda request: scripted.calls(scripted.call("note", text="ready"), scripted.say("Hello!"))
        ports = looking(server)
        server.script(scripted.error(401, "no"))
        failed = program("quickstart", "--backend", "local", MEMGPT_SERVER_PORTS=ports)
        assert failed.status == 1 and "refused the key" in failed.err and not fresh_home.config.exists()
        done = program("quickstart", "--backend", "local", MEMGPT_SERVER_PORTS=ports)
        assert done.status == 0 and "calls functions, several at once" in done.out and "8,192 tokens" in done.out
        assert server.requests[-1]["raw"]["options"]["num_ctx"] == 8192, "it never cuts a prompt without a word"
        assert 'model = "ollama_chat/scripted"' in fresh_home.config.read_text()
        known = json.loads(fresh_home.models.read_text())
        assert known[f"ollama_chat/scripted {server.url}"]["tools"] is True
        server.fallback = lambda request: scripted.say("I am here.")
        said = program("send", "--agent", "a", "--create", "Hi", MEMGPT_SERVER_PORTS=ports)
        assert said.out.strip() == "I am here." and server.requests[-1]["raw"]["options"]["num_ctx"] == 8192


def test_what_a_probe_shows_is_remembered(fresh_home: Home) -> None:
    """A server that passes functions over in silence: the next agent is held to JSON from its first call."""
    program = Program(fresh_home)
    with VLLM() as server:
        server.fallback = lambda request: (
            scripted.plain("Hello, I am a model.") if request.get("tools") else scripted.say("Held to it.")
        )
        ports = looking(server)
        done = program("quickstart", "--backend", "local", MEMGPT_SERVER_PORTS=ports)
        assert "held to JSON it does" in done.out, done.err
        asked = len(server.requests)
        said = program("send", "--agent", "a", "--create", "Hi", MEMGPT_SERVER_PORTS=ports)
        assert said.out.strip() == "Held to it."
        assert [("tools" in r, "response_format" in r) for r in server.requests[asked:]] == [(False, True)]


def test_configure_offers_what_was_found_and_tries_it(fresh_home: Home) -> None:
    program = Program(fresh_home)
    with VLLM() as server:
        environment = program.environment(MEMGPT_SERVER_PORTS=looking(server))
        server.script(scripted.error(401, "no"))
        shown = Terminal(program.command("configure"), environment)
        try:
            shown.shows("1  openai/scripted", "vLLM at", "model [builtin]")
            shown.type("1\r")
            shown.shows("refused the key", "Take it all the same?")
            shown.type("n\r")
            shown.shows("model [builtin]")
            shown.type("1\r")
            shown.shows("answered in", "context_window")
            shown.type("\r\r\r\r")
            assert shown.ended() == 0
        finally:
            shown.close()
        assert server.url in fresh_home.config.read_text()


def test_the_first_run_tries_what_was_chosen(fresh_home: Home) -> None:
    program = Program(fresh_home)
    with VLLM() as server:
        server.script(scripted.error(401, "no"))
        shown = Terminal(program.command("run", "--first"), program.environment(MEMGPT_SERVER_PORTS=looking(server)))
        try:
            shown.shows("› openai/scripted, vLLM at", "built-in model")
            shown.type("Hello there\r")
            shown.shows("refused the key", "Hello there")
            assert not fresh_home.config.exists()
            shown.type("\r")
            shown.shows("You said: Hello there")
            assert server.url in fresh_home.config.read_text()
        finally:
            shown.close()


def test_doctor_says_whether_the_model_is_there(fresh_home: Home) -> None:
    from tui.cli import doctor

    with Ollama() as server:
        found = doctor._served("ollama_chat/scripted", server.url)
        assert found.ok and "Ollama, 8,192 tokens" in found.found
        missing = doctor._served("ollama_chat/other", server.url)
        assert not missing.ok and "ollama pull other" in missing.mend
    gone = doctor._served("openai/x", "http://127.0.0.1:9/v1")
    assert not gone.ok and "does not answer" in gone.found
