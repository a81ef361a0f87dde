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
from core.sources.jsonl import Bad, read
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
