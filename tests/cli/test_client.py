"""MemGPT from Python: the documented example, sync and async, beside other front ends."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memgpt import AgentConfig, MemGPT, UserError, config
from memgpt.home import Home
from tests.conftest import processes_of
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S, until
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
CLOSING = """
import asyncio
from concurrent.futures import ThreadPoolExecutor
from memgpt import MemGPT, UserError
from memgpt.home import find_home

async def main():
    client = MemGPT()
    with ThreadPoolExecutor() as pool:
        calls = [lambda: client.list_agents(), lambda: client.user_message("ada", "Hi"), lambda: list(client.stream("ada", "Hi"))]
        waiting = [asyncio.wrap_future(pool.submit(call)) for call in calls] + [asyncio.create_task(client.asend("ada", "Hi"))]
        while not find_home().log.exists():
            await asyncio.sleep(0.02)
        await asyncio.to_thread(client.close)
        waiting += [asyncio.wrap_future(pool.submit(call)) for call in calls] + [asyncio.create_task(client.asend("ada", "Hi"))]
        print(*[repr(error) for error in await asyncio.gather(*waiting, return_exceptions=True)], sep="\\n")

asyncio.run(main())
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


def test_what_exists_is_returned_and_what_cannot_be_is_refused(client: MemGPT, agent: str, model: ModelServer) -> None:
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
    wrong: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        *((client.user_message, (agent, text)) for text in (None, 5, " ")),
        (lambda *given: list(client.stream(*given)), (agent, "")),
        (lambda *given: asyncio.run(client.asend(*given)), (None, "Hi")),
        (client.run_command, (agent, None)),
        *((client.search_recall, (agent, *given)) for given in ((None,), ("tea", "x"), ("tea", -1), ("tea", 1, -1))),
        (client.search_archival, (agent, "tea", 10, "x")),
        (client.core_memory, (5,)),
        (client.create_agent, ({"name": 5},)),
    ]
    for call, given in wrong:
        with pytest.raises(UserError, match="must be a") as refusal:
            call(*given)
        assert refusal.value.status == 2
    assert not model.requests
    model.script(scripted.error(401, "no such key"))
    with pytest.raises(UserError, match="refused the key"):
        client.user_message(agent, "Hi")


def test_a_closed_client_says_so(home: Home) -> None:
    client = MemGPT(home=home.path)
    client.close()
    client.close()
    with pytest.raises(UserError, match="closed"):
        client.list_agents()


def test_closing_ends_what_waits_for_the_engine(fresh_home: Home) -> None:
    """Whatever way it was asked, then and afterwards; and the program ends, with nothing to complain of."""
    with fresh_home.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as an engine that does not answer has it
        done = subprocess.run(
            [sys.executable, "-W", "default", "-c", CLOSING], capture_output=True, text=True, timeout=LONGEST_S,
            env={**os.environ, "MEMGPT_HOME": str(fresh_home.path)}, check=False,
        )  # fmt: skip
        until(lambda: not processes_of(fresh_home))  # the engine that was started, and finds the home taken
    assert not done.stderr and done.stdout.splitlines() == ["UserError('This client is closed.')"] * 8, done


async def test_a_turn_goes_on_when_its_client_is_closed(
    home: Home, client: MemGPT, agent: str, model: ModelServer
) -> None:
    words = "One two three four five six seven eight."
    model.script(scripted.slow(words, 20))
    other = MemGPT(home=home.path)
    waiting = asyncio.create_task(other.asend(agent, "Count."))
    while not model.requests:
        await asyncio.sleep(0.02)
    other.close()
    with pytest.raises(UserError, match="closed"):
        await waiting
    assert (await client.asend(agent, "And now?"))[-1]["assistant_message"] == "You said: And now?"
    assert words in [hit["text"] for hit in await asyncio.to_thread(client.search_recall, agent, "three")]


def test_settings_of_the_client_become_the_homes(fresh_home: Home) -> None:
    with MemGPT(home=fresh_home.path, config={"persona": "memgpt_doc", "openai_api_key": "sk-x"}):
        assert 'persona = "memgpt_doc"' in fresh_home.config.read_text()
        assert "sk-x" not in fresh_home.config.read_text()
    with pytest.raises(UserError, match="no setting 'colour'"):
        MemGPT(home=fresh_home.path, config={"colour": "red"})
    names = [key.name for key in config.KEYS if key.kind is int]
    with ThreadPoolExecutor(len(names)) as pool:  # everyone's setting is there afterwards

        def begin(name: str) -> None:
            MemGPT(home=fresh_home.path, config={name: 7}).close()

        assert list(pool.map(begin, names)) == [None] * len(names)
    assert {config.load(fresh_home)[name] for name in names} == {7}
    written = fresh_home.config.read_text()
    for wrong in ({"keys.bogus": "f3"}, {"keys.drawer": "ctrl+nonsense"}, {"keys.help": "ctrl+o"}, {"theme": "none"}):
        with pytest.raises(UserError, match=r"no key action|is not a key|is taken by|no theme") as refusal:
            MemGPT(home=fresh_home.path, quickstart="builtin", config=wrong)
        assert refusal.value.status == 2 and fresh_home.config.read_text() == written
