"""A digest of what an agent remembers: the same wherever its file lies, whatever it is called."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from core.messages import State
from core.store import rows

if TYPE_CHECKING:
    import duckdb

AT_ONCE = 8192
COLUMNS = "d.key, d.kind, d.role, d.name, d.title, d.conversation, d.position, d.moment, d.file, d.place, d.tags"


def digest(connection: duckdb.DuckDBPyConnection, state: State) -> str:
    """Of core memory, the summary, the messages of main context, and every message and passage on the path, in order."""
    found = hashlib.blake2b(digest_size=8)
    for block in state.blocks.values():
        _add(found, [block.label, block.limit, block.text])
    _add(found, [state.summary_text.body if state.summary_text else "", state.evicted])
    for item in state.queue:
        _add(found, [item.kind, item.sent])
    hidden = f"AND d.id NOT IN ({','.join(map(str, sorted(state.hidden)))})" if state.hidden else ""
    cursor = connection.execute(
        f"""SELECT {COLUMNS}, t.body FROM doc d JOIN text t ON t.id = d.text
            WHERE {rows.within(state.path, "d.step", "d.branch")} {hidden} ORDER BY d.id"""
    )
    while some := cursor.fetchmany(AT_ONCE):
        for row in some:
            _add(found, list(row))
    return found.hexdigest()


def _add(found: Any, value: list[Any]) -> None:
    found.update(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
