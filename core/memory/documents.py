"""What is put into external context: messages and passages, found by their words from the same transaction on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy

from core.memory.terms import file_terms, index, speaker_terms

if TYPE_CHECKING:
    import duckdb

LONGEST_TEXT = 65535  # terms; a document's length is kept in two bytes
FEW = 64  # rows that go in as a statement of literals sooner than as arrays
ASKS = 4  # bit of `marks`: the text asks; below it are its words of time, counted up to three
DOC_COLUMNS = (
    "id", "key", "kind", "role", "name", "title", "conversation", "position", "moment", "step", "branch", "text",
    "length", "file", "place", "tags", "marks", "language",
)  # fmt: skip
NUMBERS = {
    "id": "int32", "position": "int32", "moment": "int64", "step": "int64", "branch": "int32", "text": "int64",
    "length": "uint16", "marks": "uint8", "language": "uint8", "term": "int64", "doc": "int32",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A message or passage. `key` is the id that users see; `conversation` and `position` say where it was said.

    What comes from a file has its `file`, and its `place` there in words: `page 12`, `lines 30-55`. `tags` are parted
    by line breaks.
    """

    key: str
    kind: str
    role: str
    name: str
    title: str
    conversation: str
    position: int
    at: int
    text: str
    file: str = ""
    place: str = ""
    tags: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A document that is in the file, under its number there."""

    key: str
    number: int
    text: str
    title: str
    conversation: str
    file: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the words of a document come to: its terms, who speaks and its file's name among them; how many it has without
    those; its language and marks."""

    terms: frozenset[int]
    length: int
    language: int
    marks: int


def analysed(name: str, title: str, text: str, file: str) -> Analysis:
    found = index(f"{title}\n{text}" if title else text)
    terms = found.terms | speaker_terms(name) if name else found.terms
    terms |= file_terms(file) if file else frozenset()
    asks = ASKS * ("?" in text or "？" in text)
    return Analysis(terms, min(LONGEST_TEXT, len(found.terms)), found.language, min(ASKS - 1, found.times) + asks)


def insert(
    connection: duckdb.DuckDBPyConnection,
    documents: Sequence[Document],
    step: int,
    branch: int,
    first_doc: int,
    first_text: int,
    text_ids: Sequence[int] | None = None,
    analyses: Sequence[Analysis] | None = None,
) -> None:
    """Puts documents in, inside a transaction of the caller. Their texts are stored here unless `text_ids` names
    where they stand already; `analyses` are given where they were made beforehand."""
    stored = list(text_ids) if text_ids is not None else list(range(first_text, first_text + len(documents)))
    if text_ids is None:
        texts = [(number, step, document.text) for number, document in zip(stored, documents, strict=True)]
        _put(connection, "text", ("id", "step", "body"), texts)
    made = analyses or [analysed(d.name, d.title, d.text, d.file) for d in documents]
    rows = [
        (
            number, d.key, d.kind, d.role, d.name, d.title, d.conversation, d.position, d.at, step, branch, text,
            a.length, d.file, d.place, d.tags, a.marks, a.language,
        )
        for number, (d, text, a) in enumerate(zip(documents, stored, made, strict=True), first_doc)
    ]  # fmt: skip
    _put(connection, "doc", DOC_COLUMNS, rows)
    _put_postings(connection, range(first_doc, first_doc + len(made)), made)


def reindex(connection: duckdb.DuckDBPyConnection, where: str) -> int:
    """The words of some documents (a condition on `d`) again, inside a transaction of the caller; how many they are."""
    found = connection.execute(
        f"SELECT d.id, d.name, d.title, t.body, d.file FROM doc d JOIN text t ON t.id = d.text WHERE {where}"
    ).fetchall()
    if not found:
        return 0
    listed = ",".join(str(row[0]) for row in found)
    for table in ("posting", "posting_tail"):
        connection.execute(f"DELETE FROM {table} WHERE doc IN ({listed})")
    made = [analysed(*row[1:]) for row in found]
    _put_postings(connection, [row[0] for row in found], made)
    changed = [(row[0], a.length, a.marks, a.language) for row, a in zip(found, made, strict=True)]
    with _as_table(connection, ("id", "length", "marks", "language"), changed) as table:
        connection.execute(
            f"""UPDATE doc SET length = n.length, marks = n.marks, language = n.language FROM {table} n
                WHERE doc.id = n.id"""
        )
    return len(found)


