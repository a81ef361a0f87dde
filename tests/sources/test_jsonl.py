"""JSON Lines: whatever a line holds, it costs that line, and every other one is in."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory.documents import Document
from core.memory.search import Query
from core.roster import Roster
from core.session import Session
from core.sources import library
from core.sources.jsonl import Bad, read
from tests.support.agents import asked, make_session
from tests.support.model_server import ModelServer
from tests.support.program import Program

DEEP = "[" * 100_000
BAD = {
    DEEP: "nested too deep",
    '{"text": ' + '{"a": ' * 50_000: "nested too deep",
    r'{"id": "\ud800", "text": "bad"}': "not UTF-8",
    r'{"id": ["\ud800"], "text": "bad", "role": "\udfff"}': "not UTF-8",
    '{"id": "x", "text": 7}': "`text` is not a text",
    "7" * 5000: "Exceeds the limit",
    "[]": "not a JSON object",
}
STRAY = st.text(st.characters(exclude_characters="\n\r", categories=None), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRAY, lambda inner: st.lists(inner) | st.dictionaries(STRAY, inner), max_leaves=4
)  # fmt: skip
NAMES = st.sampled_from(["id", "text", "role", "created_at", "conversation", "name", "title"])


def good(number: int) -> str:
    return json.dumps({"id": f"g{number}", "text": f"The pelican number {number}."})


def test_bad_lines_are_told_and_everything_good_is_in(program: Program, reader: str, tmp_path: Path) -> None:
    lines = [good(0)]
    for number, bad in enumerate(BAD, 1):
        lines += [bad, good(number)]
    (path := tmp_path / "pages.jsonl").write_bytes(codecs.BOM_UTF8 + "\n".join(lines).encode())
    for command in (("load", "jsonl", f"s{reader}", str(path)), ("import", "messages", str(path), "--agent", reader)):
        done = program(*command)
        assert done.status == 1 and done.out == f"{len(BAD) + 1} in, 0 there already, {len(BAD)} bad lines\n", done
        told = done.err.splitlines()
        assert len(told) == len(BAD)
        for number, (line, words) in enumerate(zip(told, BAD.values(), strict=True), 1):
            assert line.startswith(f"memgpt: line {2 * number} was skipped: ") and words in line
    program.good("attach", f"s{reader}", "--agent", reader)
    for kind in ("archival", "recall"):
        found = program.good("search", kind, "pelican", "--agent", reader, "--json", "--limit", "50").json["results"]
        assert {hit["id"] for hit in found} >= {f"g{number}" for number in range(len(BAD) + 1)}


async def test_a_changed_line_is_replaced_and_one_of_another_file_kept_beside(
    roster: Roster, model: ModelServer, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    here, there = tmp_path / "pages.jsonl", tmp_path / "other" / "pages.jsonl"
    session = await make_session(roster, model)
    assert await loaded(roster, here, a="A pelican.", b="A heron.") == (2, 0, 0)
    await asked(roster, "attach_source", agent="ada", source="pages")
    assert await found(session, "pelican heron") == {("a", "A pelican."), ("b", "A heron.")}
    assert await loaded(roster, here, a="A pelican.", b="A stork.") == (1, 1, 1)
    assert await found(session, "pelican heron stork") == {("a", "A pelican."), ("b", "A stork.")}
    assert await loaded(roster, there, a="A walrus.", b="A stork.") == (1, 0, 1), "the same words are there already"
    ((other, text),) = await found(session, "walrus")
    assert text == "A walrus." and other.startswith("a-")
    assert await loaded(roster, there, a="A walrus.") == (0, 0, 1)
    assert await loaded(roster, there, a="A narwhal.") == (1, 1, 0)
    assert await loaded(roster, here, a="A gannet.") == (1, 1, 0)
    kept = {("a", "A gannet."), ("b", "A stork."), (other, "A narwhal.")}
    assert await found(session, "pelican heron stork walrus narwhal gannet") == kept


async def test_an_id_that_comes_twice_in_a_file_is_that_of_its_first_line(
    roster: Roster, model: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "BATCH", 2)
    path = tmp_path / "pages.jsonl"
    path.write_text("\n".join([*map(good, range(4)), '{"id": "g0", "text": "Another one."}']))
    for imported in (4, 0):
        told = await asked(roster, "load", kind="jsonl", name="pages", path=str(path))
        assert (told["imported"], told["replaced"], told["skipped"]) == (imported, 0, 5 - imported)


async def test_lines_of_before_are_those_of_the_file_of_that_name(
    roster: Roster, model: ModelServer, tmp_path: Path
) -> None:
    """As they were loaded once: with the name of their file, and not where it is."""
    session = await make_session(roster, model)
    await loaded(roster, tmp_path / "pages.jsonl", a="A pelican.")
    database = (await roster.library.corpus("pages")).database
    await database.write(lambda connection: connection.execute("UPDATE doc SET conversation = file") and None)
    assert await loaded(roster, tmp_path / "pages.jsonl", a="A heron.") == (1, 1, 0)
    await asked(roster, "attach_source", agent="ada", source="pages")
    assert await found(session, "pelican heron") == {("a", "A heron.")}


async def loaded(roster: Roster, path: Path, **texts: str) -> tuple[int, int, int]:
    """Loads a file of such ids and texts: how many are in, how many of them replaced, how many there already."""
    path.write_text("".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in texts.items()))
    told = await asked(roster, "load", kind="jsonl", name="pages", path=str(path))
    return told["imported"], told["replaced"], told["skipped"]


async def found(session: Session, query: str) -> set[tuple[str, str]]:
    agent = await session.agent()
    return {(hit.key, hit.text) for hit in (await agent.external.find(Query(query, "archival", "text"))).hits}


@pytest.mark.parametrize(
    "bad", [DEEP, r'{"id": "\ud800", "query": "x"}', r'{"id": "x", "query": "\ud800"}'], ids=["deep", "id", "query"]
)
def test_a_bad_line_of_queries_is_told(program: Program, reader: str, tmp_path: Path, bad: str) -> None:
    query = json.dumps({"id": "q1", "query": "Hello"})
    (path := tmp_path / "queries.jsonl").write_bytes(codecs.BOM_UTF8 + f"{query}\n{bad}\n".encode())
    done = program("search", "recall", "--queries", str(path), "--agent", reader)
    assert done.status == 2 and "line 2 is not" in done.err and done.err.count("\n") == 1
    path.write_bytes(codecs.BOM_UTF8 + query.encode())
    assert program.good("search", "recall", "--queries", str(path), "--agent", reader).lines[0]["id"] == "q1"


@given(st.lists(st.binary(max_size=20) | st.dictionaries(NAMES, VALUES).map(lambda row: json.dumps(row).encode())))
def test_whatever_a_line_holds_its_neighbours_are_read(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    whole = [line.replace(b"\n", b"").replace(b"\r", b"") for line in lines]
    path = tmp_path_factory.getbasetemp() / os.fsdecode(b"any \xff.jsonl")
    path.write_bytes(b"".join(line + b"\n" + good(number).encode() + b"\n" for number, line in enumerate(whole)))
    found = list(read(path, "archival", 0))
    kept = [entry for entry in found if isinstance(entry, Document)]
    for entry in kept:
        for text in (entry.key, entry.text, entry.name, entry.title, entry.conversation, entry.file):
            assert text.encode() is not None, "it can be stored"
    assert {entry.place for entry in kept} >= {f"line {2 * number + 2}" for number in range(len(whole))}
    assert all(entry.line % 2 for entry in found if isinstance(entry, Bad))
