"""Operations on memory: searched, edited by hand, forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from core.agents import forgetting
from core.context.instructions import zone_of
from core.memory.filters import Filters, listed
from core.operations.caller import Caller, Parameters, Part, session_of
from core.past import editing
from core.roster import Roster
from core.session import Session
from core.turn.external import ExternalContext, result_json
from memgpt.home import UserError


async def search(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await session_of(roster, given)
    yield "result", await _answer(session, given, given["query"])


async def search_many(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await session_of(roster, given)
    for query in given["queries"]:
        yield "event", {"id": query["id"], **await _answer(session, given, query["query"])}
    yield "result", {}


async def _answer(session: Session, given: Parameters, text: str) -> dict[str, Any]:
    limit, page = int(given.get("limit") or 10), int(given.get("page") or 0)
    filters = Filters(
        roles=listed(given.get("roles")),
        start=given.get("start") or "",
        end=given.get("end") or "",
        sources=listed(given.get("sources")),
        tags=listed(given.get("tags")),
        mode=given.get("mode") or "hybrid",
    )
    external = external_of(session)
    try:
        query = filters.query(text, given["kind"], limit, limit * page, external.zone)
        since, until = (_moment(given.get(name), external.zone) for name in ("since", "until"))
        query = replace(
            query,
            since=query.since if since is None else since,
            until=query.until if until is None else until,
            explain=bool(given.get("explain")),
        )
        answer = await external.find(query)
    except ValueError as error:
        raise UserError(str(error), status=2) from None
    return {
        "results": [result_json(hit, query.explain) for hit in answer.hits],
        "ms": answer.ms,
        "embed_ms": answer.embed_ms,
        "total": answer.total,
        "note": answer.note,
        "timezone": session.state.settings["timezone"],
    }


def external_of(session: Session) -> ExternalContext:
    """External context without a model: searching needs none."""
    zone = zone_of(session.state.settings["timezone"])
    return ExternalContext(session.journal, session.corpus, session.sources, zone, 10, 1000)


def _moment(value: str | None, zone: tzinfo | None) -> int | None:
    """A time in UTC microseconds; one without a zone is in that of the agent, as the days of a search are."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        return round(moment.replace(tzinfo=moment.tzinfo or zone).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        hint = "Write it as 2026-11-24 or 2026-11-24T09:00:00Z."
        raise UserError(f"{value!r} is not a date.", hint, status=2) from None


async def edit_block(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`edit_block` (agent, label, text, expected)."""
    session = await roster.session(given["agent"])
    yield "result", await editing.edit_block(session, given["label"], given["text"], given.get("expected"))


async def forget(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    found = await forgetting.forget(
        roster, given["agent"], given.get("message_ids") or (), given.get("text"), bool(given.get("confirmed"))
    )
    yield "result", found
