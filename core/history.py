"""Pages of a conversation of any length, read from either end or from a day on."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from core.roster import Roster
from core.store import rows
from core.transcript import transcript

PAGE = 200  # steps of a page, or of a snapshot


async def operation(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """`history` (agent, before=None, after=None, limit=PAGE): the last steps before one, or with `after` the first ones
    after another: `{"events", "first", "last", "earlier", "later"}`; `first` and `last` are 0 where there are none."""
    session = await roster.session(given["agent"])
    limit, before, after = int(given.get("limit") or PAGE), given.get("before"), given.get("after")
    before = None if before is None else int(before)
    journal = session.journal
    if after is None:
        found = await journal.steps(before=before, limit=limit + 1)
        steps, earlier, later = found[-limit:], len(found) > limit, False
    else:
        read = functools.partial(
            rows.first_steps, path=journal.state.path, after=int(after), before=before, limit=limit + 1
        )
        found = await journal.read(read)
        steps, earlier, later = found[:limit], int(after) > 0, len(found) > limit
    yield (
        "result",
        {
            "events": [event.to_json() for event in transcript(steps)],
            "first": steps[0].id if steps else 0,
            "last": steps[-1].id if steps else 0,
            "earlier": earlier,
            "later": later,
        },
    )


async def step_at(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """`place_at` (agent, at in UTC microseconds): `{"step"}`, the first from that moment on, 0 where none came later."""
    session = await roster.session(given["agent"])
    read = functools.partial(rows.first_at, path=session.journal.state.path, moment=int(given["at"]))
    yield "result", {"step": await session.journal.read(read)}
