"""An agent at any moment in time, as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import model_server as scripted
from tests.support.model_server import ModelServer, last_user_text
from tests.support.program import Done, Program


@pytest.fixture
def agent(program: Program, agent_name: str, model: ModelServer) -> str:
    program.good("send", "--agent", agent_name, "--create", "--model", "openai/scripted", "--model-endpoint", model.url,
                 "--context-window", "8192", "Hello")  # fmt: skip
    return agent_name


def calls_of(program: Program, agent: str) -> list[int]:
    return [call["step"] for call in program.good("show", "timeline", "--agent", agent, "--json").json["calls"]]


def refused(done: Done, status: int, *words: str) -> None:
    assert done.status == status and done.out == "" and done.err.count("\n") == 1, done
    for word in words:
        assert word in done.err


def test_a_step_the_line_and_the_difference(program: Program, agent: str, model: ModelServer) -> None:
    model.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."), scripted.say("OK.")
    )
    program.good("send", "--agent", agent, "I keep bees.")
    first, *_, last = calls_of(program, agent)
    shown = program.good("show", "context", "--agent", agent, "--at", str(first), "--json").json
    assert shown["messages"] == model.requests[0]["messages"] and shown["tools"] == model.requests[0]["tools"]
    assert (
        f"step {first}, sent to openai/scripted"
        in program.good("show", "context", "--agent", agent, "--at", str(first)).out
    )
    line = program.good("show", "timeline", "--agent", agent).out
    assert "human changed by core_memory_append" in line and len([row for row in line.splitlines() if "█" in row]) == 3
    differs = program.good("show", "context", "--agent", agent, "--at", str(last), "--diff", str(first), "--json").json
    assert {change["section"] for change in differs["changes"]} >= {"core_memory.human", "messages"}
    (human,) = (change for change in differs["changes"] if change["section"] == "core_memory.human")
    assert "Keeps bees." in human["after"] and "Keeps bees." not in human["before"] and human["mark"] == "~"
    words = program.good("show", "context", "--agent", agent, "--at", str(last), "--diff", str(first)).out
    assert "~ core human" in words and "+Keeps bees." in words
    refused(program("show", "memory", "--agent", agent, "--diff", "3"), 2, "--diff is for context")
    refused(program("show", "context", "--agent", agent, "--at", "99999"), 1, "no step 99999")


def test_why_from_the_shell(program: Program, agent: str, model: ModelServer) -> None:
    model.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps \x1b[31mbees."),
        scripted.say("OK."),
    )
    program.good("send", "--agent", agent, "I keep bees.")
    found = program.good("why", agent, "--block", "human", "--line", "bees", "--json").json
    assert found["made"][0]["cause"] == "core_memory_append" and found["answers"][0]["text"] == "OK."
    told = program.good("why", agent, "--line", "bees").out
    assert "I keep bees." in told and "in context for 1 answer" in told and "\x1b" not in told
    refused(program("why", agent, "--passage", "m9999"), 1, "m9999")
    refused(program("why", agent, "--block", "human", "--passage", "m1"), 2, "--line")
    refused(program("why", agent, "--line", ""), 2, "--line is empty", "memgpt show memory")
    refused(program("why", agent, "--passage", " "), 2, "--passage is empty", "A search gives")


def test_a_fork_from_a_step(program: Program, agent: str) -> None:
    program.good("send", "--agent", agent, "Second")
    last = calls_of(program, agent)[-1]
    name = program.good("fork", agent, f"{agent}b", "--at", str(last - 2)).out.strip()
    assert name == f"{agent}b"
    texts = [
        row["text"] for row in program.good("show", "messages", "--agent", name, "--json").json if row["role"] == "user"
    ]
    assert texts == ["Hello"]
    assert program.good("fork", agent).out == f"{agent} fork\n"
    refused(program("fork", agent, f"{agent}b"), 1, "already an agent")


def test_a_round_trip_keeps_the_memory(program: Program, agent: str, model: ModelServer, tmp_path: Path) -> None:
    model.script(
        scripted.calls(scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."),
                       scripted.call("archival_memory_insert", heartbeat=True, content="The hive stands in Ulm.")),
        scripted.say("OK."),
    )  # fmt: skip
    program.good("send", "--agent", agent, "I keep bees in Ulm.")
    model.script(scripted.say("Gone."))
    program.good("send", "--agent", agent, "Taken back.")
    file = tmp_path / "folder with gaps" / "ada.agent"
    refused(program("export", agent, str(file)), 1, "no folder")
    file.parent.mkdir(mode=0o755)
    out = program.good("export", agent, str(file)).out
    assert len(out) == 17 and file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in file.parent.iterdir()] == ["ada.agent"]
    came = program.good("import", "agent", str(file), "--name", f"{agent}x")
    assert came.out == f"{agent}x\n{out}" and f"openai/scripted at {model.url}" in came.err
    again = tmp_path / "again.agent"
    assert program.good("export", f"{agent}x", str(again)).out == out, "the same digest, there and back"
    for what in ("memory", "messages", "history"):
        both = [program.good("show", what, "--agent", name, "--json").json for name in (agent, f"{agent}x")]
        assert both[0] == both[1]
    hits = program.good("search", "archival", "hive Ulm", "--agent", f"{agent}x", "--json").json["results"]
    assert hits[0]["text"] == "The hive stands in Ulm."
    program.good("send", "--agent", f"{agent}x", "Only here.")
    changed = program.good("export", f"{agent}x", str(again)).out
    assert changed != out, "other memory, another digest"
    assert program.good("import", "agent", str(file)).out.startswith(f"{agent} 2\n"), (
        "a name that is taken gets a number"
    )
    refused(program("import", "agent", str(file), "--name", agent), 1, "already an agent")


def test_what_is_no_agent_is_refused_and_leaves_nothing(program: Program, agent: str, tmp_path: Path) -> None:
    import duckdb

    before = sorted(program.home.agents.iterdir())
    bad, strange = tmp_path / "bad.agent", tmp_path / "strange.duckdb"
    bad.write_bytes(b"not an agent" * 500)
    with duckdb.connect(str(strange)) as connection:
        connection.execute("CREATE TABLE step (id INTEGER)")
    file = tmp_path / "real.agent"
    program.good("export", agent, str(file))
    with duckdb.connect(str(file)) as connection:
        connection.execute("DELETE FROM step WHERE kind = 'reply'")
    for path in (bad, strange, file, tmp_path / "none"):
        refused(program("import", "agent", str(path)), 1, str(path))
    assert sorted(program.home.agents.iterdir()) == before
    inside = program.home.agents / agent / "memory.duckdb"
    refused(program("export", agent, str(inside)), 1, "home of this program")
    program.good("send", "--agent", agent, "Nothing was overwritten.")


def test_the_conversation_as_markdown_and_json(
    program: Program, agent: str, model: ModelServer, tmp_path: Path
) -> None:
    model.script(
        scripted.call("core_memory_append", heartbeat=True, thought="Note it.", name="human", content="```x"), scripted.say("**Noted**.")
    )  # fmt: skip
    program.good("send", "--agent", agent, "Fences ```")
    path = tmp_path / "talk.md"
    assert program.good("export", agent, str(path)).out.endswith("messages\n")
    text = path.read_text(encoding="utf-8")
    assert (
        text.startswith(f"# {agent}\n")
        and "> Note it." in text
        and "\n````\ncore_memory_append" in text
        and "**Noted**." in text
    )
    as_json = tmp_path / "talk.json"
    program.good("export", agent, str(as_json))
    assert (
        json.loads(as_json.read_text(encoding="utf-8"))
        == program.good("show", "messages", "--agent", agent, "--json").json
    )


def test_what_it_would_have_said(program: Program, agent: str, model: ModelServer) -> None:
    model.fallback = lambda request: scripted.say(
        f"{request['model']} to {last_user_text(request)}: "
        + ("bees" if "Keeps bees." in request["messages"][0]["content"] else "nothing")
        + (", secret" if "secret" in json.dumps(request["messages"][:-1]) else "")
    )
    model.script(scripted.say("Hm."))
    program.good("send", "--agent", agent, "A secret.")
    program.good("send", "--agent", agent, "What do you know?")
    program.good("send", "--agent", agent, "And now?")
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    asked = next(row["step"] for row in rows if row["text"] == "What do you know?")
    secret = next(row["step"] for row in rows if row["text"] == "A secret.")
    told = program.good("replay", agent, "--from", str(asked), "--model", "openai/other", "--edit", "human=Keeps bees.",
                        "--without", f"m{secret}", "--json").json  # fmt: skip
    assert [(turn["did"], turn["would"]) for turn in told["turns"]] == [
        ("scripted to What do you know?: nothing, secret", "other to What do you know?: bees"),
        ("scripted to And now?: nothing, secret", "other to And now?: bees"),
    ]
    assert told["agent"] == f"{agent} replay" and told["from"] == asked
    assert program.good("show", "messages", "--agent", agent, "--json").json == rows, "the agent itself is as it was"
    shown = program.good("replay", agent, "--from", str(asked + 1), "--turns", "1").out
    assert "it would have said" in shown and " │ " in shown and "And now?" not in shown
    names = len(program.good("list", "agents", "--json").json)
    refused(program("replay", agent, "--from", str(asked), "--edit", "nothing"), 2, "LABEL=TEXT")
    refused(program("replay", agent, "--from", str(asked), "--edit", "mood=bad"), 2, "mood")
    refused(program("replay", agent, "--from", str(asked), "--without", "m9999"), 1, "m9999")
    refused(program("replay", agent, "--from", "99999"), 1, "99999")
    assert len(program.good("list", "agents", "--json").json) == names, "nothing is left of what could not be tried"
