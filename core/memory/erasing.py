"""Takes words out of a file for good: every stored copy is rewritten, and then the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.memory.documents import reindex
from core.store import lookups
from core.store.database import connect
from memgpt.erasable import Wording
from memgpt.home import make_private

if TYPE_CHECKING:
    import duckdb

# Where words may stand, and whether as JSON: a copy inside JSON is escaped, so it is looked for decoded.
PLACES = (
    ("text", "body", False), ("item", "sent", True), ("part", "body", False), ("step", "body", True),
    ("open_reply", "said", False), ("open_reply", "thought", False), ("present", "state", True),
    ("snapshot", "state", True), *(("doc", column, False) for column in lookups.FILED),
)  # fmt: skip
# What the journal's JSON has under these names is its own: in one word, such as the status of a return, which no message
# "OK" is; or all of it.
WORDS_OF_OURS = frozenset(
    "call_id event finish id kind label model name of protocol reason role section status tool_call_id type".split()
)
OURS = frozenset(("changes", "format", "parts", "settings"))


def erase(connection: duckdb.DuckDBPyConnection, wordings: Sequence[Wording], mark: str) -> None:
    """Puts a mark for the words wherever they stand, inside a transaction of the caller. Documents that held them are
    indexed again; their vectors are made anew in the background."""
    docs = {
        doc
        for wording in wordings
        for doc, *values in lookups.documents_holding(connection, wording.text)
        if any(map(wording.holds, values))
    }
    for table, column, is_json in PLACES:
        for (value,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
            fresh = _without(value, wordings, mark, is_json)
            if fresh != value:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", [fresh, value])
    if docs:
        listed = ",".join(map(str, sorted(docs)))
        reindex(connection, f"d.id IN ({listed})")
        connection.execute(f"DELETE FROM vector WHERE doc IN ({listed})")


def _without(value: str, wordings: Sequence[Wording], mark: str, is_json: bool) -> str:
    """The value with the words replaced, also where they stand escaped in JSON, or in JSON inside JSON."""
    if is_json:
        decoded = json.loads(value)
        fresh = _walked(decoded, wordings, mark)
        return json.dumps(fresh, ensure_ascii=False, separators=(",", ":")) if fresh != decoded else value
    return str(_walked(value, wordings, mark))


def _walked(value: Any, wordings: Sequence[Wording], mark: str) -> Any:
    if isinstance(value, dict):
        return {
            name: entry if _is_ours(name, entry) else _walked(entry, wordings, mark) for name, entry in value.items()
        }
    if isinstance(value, list):
        return [_walked(entry, wordings, mark) for entry in value]
    if not isinstance(value, str):
        return value
    inner = _as_json(value)
    if inner is not None:
        fresh = _walked(inner, wordings, mark)
        return json.dumps(fresh, ensure_ascii=False) if fresh != inner else value
    for wording in wordings:
        value = wording.replaced(value, mark)
    return value


def _is_ours(name: str, value: Any) -> bool:
    return name in OURS or (name in WORDS_OF_OURS and isinstance(value, str) and len(value.split()) <= 1)


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
