"""Pages of a conversation of any length, read from either end or from a day on."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from core.messages import Step
from core.session import Session
from core.store import rows
from core.transcript import transcript

if TYPE_CHECKING:
    import duckdb

PAGE = 200  # steps of a page, or of a snapshot


async def page(session: Session, before: int | None, after: int | None, at: int | None, limit: int) -> dict[str, Any]:
    """The last steps before one, or those after one or from a moment on, as their events: see the operation `history`."""
    journal, start = session.journal, 0
    if after is None and at is None:
        found = await journal.steps(before=before, limit=limit + 1)
        steps, earlier, later = found[-limit:], len(found) > limit, False
    else:
        read = functools.partial(_first, path=journal.state.path, after=after, at=at, before=before, limit=limit + 1)
        start, found = await journal.read(read)
        steps, earlier, later = found[:limit], start > 1, len(found) > limit
    return {
        "events": [event.to_json() for event in transcript(steps)],
        "first": steps[0].id if steps else 0,
        "last": steps[-1].id if steps else 0,
        "earlier": earlier,
        "later": later,
        "from": start,
    }


def _first(
    connection: duckdb.DuckDBPyConnection,
    path: rows.Path,
    after: int | None,
    at: int | None,
    before: int | None,
    limit: int,
) -> tuple[int, list[Step]]:
    """The first steps after one or from a moment on, and where they begin: 0 where nothing came later."""
    start = after + 1 if after is not None else rows.first_at(connection, path, at or 0)
    return start, rows.first_steps(connection, path, start - 1, before, limit) if start else []
