"""Agents as a whole: exported and brought in, forked, renamed, put away, deleted with a way back."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from memgpt.home import Home
from memgpt.link import Link
from tests.support.model_server import ModelServer
from tests.support.program import Program


@pytest.fixture
def agent(program: Program, agent_name: str, model: ModelServer) -> str:
    for text in ("I live in Ulm", "I play chess"):
        program.good("send", "--agent", agent_name, "--create", "--model", "openai/scripted", "--model-endpoint",
                     model.url, "--context-window", "8192", text)  # fmt: skip
    return agent_name


def asked(program: Program, op: str, **params: Any) -> Any:
    async def job() -> Any:
        link = await Link.open(program.home, role="tool")
        try:
            return await link.ask(op, **params)
        finally:
            await link.close()

    return asyncio.run(job())


def told(program: Program, agent: str) -> list[tuple[str, str]]:
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    return [(row["role"], row["text"]) for row in rows if row["role"] in ("user", "assistant")]


def test_an_agent_comes_back_from_its_file(program: Program, agent: str, tmp_path: Path) -> None:
    file = tmp_path / "ada.memgpt"
    digest = program.good("export", agent, str(file)).out
    assert len(digest) == 17 and stat.S_IMODE(file.stat().st_mode) == 0o600
    back = program.good("import", "agent", str(file), "--name", f"{agent} back").out
    assert back == f"{agent} back\n{digest}"
    assert told(program, f"{agent} back") == told(program, agent)
    found = program.good("search", "recall", "chess", "--agent", f"{agent} back", "--mode", "text", "--json").json
    assert "I play chess" in {row["text"] for row in found["results"]}
    program.good("send", "--agent", f"{agent} back", "Something new")
    assert program.good("export", f"{agent} back", str(file)).out != digest


def test_what_is_no_agent_is_refused_and_leaves_nothing(program: Program, agent: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database", encoding="utf-8")
    for path in (tmp_path / "notes.txt", tmp_path / "nothing"):
        done = program("import", "agent", str(path), "--name", f"{agent} x")
        assert done.status == 1 and done.err.count("\n") == 1 and "export" in done.err
    assert not (program.home.agents / f"{agent} x").exists()
    taken = program("export", agent, str(tmp_path / "no folder" / "file"))
    assert taken.status == 1 and "no folder" in taken.err
    assert told(program, agent)[0] == ("user", "I live in Ulm")


def test_a_fork_goes_its_own_way_from_any_turn(program: Program, agent: str) -> None:
    first = program.good("show", "messages", "--agent", agent, "--json").json[0]["step"]
    program.good("fork", agent, f"{agent} now")
    program.good("fork", agent, f"{agent} then", "--at", str(first))
    program.good("send", "--agent", f"{agent} then", "I moved to Bonn")
    assert [text for _, text in told(program, f"{agent} now")] == [text for _, text in told(program, agent)]
    assert [text for role, text in told(program, f"{agent} then") if role == "user"] == [
        "I live in Ulm",
        "I moved to Bonn",
    ]
    found = program.good("search", "recall", "chess", "--agent", f"{agent} then", "--mode", "text", "--json").json
    assert not [row for row in found["results"] if "chess" in row["text"]]
    refused = program("fork", agent, f"{agent} none", "--at", "999999")
    assert refused.status == 1 and "no step 999999" in refused.err
    assert not (program.home.agents / f"{agent} none").exists()
    assert "already" in program("fork", agent, f"{agent} now").err


def test_another_name_keeps_everything(program: Program, agent: str) -> None:
    before = told(program, agent)
    assert asked(program, "rename_agent", agent=agent, name=f"{agent} Bö") == {"name": f"{agent} Bö"}
    assert told(program, f"{agent} Bö") == before
    assert "no agent" in program("show", "messages", "--agent", agent).err
    asked(program, "rename_agent", agent=f"{agent} Bö", name=f"{agent} BÖ")
    names = [row["name"] for row in program.good("list", "agents", "--json").json]
    assert f"{agent} BÖ" in names and f"{agent} Bö" not in names


def test_a_deleted_agent_can_be_brought_back(program: Program, agent: str) -> None:
    before = told(program, agent)
    asked(program, "delete_agent", name=agent, keep=True)
    assert not (program.home.agents / agent).exists()
    assert asked(program, "undelete_agent") == {"name": agent}
    assert told(program, agent) == before
    program.good("delete", "agent", agent, "--yes")
    assert not list(program.home.path.glob(f"trash/*/{agent}"))


def test_what_was_deleted_is_gone_when_the_engine_starts_anew(fresh_home: Home, model: ModelServer) -> None:
    program = Program(fresh_home)
    program.good(
        "send", "--agent", "ada", "--create", "--model", "openai/scripted", "--model-endpoint", model.url, "Hello"
    )
    asked(program, "delete_agent", name="ada", keep=True)
    assert list(fresh_home.trash.glob("*/ada/memory.duckdb"))
    program.good("engine", "stop")
    program.good("list", "agents")
    assert not fresh_home.trash.exists()


def test_an_agent_is_put_away_and_taken_out(program: Program, agent: str) -> None:
    def row() -> dict[str, Any]:
        rows: list[dict[str, Any]] = program.good("list", "agents", "--json").json
        return next(row for row in rows if row["name"] == agent)

    asked(program, "archive_agent", agent=agent, away=True)
    assert row()["archived"] and row()["last_words"] == "You said: I play chess" and row()["bytes"] > 0
    asked(program, "archive_agent", agent=agent, away=False)
    assert not row()["archived"]
    assert [asked(program, "archive_agent", agent=agent)["archived"] for _ in range(2)] == [True, False]
