"""A fork: an agent of its own that goes on from any step of another. The writer pauses while a child copies the file."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.agents.jobs import with_progress
from core.folding import apply
from core.messages import OPEN_END, Step
from core.roster import Roster
from core.sources.progress import Progress
from core.store import rows, tree
from core.store.copying import copy
from core.store.database import Database
from core.store.digest import digest
from core.store.journal import Draft, Journal
from memgpt.home import PRIVATE_FOLDER, UserError, checked_name

if TYPE_CHECKING:
    import duckdb

    from core.session import Session

PART = "memory.part.duckdb"


async def operation(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """`fork_agent` (agent, name="", at=None): `{"name"}`, with progress on the way; cancelled, nothing is left of it."""
    at = int(given["at"]) if given.get("at") else None
    async for part in with_progress(lambda told: fork(roster, given["agent"], given.get("name") or "", at, told)):
        yield part


async def fork(roster: Roster, agent: str, name: str, at: int | None, progress: Progress) -> dict[str, Any]:
    """Makes a copy of an agent under another name, which goes on from that step, or from where the agent is.

    It has no open questions and no turn under way.

    Raises:
        UserError: there is no such step, or the name is taken or is none.
    """
    session = await roster.session(agent)
    wanted = checked_name(name) if name else free_name(roster, f"{session.name} fork")
    target = await _settled(session, at or session.state.head)
    async with making(roster, wanted) as part:
        await copied(session, part, progress)
        body = {"name": wanted, "of": session.name, "at": target}
        await _own_life(part, Draft("fork", body), target)
    return {"name": wanted, "at": target}


def free_name(roster: Roster, wanted: str) -> str:
    """The name, or the first of `NAME 2`, `NAME 3` … that no agent has."""
    base, number = wanted[:58].rstrip(), 1
    name = base
    while roster.exists(name):
        number += 1
        name = f"{base} {number}"
    return name


@contextlib.asynccontextmanager
async def making(roster: Roster, name: str) -> AsyncIterator[Path]:
    """A part file in the folder of an agent that is being made; it becomes the agent at the end, or nothing is left.

    Raises:
        UserError: there is one of that name.
    """
    folder = roster.home.agents / name
    if roster.exists(name) or folder in roster.making:
        raise UserError(f"There is already an agent {name!r}.", "Choose another name.")
    roster.making.add(folder)
    try:
        shutil.rmtree(folder, ignore_errors=True)  # what a crash left there
        folder.mkdir(mode=PRIVATE_FOLDER)
        yield folder / PART
        (folder / PART).replace(folder / "memory.duckdb")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        roster.making.discard(folder)


async def copied(session: Session, target: Path, progress: Progress, digested: bool = False) -> str:
    """Copies an agent's file as it is committed now; with `digested`, the digest of what it remembers.

    Raises:
        UserError: it cannot be written.
    """
    database = session.journal.database
    try:
        async with database.held():
            await copy(database.path, target, lambda done, size: progress("copying", done, size))
            if not digested:
                return ""
            return await database.read(lambda connection: digest(connection, rows.present(connection)))
    except OSError as error:
        hint = "Make room there, or choose another place."
        raise UserError(f"{target.parent} cannot be written: {error}.", hint) from None


async def _own_life(part: Path, first: Draft, at: int) -> None:
    """The first step of a copy's own, from that step on."""
    database = await Database.open(part, "agent")
    try:
        journal = await Journal.open(database)
        await journal.append(first, parent=await journal.state_at(at))
    finally:
        await database.close()


async def _settled(session: Session, at: int) -> int:
    """A step to go on from: with the returns of its calls, or before a call that never had one.

    Raises:
        UserError: there is no such step.
    """
    try:
        target: int = await session.journal.read(lambda connection: complete(connection, at))
    except KeyError:
        raise UserError(f"There is no step {at}.", "`memgpt show messages` lists the steps.") from None
    return target


def complete(connection: duckdb.DuckDBPyConnection, at: int) -> int:
    """The step from which one can go on: that one, with the returns of its calls, or the one before an unfinished call."""
    state = rows.state_at(connection, at)
    if not state.pending:
        return at
    own = tree.holding(tree.stretches(connection), at)
    for step in rows.steps(connection, ((own.branch, OPEN_END),), at, None, (), 1 << 31):
        if step.kind == "return":
            state = apply(state, step)
        if not state.pending:
            return step.id
    calls: list[Step] = rows.bare_steps(connection, rows.lineage(connection, at), 0, None, ("call",), 1)
    return calls[0].parent
