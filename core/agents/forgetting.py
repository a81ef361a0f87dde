"""Forgetting for good: shown first, then erased from every stored copy, in a file that is written anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.memory.erasing import erase, in_tags, rewrite
from core.past.sent import MARK
from core.roster import Roster
from core.store import lookups
from core.store.database import Database
from core.store.journal import now
from memgpt import events as e
from memgpt.erasable import Wording
from memgpt.home import UserError, fold

if TYPE_CHECKING:
    import duckdb

SHORTEST = 2  # characters; less would erase letters out of everything


async def forget(roster: Roster, agent: str, keys: Sequence[str], text: str | None, confirmed: bool) -> dict[str, Any]:
    """Shows what would go, or when `confirmed` erases it everywhere in the agent's file: some words, or without them all
    that the messages or passages with those ids ever said.

    Raises:
        UserError: nothing is found, the text is too short, or the agent is at work.
    """
    session = await roster.session(agent)
    database = session.journal.database
    wordings = [Wording(text)] if text is not None else await database.read(lambda c: _wordings(c, keys))
    if any(len(each.text.strip()) < SHORTEST for each in wordings):
        raise UserError("That is too short to forget.", f"Give at least {SHORTEST} characters.", status=2)
    found = await database.read(lambda connection: _found(connection, wordings))
    if not found:
        raise UserError("Nothing like that is stored.", "Give the words exactly as they stand, or an id from a search.")
    elsewhere = await _elsewhere(roster, agent, wordings)
    if confirmed:
        async with roster.put_down(agent):
            try:
                await database.write(lambda connection: erase(connection, wordings, MARK))
            finally:
                await roster.let_go(session)
            await asyncio.to_thread(rewrite, database.path)
        fresh = await roster.session(agent)
        fresh.tell(e.Rewound(step=fresh.state.head, at=now(), why="forget"))
    return {"found": found, "elsewhere": elsewhere, "done": confirmed, "wordings": [asdict(each) for each in wordings]}


def _wordings(connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> list[Wording]:
    """All that the messages or passages ever said."""
    texts: dict[str, None] = {}
    for key in keys:
        if not (own := lookups.texts_of(connection, key)):
            raise UserError(f"There is no message {key!r}.", "A search gives the ids.")
        texts |= dict.fromkeys(own)
    return [Wording(text, alone=True) for text in texts if text != MARK]


def _found(connection: duckdb.DuckDBPyConnection, wordings: Sequence[Wording]) -> list[dict[str, str]]:
    """Where they stand: texts by their step, then what messages and passages are filed under."""
    texts: dict[tuple[int, str], None] = {}
    filed: dict[tuple[str, str], None] = {}
    for each in wordings:
        texts |= dict.fromkeys(row for row in lookups.texts_holding(connection, each.text) if each.holds(row[1]))
        filed |= dict.fromkeys(row for row in lookups.filed_under(connection, each.text) if each.holds(row[1]))
    for each in in_tags(wordings):
        filed |= {("tags", tags): None for tags in lookups.tags_holding(connection, each.text) if each.holds(tags)}
    return [
        *({"where": f"step {step}", "text": body} for step, body in sorted(texts)),
        *({"where": what, "text": value} for what, value in filed),
    ]


async def _elsewhere(roster: Roster, agent: str, wordings: Sequence[Wording]) -> list[str]:
    """What else still holds it: sources, forks and other agents. They are not this agent's to change."""
    home = roster.home
    others = [name for name in home.agent_names() if fold(name) != fold(agent)]
    holders = [f"source {name}" for name in home.source_names() if await _holds(await _source(roster, name), wordings)]
    holders += [f"agent {name}" for name in others if await _holds(await _agent(roster, name), wordings)]
    return [*holders, *(["the trash, until the engine starts anew"] if home.trash.is_dir() else [])]


async def _source(roster: Roster, name: str) -> Database:
    return (await roster.library.corpus(name)).database


async def _agent(roster: Roster, name: str) -> Database | None:
    with contextlib.suppress(UserError):  # damaged: nothing can be said of it
        return (await roster.session(name)).journal.database
    return None


async def _holds(database: Database | None, wordings: Sequence[Wording]) -> bool:
    return database is not None and bool(await database.read(lambda connection: _found(connection, wordings)))
