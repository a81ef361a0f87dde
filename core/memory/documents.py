"""What is put into external context: messages and passages, found by their words from the same transaction on."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from core.memory.terms import index, speaker_terms

if TYPE_CHECKING:
    import duckdb

LONGEST_TEXT = 65535  # terms; a document's length is kept in two bytes
FEW = 64  # rows that go in as a statement of literals sooner than as arrays
ASKS = 4  # bit of `marks`; below it are the words of time, counted up to three
TIME = re.compile(
    r"\b(?:yesterday|today|tomorrow|tonight|last|next|ago|weeks?|weekends?|months?|years?|mondays?|tuesdays?|wednesdays?"
    r"|thursdays?|fridays?|saturdays?|sundays?|january|february|march|april|may|june|july|august|september|october"
    r"|november|december|recently|since|days?|mornings?|nights?|\d+)\b",
    re.IGNORECASE,
)
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


def insert(
    connection: duckdb.DuckDBPyConnection,
    documents: Sequence[Document],
    step: int,
    branch: int,
    first_doc: int,
    first_text: int,
    text_ids: Sequence[int] | None = None,
) -> None:
    """Puts documents in, inside a transaction of the caller. Their texts are stored here unless `text_ids` names
    where they stand already."""
    stored = list(text_ids) if text_ids is not None else list(range(first_text, first_text + len(documents)))
    if text_ids is None:
        _put(
            connection,
            "text",
            ("id", "step", "body"),
            [(n, step, d.text) for n, d in zip(stored, documents, strict=True)],
        )
    rows: list[tuple[Any, ...]] = []
    postings: list[tuple[int, int]] = []
    for number, (document, text) in enumerate(zip(documents, stored, strict=True), first_doc):
        length, language, own = _postings(number, document.name, document.title, document.text)
        postings += own
        rows.append(
            (
                number, document.key, document.kind, document.role, document.name, document.title,
                document.conversation, document.position, document.at, step, branch, text, length, document.file,
                document.place, document.tags, marks(document.text), language,
            )
        )  # fmt: skip
    _put(connection, "doc", DOC_COLUMNS, rows)
    _put(connection, "posting_tail", ("term", "doc"), postings)


def reindex(connection: duckdb.DuckDBPyConnection, where: str) -> int:
    """The words of some documents (a condition on `d`) again, inside a transaction of the caller; how many they are."""
    found = connection.execute(
        f"SELECT d.id, d.name, d.title, t.body FROM doc d JOIN text t ON t.id = d.text WHERE {where}"
    ).fetchall()
    if not found:
        return 0
    listed = ",".join(str(row[0]) for row in found)
    for table in ("posting", "posting_tail"):
        connection.execute(f"DELETE FROM {table} WHERE doc IN ({listed})")
    postings: list[tuple[int, int]] = []
    changed: list[tuple[int, int, int, int]] = []
    for number, name, title, body in found:
        length, language, own = _postings(number, name, title, body)
        postings += own
        changed.append((number, length, marks(body), language))
    _put(connection, "posting_tail", ("term", "doc"), postings)
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


def marks(text: str) -> int:
    """What a text is besides its words: whether it asks, and how many words of time it has, up to three."""
    asks = "?" in text or "？" in text
    return min(3, len(TIME.findall(text))) + ASKS * asks


def _postings(number: int, name: str, title: str, body: str) -> tuple[int, int, list[tuple[int, int]]]:
    """A document's length in terms, its language, and its rows of the index."""
    found = index(f"{title}\n{body}" if title else body)
    terms = found.terms | speaker_terms(name) if name else found.terms
    return min(LONGEST_TEXT, len(found.terms)), found.language, [(term, number) for term in terms]


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


@contextlib.contextmanager
def _as_table(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Iterator[str]:
    """Rows as a table that DuckDB reads in place, for as long as the context lasts."""
    arrays: Mapping[str, Any] = {
        name: numpy.array(values, dtype=NUMBERS.get(name, object))
        for name, values in zip(columns, zip(*rows, strict=True), strict=True)
    }
    connection.execute("SELECT 1").fetchall()  # registering is refused while an earlier result is half read
    connection.register("given_rows", arrays)
    try:
        yield "given_rows"
    finally:
        connection.unregister("given_rows")
