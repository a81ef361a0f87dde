"""MemGPT from Python: the documented example, sync and async, beside other front ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from memgpt import AgentConfig, MemGPT, UserError
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.support.program import Program

EXAMPLE = """
from memgpt import MemGPT
from memgpt.config import AgentConfig
from memgpt.cli.cli import QuickstartChoice

client = MemGPT(auto_save=True, quickstart=QuickstartChoice.openai, config={"openai_api_key": "sk-of-the-example"})
agent_id = client.create_agent(agent_config=AgentConfig(name="ada", persona="sam_pov", human="cs_phd"))   # or a dict
for r in client.user_message(agent_id=agent_id, message="Hi!"):
    print(__import__("json").dumps(r))
client.save()
"""
KINDS = ("assistant_message", "internal_monologue", "function_call", "function_return", "function_message")


@pytest.fixture
def client(home: Home) -> Iterator[MemGPT]:
    with MemGPT(home=home.path) as found:
        yield found


@pytest.fixture
def agent(client: MemGPT, agent_name: str, model: ModelServer) -> str:
    return client.create_agent(
        {"name": agent_name, "model": "openai/scripted", "model_endpoint": model.url, "context_window": 8192}
    )


def test_the_documented_example_runs_as_printed(fresh_home: Home, model: ModelServer) -> None:
    """With nothing changed but where OpenAI is; the key reaches that server alone, and no file."""
    model.script(scripted.say("Hello, Ada.", thought="A greeting."))
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLE], capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "MEMGPT_HOME": str(fresh_home.path), "OPENAI_BASE_URL": model.url},
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [[kind for kind in KINDS if kind in r] for r in told] == [["internal_monologue"], ["assistant_message"]]
    assert told[-1]["assistant_message"] == "Hello, Ada."
    assert model.requests[0]["headers"]["Authorization"] == "Bearer sk-of-the-example"
    Program(fresh_home).good("engine", "stop")
    for path in fresh_home.path.rglob("*"):
        assert path.is_dir() or b"sk-of-the-example" not in path.read_bytes(), path


def test_every_kind_of_message(client: MemGPT, agent: str, model: ModelServer) -> None:
    model.script(
        scripted.call(
            "core_memory_append", heartbeat=True, thought="Worth keeping.", name="human", content="Likes tea."
        ),
        scripted.call("conversation_search", heartbeat=True, query="x", page=-1),
        scripted.say("Noted."),
    )
    told = client.user_message(agent, "I like tea.")
    assert all(sum(kind in r for kind in KINDS) == 1 for r in told)
    returned = [r["status"] for r in told if "function_return" in r]
    assert returned == ["success", "error"]
    assert "Likes tea." in client.core_memory(agent)["human"]
    assert client.search_recall(agent, "tea")[0]["text"] == "I like tea."
    assert client.run_command(agent, "/undo") == "Undone: core memory human."
    assert "Likes tea." not in client.core_memory(agent)["human"]


def test_stream_gives_events_as_they_happen(client: MemGPT, agent: str, model: ModelServer) -> None:
    model.script(scripted.say("One two three four five."))
    events = list(client.stream(agent, "Count."))
    deltas = "".join(event["text"] for event in events if event["type"] == "delta")
    assert deltas == "One two three four five."
    assert [event["type"] for event in events][0] == "user_message"
    assert events[-1]["type"] == "turn_end"


async def test_asend_inside_a_running_loop_and_its_cancellation(client: MemGPT, agent: str, model: ModelServer) -> None:
    assert (await client.asend(agent, "Hi"))[-1]["assistant_message"] == "You said: Hi"
    model.script(scripted.hang())
    waiting = asyncio.create_task(client.asend(agent, "Hang"))
    while len(model.requests) < 2:
        await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(model.closed_early.wait, 10)
    assert (await client.asend(agent, "Again"))[-1]["assistant_message"] == "You said: Again"


def test_threads_share_a_client_and_their_turns_queue(client: MemGPT, agent: str) -> None:
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        answers[number] = client.user_message(agent, f"number {number}")[-1]["assistant_message"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == {number: f"You said: number {number}" for number in range(4)}


def test_what_exists_is_returned_or_refused(client: MemGPT, agent: str, model: ModelServer) -> None:
    assert client.create_agent(AgentConfig(name=agent)) == agent
    assert client.agent_exists(agent) and agent in [row["name"] for row in client.list_agents()]
    with pytest.raises(UserError, match="already an agent"):
        client.create_agent(AgentConfig(name=agent), throw_if_exists=True)
    with pytest.raises(UserError, match="has no 'colour'"):
        client.create_agent({"name": agent, "colour": "red"})
    with pytest.raises(UserError, match="asks|no checkpoint"):
        client.run_command(agent, "/restore nowhere")
    client.run_command(agent, "/save here")
    with pytest.raises(UserError, match="confirm=True"):
        client.run_command(agent, "/restore here")
    assert (
        client.run_command(agent, "/restore here", confirm=True)
        == "Back at checkpoint 'here'. What was left stays in the journal."
    )
    model.script(scripted.error(401, "no such key"))
    with pytest.raises(UserError, match="refused the key"):
        client.user_message(agent, "Hi")


def test_a_closed_client_says_so(home: Home) -> None:
    client = MemGPT(home=home.path)
    client.close()
    client.close()
    with pytest.raises(UserError, match="closed"):
        client.list_agents()


def test_settings_of_the_client_become_the_homes(fresh_home: Home) -> None:
    with MemGPT(home=fresh_home.path, config={"persona": "memgpt_doc", "openai_api_key": "sk-x"}):
        assert 'persona = "memgpt_doc"' in fresh_home.config.read_text()
        assert "sk-x" not in fresh_home.config.read_text()
    with pytest.raises(UserError, match="no setting 'colour'"):
        MemGPT(home=fresh_home.path, config={"colour": "red"})
