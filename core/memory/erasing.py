"""Takes words out of a file for good: every stored copy is rewritten, and then the file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.memory.documents import reindex
from core.memory.filters import tag_of
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
TAGS = "tags"  # what they are called in all of these places
SHOWN = re.compile(r"Showing [^:\[]*: (?=\[)")  # before the results of a search, in JSON, as the model was given them


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
        looked_for = _looked_for(column, wordings)
        for (value,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
            fresh = _without(value, looked_for, mark, is_json)
            if fresh != value:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", [fresh, value])
    if docs:
        listed = ",".join(map(str, sorted(docs)))
        reindex(connection, f"d.id IN ({listed})")
        connection.execute(f"DELETE FROM vector WHERE doc IN ({listed})")


def in_tags(wordings: Sequence[Wording]) -> list[Wording]:
    """The words as they stand in tags."""
    return [replace(each, text=tag_of(each.text)) for each in wordings]


def _looked_for(name: str, wordings: Sequence[Wording]) -> Sequence[Wording]:
    return [*wordings, *in_tags(wordings)] if name == TAGS else wordings


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
            name: entry if _is_ours(name, entry) else _walked(entry, _looked_for(name, wordings), mark)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [_walked(entry, wordings, mark) for entry in value]
    if not isinstance(value, str):
        return value
    inner = _as_json(value)
    if inner is not None:
        fresh = _walked(inner, wordings, mark)
        return json.dumps(fresh, ensure_ascii=False) if fresh != inner else value
    value = _results_without(value, wordings, mark)
    for wording in wordings:
        value = wording.replaced(value, mark)
    return value


def _results_without(value: str, wordings: Sequence[Wording], mark: str) -> str:
    """A text with the words replaced in the results of a search that it shows."""
    if not (head := SHOWN.match(value)):
        return value
    try:
        results, end = json.JSONDecoder().raw_decode(value, head.end())
    except json.JSONDecodeError:  # cut
        return value
    fresh = _walked(results, wordings, mark)
    return head[0] + json.dumps(fresh, ensure_ascii=False) + value[end:] if fresh != results else value


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
