"""Steps, documents and rendered words by their id or by what stands in them, where nothing is ranked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from core.store import rows
from core.store.codec import ranges

if TYPE_CHECKING:
    import duckdb

DOC_AND_TEXT = "doc d JOIN text t ON t.id = d.text"
FILED = {
    "tags": "tags", "name": "speaker", "conversation": "conversation", "title": "title", "file": "file", "key": "id",
}  # fmt: skip


def steps_of(connection: duckdb.DuckDBPyConnection, kinds: Sequence[str]) -> list[int]:
    """All steps of some kinds, on whatever branch."""
    marks = ",".join("?" * len(kinds))
    found = connection.execute(f"SELECT id FROM step WHERE kind IN ({marks}) ORDER BY id", kinds).fetchall()
    return [row[0] for row in found]


def places(connection: duckdb.DuckDBPyConnection, docs: Iterable[int]) -> dict[int, tuple[int, int]]:
    """The branch and the step that put documents in."""
    found = connection.execute(f"SELECT id, branch, step FROM doc WHERE id IN ({_listed(docs)})").fetchall()
    return {doc: (branch, step) for doc, branch, step in found}


def with_key(connection: duckdb.DuckDBPyConnection, path: rows.Path, key: str) -> list[tuple[int, int, str]]:
    """The documents on the path with that id: each with its step and kind."""
    query = f"SELECT id, step, kind FROM doc WHERE key = ? AND {rows.within(path)}"
    return connection.execute(query, [key]).fetchall()


def with_role(connection: duckdb.DuckDBPyConnection, path: rows.Path, key: str, role: str) -> list[int]:
    """The documents on the path that have that id and role: every wording of a message."""
    query = f"SELECT id FROM doc WHERE key = ? AND role = ? AND {rows.within(path)}"
    return [row[0] for row in connection.execute(query, [key, role]).fetchall()]


def wordings(connection: duckdb.DuckDBPyConnection, path: rows.Path, key: str) -> list[tuple[str, int, str]]:
    """Every wording on the path of what has that id, the newest first: its kind, its step and its text."""
    where = rows.within(path, "d.step", "d.branch")
    query = f"SELECT d.kind, d.step, t.body FROM {DOC_AND_TEXT} WHERE d.key = ? AND {where} ORDER BY d.id DESC"
    return connection.execute(query, [key]).fetchall()


def key_of(connection: duckdb.DuckDBPyConnection, path: rows.Path, hidden: Collection[int], text: str) -> str | None:
    """The id that the text is, or of the newest passage that holds it."""
    where = rows.within(path, "d.step", "d.branch")
    shown = f"AND d.id NOT IN ({_listed(hidden)})" if hidden else ""
    for condition in ("d.key = ?", "d.kind = 'archival' AND contains(lower(t.body), lower(?))"):
        query = f"SELECT d.key FROM {DOC_AND_TEXT} WHERE {condition} AND {where} {shown} ORDER BY d.id DESC LIMIT 1"
        if row := connection.execute(query, [text]).fetchone():
            return str(row[0])
    return None


def texts_of(connection: duckdb.DuckDBPyConnection, key: str) -> list[str]:
    """Every wording that what has that id ever had, on whatever path."""
    query = f"SELECT DISTINCT t.body FROM {DOC_AND_TEXT} WHERE d.key = ? ORDER BY t.body"
    return [str(row[0]) for row in connection.execute(query, [key]).fetchall()]


def documents_holding(connection: duckdb.DuckDBPyConnection, words: str) -> list[tuple[Any, ...]]:
    """The documents in which some words stand: the number of each, its text, and all the words that it is filed under."""
    columns = ["t.body", *(f"d.{column}" for column in FILED)]
    either = " OR ".join(f"contains({column}, ?)" for column in columns)
    query = f"SELECT d.id, {', '.join(columns)} FROM {DOC_AND_TEXT} WHERE {either}"
    return connection.execute(query, [words] * len(columns)).fetchall()


def filed_under(connection: duckdb.DuckDBPyConnection, words: str) -> list[tuple[str, str]]:
    """The names and tags that documents are filed under in which some words stand, each with what it is."""
    each = (
        f"SELECT DISTINCT '{what}', {column} FROM doc WHERE contains({column}, ?)" for column, what in FILED.items()
    )
    return connection.execute(" UNION ALL ".join(each), [words] * len(FILED)).fetchall()


def tags_holding(connection: duckdb.DuckDBPyConnection, words: str) -> list[str]:
    """The tags of documents, all of each one's together, in which some words stand."""
    found = connection.execute("SELECT DISTINCT tags FROM doc WHERE contains(tags, ?) ORDER BY tags", [words])
    return [str(row[0]) for row in found.fetchall()]


def found_holding(
    connection: duckdb.DuckDBPyConnection, path: rows.Path, hidden: Collection[int], words: str
) -> list[tuple[str, str]]:
    """What may be found and holds some words, the oldest first: its id and its text."""
    where = rows.within(path, "d.step", "d.branch")
    shown = f"AND d.id NOT IN ({_listed(hidden)})" if hidden else ""
    query = f"SELECT d.key, t.body FROM {DOC_AND_TEXT} WHERE contains(t.body, ?) AND {where} {shown} ORDER BY d.id"
    return connection.execute(query, [words]).fetchall()


def texts_holding(connection: duckdb.DuckDBPyConnection, words: str, limit: int = 1 << 31) -> list[tuple[int, str]]:
    """The stored texts in which some words stand, each with its step, in the order in which they came."""
    query = "SELECT step, body FROM text WHERE contains(body, ?) ORDER BY id LIMIT ?"
    return connection.execute(query, [words, limit]).fetchall()


def parts_holding(connection: duckdb.DuckDBPyConnection, words: str) -> list[tuple[str, str]]:
    """The rendered parts in which some words stand, by their hash."""
    return connection.execute("SELECT hash, body FROM part WHERE contains(body, ?)", [words]).fetchall()


def items_holding(connection: duckdb.DuckDBPyConnection, steps: Iterable[int], patterns: Sequence[str]) -> set[int]:
    """The messages as they were sent that are of some steps, or in whose JSON a pattern stands; no summaries."""
    either = [f"step BETWEEN {first} AND {last}" for first, last in ranges(sorted(set(steps)))]
    either += ["contains(sent, ?)"] * len(patterns)
    query = f"SELECT id FROM item WHERE kind <> 'summary' AND ({' OR '.join(either) or 'false'})"
    return {row[0] for row in connection.execute(query, patterns).fetchall()}


def events_of(connection: duckdb.DuckDBPyConnection, steps: Iterable[int]) -> list[int]:
    """The messages with which some steps told the model of something, one for each."""
    query = f"""SELECT max(id) FROM item WHERE kind IN ('login', 'event', 'pressure') AND step IN ({_listed(steps)})
                GROUP BY step ORDER BY step"""
    return [row[0] for row in connection.execute(query).fetchall()]


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, sorted(numbers))) or "NULL"
