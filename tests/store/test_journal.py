"""The journal: what was committed is there, the present is what the journal comes to, damage is told in one line."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Item
from core.store.codec import expand, ranges
from core.store.database import Database
from core.store.journal import Draft, Journal
from memgpt.home import UserError

KILLS = 12


async def opened(path: Path) -> Journal:
    return await Journal.open(await Database.open(path / "ada" / "memory.duckdb", "agent"))


def said(kind: str, text: str) -> Draft:
    return Draft(
        kind, {"calls": []} if kind == "reply" else {}, {"text": text}, (Item(0, 0, kind, 3, {"content": text}),)
    )


def born() -> Draft:
    return Draft("born", {"name": "ada", "settings": {"model": "x"}, "limits": {"human": 20}}, {"human": "nobody"})


async def test_present_survives_closing_and_equals_the_fold(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.append(born())
    for number in range(150):  # more than two snapshots
        await journal.append(said("user", f"text {number}"), said("reply", "ok"))
    state = journal.state
    assert await journal.folded() == state
    await journal.database.close()
    again = await opened(tmp_path)
    assert again.state == state
    assert (await again.steps(limit=1))[0].text("text") == "ok"
    await again.database.close()


async def test_a_branch_leaves_the_other_path_untouched(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    (first,) = await journal.append(born())
    await journal.append(said("user", "kept"))
    at_kept = journal.state
    await journal.append(said("user", "left"))
    carried = {"settings": {"model": "y"}, "sources": [], "imports": [], "recall": 0, "branches": 1}
    await journal.append(Draft("head", {"to": at_kept.head, "carried": carried}), parent=at_kept)
    await journal.append(said("user", "other"))
    texts = [step.text("text") for step in await journal.steps(kinds=("user",))]
    assert texts == ["kept", "other"]
    assert journal.state.settings == {"model": "y"}
    assert await journal.folded() == journal.state
    assert (await journal.state_at(first.id)).queue == ()
    await journal.database.close()


async def test_a_failed_commit_changes_nothing(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.append(born())
    before = journal.state

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        await journal.append(Draft("user", {}, {"text": "lost"}, effect=fail))
    assert journal.state == before
    await journal.append(said("user", "kept"))
    assert [step.text("text") for step in await journal.steps(kinds=("user",))] == ["kept"]
    assert await journal.folded() == journal.state
    await journal.database.close()


async def test_a_cancelled_caller_does_not_part_state_from_file(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.append(born())
    for _ in range(20):
        task = asyncio.create_task(journal.append(said("user", "x")))
        await asyncio.sleep(random.random() * 0.004)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await journal.append(said("user", "last"))
    assert await journal.folded() == journal.state
    await journal.database.close()


@pytest.mark.parametrize("content", [b"not a database", b"\0" * 20_000])
async def test_a_damaged_file_is_told_in_one_line_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ada" / "memory.duckdb"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        await Database.open(path, "agent")
    assert "\n" not in str(caught.value)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == content


async def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        journal = await opened(tmp_path)
        await journal.append(born())
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "ada").iterdir()}
        await journal.database.close()
    finally:
        os.umask(old)
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "ada").stat().st_mode & 0o777 == 0o700


def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path) -> None:
    """The writer prints a step when its commit has returned; it is killed at random, and every printed step is there.
    `benchmarks/kill_store.py` does the same a thousand times."""
    acknowledged: list[int] = []
    for _ in range(KILLS):
        acknowledged += killed_writer(tmp_path)
        assert set(acknowledged) <= asyncio.run(stored_steps(tmp_path))
    assert len(acknowledged) > KILLS


def killed_writer(folder: Path) -> list[int]:
    writer = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.support.writer", str(folder)],
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(random.random() * 0.15)
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read()
    writer.wait()
    lines = (first + rest).split(b"\n")
    return [int(line) for line in lines[:-1] if line]


async def stored_steps(folder: Path) -> set[int]:
    journal = await opened(folder)
    assert await journal.folded() == journal.state
    steps = {step.id for step in await journal.steps()}
    await journal.database.close()
    return steps


@given(st.lists(st.integers(1, 10_000), unique=True))
def test_ranges_name_the_same_ids(ids: list[int]) -> None:
    ordered = sorted(ids)
    assert expand(ranges(ordered)) == ordered


async def test_a_copy_waits_for_work_that_was_given_up(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "memory.duckdb", "agent")
    began = threading.Event()

    def slow(connection: Any) -> None:
        connection.execute("UPDATE meta SET value = value")
        began.set()
        time.sleep(0.5)

    try:
        given_up = asyncio.create_task(database.aside(slow))
        await asyncio.to_thread(began.wait)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        async with database.held():
            assert not database.path.with_name("memory.duckdb.wal").exists()
    finally:
        await database.close()


async def test_a_look_leaves_nothing_open(tmp_path: Path) -> None:
    """DuckDB keeps the transaction of a result that is not read to its end, and folds no log meanwhile."""
    database = await Database.open(tmp_path / "memory.duckdb", "agent")
    try:
        for query in ("SELECT count(*) FROM meta", "SELECT name FROM meta"):
            assert await database.read(lambda cursor, query=query: cursor.execute(query).fetchone())  # type: ignore[misc]
            await database.write(lambda connection: connection.execute("UPDATE meta SET value = value"))
        await database.write(lambda connection: connection.execute("CREATE TABLE more (number INTEGER)"))
        async with database.held():
            assert not database.path.with_name("memory.duckdb.wal").exists()
    finally:
        await database.close()
