"""Which messages, as they were sent, hold something of memory: what said it, what wrote it, what it came back on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.messages import Step
from core.store import lookups, rows

if TYPE_CHECKING:
    import duckdb


def items_with(connection: duckdb.DuckDBPyConnection, path: rows.Path, key: str, steps: Iterable[int]) -> set[int]:
    """The messages that hold the passage or message with an id, which those steps stored. Where its words stand in other
    words, or were said by somebody else too, it was not it that was read."""
    escaped, patterns = f'"id": "{key}"', []
    for _ in range(3):  # a result stands as JSON in the content of a message, which is JSON
        patterns.append(escaped)
        escaped = json.dumps(escaped, ensure_ascii=False)[1:-1]
    stored = list(steps)
    said = [*stored, *writers(connection, path, stored)]
    return lookups.items_holding(connection, said, patterns) | _recalled(connection, path, key)


def steps_with(connection: duckdb.DuckDBPyConnection, path: rows.Path, key: str, steps: Iterable[int]) -> set[int]:
    """The steps at which it was said, written or found by the model: what a summary of them may have it from."""
    stored = list(steps)
    items = rows.fetch_items(connection, items_with(connection, path, key, stored)).values()
    found = {item.step for item in items if item.kind == "return"}
    return {*stored, *writers(connection, path, stored), *found}


def writers(connection: duckdb.DuckDBPyConnection, path: rows.Path, steps: Iterable[int]) -> list[int]:
    """The replies of the model whose calls wrote what those steps stored; what the user wrote has none."""
    found = []
    for number in steps:
        if rows.bare_steps(connection, path, number - 1, number + 1, ("return",), 1):
            found += rows.bare_steps(connection, path, 0, number, ("reply",), 1)
    return [reply.id for reply in found]


def queued(call: Step, items: set[int]) -> bool:
    """Whether one of those messages was sent with a call of the model."""
    return any(not items.isdisjoint(range(first, last + 1)) for first, last in call.body["queue"])


def _recalled(connection: duckdb.DuckDBPyConnection, path: rows.Path, key: str) -> set[int]:
    """The messages beside which it was found as a page; models that are given words, not JSON, see no id there."""
    recalled = rows.bare_steps(connection, path, 0, None, ("recalled",), 1 << 31)
    ends = [step.body["items"] for step in recalled if any(page["id"] == key for page in step.body["pages"])]
    return {number for first, last in ends for number in range(first, last + 1)}
