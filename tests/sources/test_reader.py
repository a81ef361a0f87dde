"""The reader process and the cutting of texts: what hangs or dies costs one file, and no word is lost or parted."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sources.chunks import CHARACTERS, chunks
from core.sources.reader import Reader
from core.sources.readers.sections import Section, Unreadable, line_marks
from core.store.database import Database
from core.store.schema import DOCUMENTS


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Reader]:
    found = Reader(tmp_path / "log", patience_s=2)
    yield found
    await found.close()


async def read(reader: Reader, path: Path) -> list[str]:
    assert await reader.open(path, "")
    return [chunk.text async for chunk in reader.chunks()]


async def test_a_reader_that_hangs_or_dies_costs_one_file(reader: Reader, tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_text("Some words.")
    for blow, words in ((signal.SIGSTOP, "too long"), (signal.SIGKILL, "crashed")):
        assert await read(reader, path) == ["Some words."]
        assert reader.process
        os.kill(reader.process.pid, blow)
        with pytest.raises(Unreadable, match=words):
            await reader.open(path, "")
    assert await read(reader, path) == ["Some words."]
    digest = await reader.open(path, "")
    assert [chunk async for chunk in reader.chunks()] and digest
    assert await reader.open(path, digest) is None, "it is the one that is known"


async def test_a_reader_is_closed_while_it_has_much_to_say(reader: Reader, tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_text("Some words that are said over and over.\n" * 200_000)
    assert await reader.open(path, "")
    await asyncio.sleep(1)  # what nobody takes fills the pipe and all that is read ahead
    await asyncio.wait_for(reader.close(), 30)


async def test_a_reader_can_be_stopped_at_any_moment(reader: Reader, tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_text("Some words that are said over and over.\n" * 20_000)

    async def over_and_over() -> None:
        while True:
            await read(reader, path)

    for moment in range(8):
        reading = asyncio.create_task(over_and_over())
        await asyncio.sleep(0.4 + moment * 0.003)
        reading.cancel()
        await asyncio.wait({reading}, timeout=5)
        assert reading.cancelled(), "it was told once"
        await reader.close()


async def test_no_key_reaches_a_reader(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (path := tmp_path / "a.txt").write_text("Some words.")
    await read(reader, path)
    assert reader.process and "sk-secret" not in psutil.Process(reader.process.pid).environ().values()


async def test_text_without_a_gap_does_not_take_for_ever(reader: Reader, tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_text("x" * 2_000_000)
    assert "".join(await read(reader, path)) == "x" * 2_000_000


WORDS = st.text(st.sampled_from("abcdefghijklmnop.é漢"), min_size=1, max_size=12)
GAPS = st.sampled_from([" ", "\n", "\n\n", "  ", ". "])


@given(st.lists(st.tuples(WORDS, GAPS), max_size=600), st.sampled_from(["", "markdown", "python", "code"]))
def test_every_word_is_in_one_passage_whole(parts: list[tuple[str, str]], language: str) -> None:
    text = "".join(word + gap for word, gap in parts)
    section = Section(text, "title", "line", line_marks(text), language)
    found = list(chunks(section))
    words = [word for word in text.split() if any(character.isalnum() for character in word)]
    kept = [word for chunk in found for word in chunk.text.split() if any(character.isalnum() for character in word)]
    assert kept == words
    assert all(len(chunk.text) <= CHARACTERS for chunk in found)
    lines = text.splitlines()
    for chunk in found:
        first = int(chunk.place.split()[1].partition("-")[0])
        assert chunk.text.split()[0] in lines[first - 1]


async def test_a_source_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    import duckdb

    connection = duckdb.connect(str(tmp_path / "old.duckdb"))
    connection.execute(DOCUMENTS)
    connection.execute("CREATE TABLE meta (name VARCHAR, value VARCHAR)")
    connection.execute("INSERT INTO meta VALUES ('schema', '1'), ('kind', 'source')")
    connection.execute("INSERT INTO doc VALUES (7, 'k', 'archival', 'passage', '', '', 'c', 1, 5, 0, 0, 9, 1)")
    connection.close()
    database = await Database.open(tmp_path / "old.duckdb", "source")
    row = await database.read(lambda found: found.execute("SELECT file, place, tags, id FROM doc").fetchone())
    given = await database.read(lambda found: found.execute("SELECT doc FROM given").fetchone())
    assert row == ("", "", "", 7) and given == (7,)
    await database.close()
