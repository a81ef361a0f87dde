"""Takes words out of a file for good: every stored copy is rewritten, and then the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.memory.documents import reindex
from core.store.database import connect
from memgpt.home import make_private

if TYPE_CHECKING:
    import duckdb

# Where words may stand, and whether as JSON: a copy inside JSON is escaped, so it is looked for decoded.
PLACES = (
    ("text", "body", False), ("item", "sent", True), ("part", "body", False), ("step", "body", True),
    ("open_reply", "said", False), ("open_reply", "thought", False), ("present", "state", True),
    ("snapshot", "state", True), ("doc", "title", False), ("doc", "name", False),
)  # fmt: skip


def erase(connection: duckdb.DuckDBPyConnection, words: str, mark: str) -> None:
    """Puts a mark for the words wherever they stand, inside a transaction of the caller. Documents that held them are
    indexed again; their vectors are made anew in the background."""
    query = "SELECT d.id FROM doc d JOIN text t ON t.id = d.text WHERE contains(t.body, ?)"
    docs = connection.execute(query, [words]).fetchall()
    for table, column, is_json in PLACES:
        for (value,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
            fresh = _without(value, words, mark, is_json)
            if fresh != value:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", [fresh, value])
    if docs:
        listed = ",".join(str(row[0]) for row in docs)
        reindex(connection, f"d.id IN ({listed})")
        connection.execute(f"DELETE FROM vector WHERE doc IN ({listed})")


def _without(value: str, words: str, mark: str, is_json: bool) -> str:
    """The value with the words replaced, also where they stand escaped in JSON, or in JSON inside JSON."""
    if is_json:
        decoded = json.loads(value)
        fresh = _walked(decoded, words, mark)
        return json.dumps(fresh, ensure_ascii=False, separators=(",", ":")) if fresh != decoded else value
    return str(_walked(value, words, mark))


def _walked(value: Any, words: str, mark: str) -> Any:
    if isinstance(value, dict):
        return {name: _walked(entry, words, mark) for name, entry in value.items()}
    if isinstance(value, list):
        return [_walked(entry, words, mark) for entry in value]
    if not isinstance(value, str):
        return value
    inner = _as_json(value)
    if inner is not None:
        fresh = _walked(inner, words, mark)
        return json.dumps(fresh, ensure_ascii=False) if fresh != inner else value
    return value.replace(words, mark)


def _as_json(value: str) -> Any:
    if value[:1] not in "{[":
        return None
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return None


def rewrite(path: Path) -> None:
    """A new file from the rows alone, so that no byte of what was taken out remains; put in its place while it is
    closed."""
    part = path.with_name("memory.part.duckdb")
    part.unlink(missing_ok=True)
    old, _ = connect(path, "agent")
    try:
        old.execute(f"ATTACH '{str(part).replace(chr(39), chr(39) * 2)}' AS fresh")
        name = old.execute("SELECT current_database()").fetchone()
        assert name is not None
        old.execute(f'COPY FROM DATABASE "{name[0]}" TO fresh')
        old.execute("DETACH fresh")
    finally:
        old.close()
    make_private(part)
    part.replace(path)
