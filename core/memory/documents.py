"""What is put into external context: messages and passages, found by their words from the same transaction on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.memory.terms import LONGEST_TEXT, MOST_TIMES, telling, term_id, terms

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Document:
    """A message or passage. `key` is the id that users see; `conversation` and `position` say where it was said.

    What comes from a file has its `file`, and its `place` there in words: `page 12`, `lines 30-55`.
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

    @property
    def indexed(self) -> str:
        """What its words are: who spoke or what it is called, and the text."""
        return "\n".join(part for part in (self.name, self.title, self.text) if part)


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
        texts = [
            value for number, document in zip(stored, documents, strict=True) for value in (number, step, document.text)
        ]
        _insert(connection, "text", 3, texts)
    rows: list[Any] = []
    postings: list[tuple[int, int, int, int]] = []
    for place, (document, text) in enumerate(zip(documents, stored, strict=True)):
        number = first_doc + place
        found = terms(document.indexed)
        length = min(LONGEST_TEXT, telling(found).total())
        rows += [
            number, document.key, document.kind, document.role, document.name, document.title, document.conversation,
            document.position, document.at, step, branch, text, length, document.file, document.place, document.tags,
        ]  # fmt: skip
        postings += [(term_id(term), number, min(MOST_TIMES, times), length) for term, times in found.items()]
    _insert(connection, "doc", 16, rows)
    insert_postings(connection, postings)


def remove(connection: duckdb.DuckDBPyConnection, conversation: str) -> int:
    """Takes the documents of a conversation out with their texts, words and vectors, inside a transaction of the
    caller; how many they were."""
    own = "SELECT id FROM doc WHERE conversation = ?"
    row = connection.execute(f"SELECT count(*) FROM ({own})", [conversation]).fetchone()
    if not row or not row[0]:
        return 0
    for table in ("posting", "posting_tail", "vector"):
        connection.execute(f"DELETE FROM {table} WHERE doc IN ({own})", [conversation])
    connection.execute("DELETE FROM text WHERE id IN (SELECT text FROM doc WHERE conversation = ?)", [conversation])
    connection.execute("DELETE FROM doc WHERE conversation = ?", [conversation])
    return int(row[0])


def insert_postings(connection: duckdb.DuckDBPyConnection, postings: Sequence[tuple[int, int, int, int]]) -> None:
    """New postings go to the tail. They are numbers of ours, so they stand in the statement itself, which is faster."""
    for start in range(0, len(postings), 5000):
        values = ",".join(
            f"({term},{doc},{times},{length})" for term, doc, times, length in postings[start : start + 5000]
        )
        connection.execute(f"INSERT INTO posting_tail VALUES {values}")


def _insert(connection: duckdb.DuckDBPyConnection, table: str, columns: int, values: Sequence[Any]) -> None:
    row = f"({','.join('?' * columns)})"
    for start in range(0, len(values), columns * 500):
        part = values[start : start + columns * 500]
        connection.execute(f"INSERT INTO {table} VALUES {','.join([row] * (len(part) // columns))}", part)
