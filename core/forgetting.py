"""Forgetting for good: every stored copy of a text is rewritten with a mark, and the file is written anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.memory.documents import reindex
from core.roster import Roster
from core.store.database import connect
from memgpt.home import UserError, fold, make_private

if TYPE_CHECKING:
    import duckdb

MARK = "[forgotten]"
# Where words may stand, and whether as JSON: a copy inside JSON is escaped, so it is looked for decoded.
PLACES = (
    ("text", "body", False), ("item", "sent", True), ("part", "body", False), ("step", "body", True),
    ("open_reply", "said", False), ("open_reply", "thought", False), ("present", "state", True),
    ("snapshot", "state", True), ("doc", "title", False), ("doc", "name", False),
)  # fmt: skip
SHORTEST = 2  # characters; less would erase letters out of everything


async def forget(roster: Roster, agent: str, key: str | None, text: str | None, confirmed: bool) -> dict[str, Any]:
    """Shows what would go, or when `confirmed` erases it everywhere in the agent's file.

    Raises:
        UserError: nothing is found, the text is too short, or the agent is at work.
    """
    session = await roster.session(agent)
    if session.busy:
        raise UserError("The model is at work on this agent.", "Wait until it is done, or stop it.")
    wanted = text if text is not None else await session.journal.read(lambda connection: _text_of(connection, str(key)))
    if len(wanted.strip()) < SHORTEST:
        raise UserError("That is too short to forget.", f"Give at least {SHORTEST} characters.", status=2)
    found = await session.journal.read(lambda connection: _found(connection, wanted))
    if not found:
        raise UserError("Nothing like that is stored.", "Give the words exactly as they stand, or an id from a search.")
    elsewhere = await _elsewhere(roster, wanted)
    if confirmed:
        await session.journal.database.write(lambda connection: _erase(connection, wanted))
        path = session.journal.database.path
        roster.sessions.pop(fold(agent))
        await session.close()
        _rewrite(path)
        (await roster.session(agent)).adopt(session)
    return {"found": found, "elsewhere": elsewhere, "done": confirmed, "text": wanted}


def _text_of(connection: duckdb.DuckDBPyConnection, key: str) -> str:
    row = connection.execute("SELECT t.body FROM doc d JOIN text t ON t.id = d.text WHERE d.key = ?", [key]).fetchone()
    if row is None:
        raise UserError(f"There is no message {key!r}.", "A search gives the ids.")
    return str(row[0])


async def _elsewhere(roster: Roster, wanted: str) -> list[str]:
    """The sources that still hold it: they are not the agent's to change."""
    holders = []
    for name in roster.home.source_names():
        corpus = await roster.library.corpus(name)
        held = await corpus.database.read(
            lambda connection: connection.execute(
                "SELECT 1 FROM text WHERE contains(body, ?) LIMIT 1", [wanted]
            ).fetchone()
        )
        holders += [f"source {name}"] if held else []
    return holders


def _found(connection: duckdb.DuckDBPyConnection, wanted: str) -> list[dict[str, str]]:
    rows = connection.execute("SELECT step, body FROM text WHERE contains(body, ?) ORDER BY id", [wanted]).fetchall()
    return [{"where": f"step {step}", "text": body} for step, body in rows]


def _erase(connection: duckdb.DuckDBPyConnection, wanted: str) -> None:
    docs = connection.execute(
        "SELECT d.id FROM doc d JOIN text t ON t.id = d.text WHERE contains(t.body, ?)", [wanted]
    ).fetchall()
    for table, column, is_json in PLACES:
        values = connection.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()
        for (value,) in values:
            fresh = _without(value, wanted, is_json)
            if fresh != value:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", [fresh, value])
    _reindex(connection, [row[0] for row in docs])


def _without(value: str, wanted: str, is_json: bool) -> str:
    """The value with the words replaced, also where they stand escaped in JSON, or in JSON inside JSON."""
    if is_json:
        decoded = json.loads(value)
        fresh = _walked(decoded, wanted)
        return json.dumps(fresh, ensure_ascii=False, separators=(",", ":")) if fresh != decoded else value
    return str(_walked(value, wanted))


def _walked(value: Any, wanted: str) -> Any:
    if isinstance(value, dict):
        return {name: _walked(entry, wanted) for name, entry in value.items()}
    if isinstance(value, list):
        return [_walked(entry, wanted) for entry in value]
    if not isinstance(value, str):
        return value
    inner = _as_json(value)
    if inner is not None:
        fresh = _walked(inner, wanted)
        return json.dumps(fresh, ensure_ascii=False) if fresh != inner else value
    return value.replace(wanted, MARK)


def _as_json(value: str) -> Any:
    if value[:1] not in "{[":
        return None
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return None


def _reindex(connection: duckdb.DuckDBPyConnection, docs: list[int]) -> None:
    """The words of rewritten documents again; their vectors are made anew in the background."""
    if docs:
        listed = ",".join(map(str, docs))
        reindex(connection, f"d.id IN ({listed})")
        connection.execute(f"DELETE FROM vector WHERE doc IN ({listed})")


def _rewrite(path: Path) -> None:
    """A new file from the rows alone, so that no byte of what was deleted remains; swapped in while it is closed."""
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