def remove(connection: duckdb.DuckDBPyConnection, condition: str, values: Sequence[Any]) -> int:
    """Takes documents out (a condition on table `doc`) with their texts, words and vectors, inside a transaction of the
    caller; how many they were."""
    own = f"SELECT id FROM doc WHERE {condition}"
    row = connection.execute(f"SELECT count(*) FROM ({own})", values).fetchone()
    if not row or not row[0]:
        return 0
    for table in ("posting", "posting_tail", "vector"):
        connection.execute(f"DELETE FROM {table} WHERE doc IN ({own})", values)
    connection.execute(f"DELETE FROM text WHERE id IN (SELECT text FROM doc WHERE {condition})", values)
    connection.execute(f"DELETE FROM doc WHERE {condition}", values)
    return int(row[0])


def held_keys(connection: duckdb.DuckDBPyConnection, keys: Sequence[str], condition: str = "true") -> set[str]:
    """Those of some ids that are in the file, of documents for which a condition on `doc` holds."""
    with _registered(connection, {"key": numpy.array(keys, object)}) as name:
        query = f"SELECT key FROM doc SEMI JOIN {name} USING (key) WHERE {condition}"
        return {row[0] for row in connection.execute(query).fetchall()}


def held(connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, Held]:
    """The documents of some ids, by their id."""
    there = held_keys(connection, keys)  # mostly none, and no text has to be looked at
    if not there:
        return {}
    with _registered(connection, {"key": numpy.array([*there], object)}) as name:
        query = f"""SELECT d.key, d.id, t.body, d.title, d.conversation, d.file
            FROM doc d SEMI JOIN {name} USING (key) JOIN text t ON t.id = d.text"""
        return {row[0]: Held(*row) for row in connection.execute(query).fetchall()}


def _put_postings(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int], analyses: Sequence[Analysis]) -> None:
    """The terms of documents, which go to the tail of the index."""
    count = sum(len(analysis.terms) for analysis in analyses)
    if count > FEW:
        terms = numpy.fromiter(chain.from_iterable(a.terms for a in analyses), numpy.int64, count)
        docs = numpy.repeat(numpy.array(numbers, numpy.int32), [len(a.terms) for a in analyses])
        with _registered(connection, {"term": terms, "doc": docs}) as name:
            connection.execute(f"INSERT INTO posting_tail (term, doc) SELECT term, doc FROM {name}")
    else:
        rows = [(term, number) for number, a in zip(numbers, analyses, strict=True) for term in a.terms]
        _put(connection, "posting_tail", ("term", "doc"), rows)


def _put(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Rows into a table: many as arrays, which is a hundred times faster; few as one statement, which starts sooner."""
    if not rows:
        return
    listed = ",".join(columns)
    if len(rows) > FEW:
        with _as_table(connection, columns, rows) as name:
            connection.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {name}")
    elif all(column in NUMBERS for column in columns):
        values = ",".join(f"({','.join(map(str, row))})" for row in rows)
        connection.execute(f"INSERT INTO {table} ({listed}) VALUES {values}")
    else:
        marks_ = ",".join([f"({','.join('?' * len(columns))})"] * len(rows))
        connection.execute(f"INSERT INTO {table} ({listed}) VALUES {marks_}", [value for row in rows for value in row])


def _as_table(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> contextlib.AbstractContextManager[str]:
    arrays = {
        name: numpy.array(values, dtype=NUMBERS.get(name, object))
        for name, values in zip(columns, zip(*rows, strict=True), strict=True)
    }
    return _registered(connection, arrays)


@contextlib.contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, arrays: Mapping[str, Any]) -> Iterator[str]:
    """Arrays as a table that DuckDB reads in place, for as long as the context lasts."""
    connection.execute("SELECT 1").fetchall()  # registering is refused while an earlier result is half read
    connection.register("given_rows", arrays)
    try:
        yield "given_rows"
    finally:
        connection.unregister("given_rows")
