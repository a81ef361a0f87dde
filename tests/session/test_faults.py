"""What goes wrong beneath a turn is told in words: a full disk, a damaged file, a source that is gone."""

from __future__ import annotations

import json
import random
import resource
from pathlib import Path

import pytest

from memgpt import events as e
from memgpt.home import Home
from tests.conftest import processes_of
from tests.support.agents import make_session, open_roster, turn
from tests.support.model_server import ModelServer
from tests.support.program import Program


def ada(model: ModelServer, *arguments: str) -> tuple[str, ...]:
    return ("send", "--agent", "ada", "--create", "--model", "openai/scripted", "--model-endpoint", model.url,
            "--context-window", "8192", *arguments)  # fmt: skip


def let_files_grow_to(home: Home, size: int) -> None:
    """What a full disk does to the engine that runs: its files can grow no further."""
    (engine,) = processes_of(home, "core.engine")
    resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_ends_the_turn_in_words(fresh_home: Home, model: ModelServer) -> None:
    program = Program(fresh_home)
    program.good(*ada(model, "First"))
    let_files_grow_to(fresh_home, 1000)
    done = program(*ada(model, "Second"))
    assert done.status == 1 and done.out == "" and "no room left" in done.err and done.err.count("\n") == 1
    lines = program(*ada(model, "--json", "Third")).lines
    assert [line["type"] for line in lines] == ["error", "turn_end"] and lines[-1]["reason"] == "error"
    let_files_grow_to(fresh_home, resource.RLIM_INFINITY)
    assert program.good(*ada(model, "Fourth")).out == "You said: Fourth\n"
    shown = program.good("show", "context", "--agent", "ada", "--json").json
    assert shown["messages"][-1]["content"], "what was not committed is not taken for stored"


async def test_whatever_breaks_a_turn_is_told(
    tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_roster(tmp_path) as roster:
        session = await make_session(roster, model)

        def broken(*_: object) -> None:
            raise RuntimeError("nobody thought of this")

        with monkeypatch.context() as patch:
            patch.setattr("core.agent.Agent._may_think", broken)
            patch.setattr("core.agent.Agent._verdict", broken)
            events = await turn(session, "First")
        assert [event.type for event in events[-2:]] == ["error", "turn_end"]
        assert isinstance(events[-2], e.Error) and "nobody thought of this" in events[-2].message
        assert [event.text for event in await turn(session, "Second") if isinstance(event, e.AssistantMessage)] == [
            "You said: Second"
        ]


def test_damage_anywhere_in_the_file_is_one_line_that_says_how_to_restore(
    fresh_home: Home, model: ModelServer, tmp_path: Path
) -> None:
    program = Program(fresh_home)
    program.good(*ada(model, "First"))
    chance = random.Random(7)
    words = ["".join(chance.choices("abcdefghij", k=7)) for _ in range(3000)]
    rows = [{"role": "user", "text": " ".join(chance.choices(words, k=60))} for _ in range(1500)]
    (file := tmp_path / "talk.jsonl").write_text("\n".join(map(json.dumps, rows)))
    program.good("import", "messages", str(file), "--agent", "ada", "--no-embed")
    program.good("engine", "stop")
    database = fresh_home.agent_file("ada")
    good = database.read_bytes()
    for eighth in (3, 6):
        start = len(good) * eighth // 8
        database.write_bytes(good[:start] + chance.randbytes(8192) + good[start + 8192 :])
        met = 0
        for arguments in (ada(model, "Again"), ("search", "recall", words[3], "--agent", "ada"),
                          ("show", "messages", "--agent", "ada")):  # fmt: skip
            done = program(*arguments)
            assert "held by another" not in done.err and "engine failed" not in done.err
            if done.status:
                met += 1
                assert "is damaged" in done.err and "backup" in done.err and done.err.count("\n") == 1, done.err
        assert met
        program.good("engine", "stop")
        database.with_name("memory.duckdb.wal").unlink(missing_ok=True)
        database.write_bytes(good)
    assert program.good(*ada(model, "Restored")).out == "You said: Restored\n"


def test_an_agent_whose_source_was_deleted_opens(fresh_home: Home, model: ModelServer, tmp_path: Path) -> None:
    program = Program(fresh_home)
    program.good(*ada(model, "First"))
    (file := tmp_path / "pages.jsonl").write_text('{"text": "the heron stands"}\n')
    for name in ("S", "T"):
        program.good("load", "jsonl", name, str(file))
        program.good("attach", name, "--agent", "ada")
    program.good("engine", "stop")
    (fresh_home.sources / "S.duckdb").unlink()
    (fresh_home.sources / "T.duckdb").write_bytes(b"x" * 5000)
    done = program.good(*ada(model, "Second"))
    assert (
        done.out == "You said: Second\n" and done.err.count("'S' is gone") == 1 and "'T' cannot be searched" in done.err
    )
    assert program.good(*ada(model, "Third")).err == "", "it is named once"
    assert program.good("show", "memory", "--agent", "ada").status == 0
    program.good("detach", "T", "--agent", "ada")
    program.good("delete", "agent", "ada", "--yes")


def test_deleting_an_attached_source_leaves_its_agents_whole(
    fresh_home: Home, model: ModelServer, tmp_path: Path
) -> None:
    program = Program(fresh_home)
    program.good(*ada(model, "First"))
    (file := tmp_path / "pages.jsonl").write_text('{"text": "the heron stands"}\n')
    program.good("load", "jsonl", "S", str(file))
    program.good("attach", "S", "--agent", "ada")
    program.good("delete", "source", "S", "--yes")
    program.good("engine", "stop")
    assert program.good(*ada(model, "Second")).out == "You said: Second\n"
    program.good("search", "archival", "heron", "--agent", "ada")


def test_a_full_disk_ends_a_load_in_words(fresh_home: Home, tmp_path: Path) -> None:
    program = Program(fresh_home)
    (path := tmp_path / "long.txt").write_text("Some words that are said over and over.\n" * 120_000)
    program.good("list", "sources")
    let_files_grow_to(fresh_home, 3_000_000)
    done = program("load", "file", "S", str(path))
    assert done.status == 1 and done.out == "" and "no room left" in done.err and done.err.count("\n") == 1
    assert {entry.name for entry in fresh_home.sources.iterdir()} <= {"S.duckdb", "S.duckdb.wal"}, (
        "nothing is left over"
    )
