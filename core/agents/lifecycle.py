"""An agent's life as a whole: renamed, put away, deleted and brought back."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from core.roster import Roster
from core.session import Session
from core.store.journal import Draft, now
from memgpt import events as e
from memgpt.home import PRIVATE_FOLDER, Home, UserError, checked_name, fold

Part = tuple[str, Any]


async def rename(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[Part]:
    """`rename_agent` (agent, name): `{"name"}`. Whoever looks on goes on looking on.

    Raises:
        UserError: there is no such agent, it is at work, or the name is taken or is none.
    """
    wanted = checked_name(given["name"])
    session = await roster.session(given["agent"])
    old = session.name
    if fold(wanted) != fold(old) and roster.exists(wanted):
        raise UserError(f"There is already an agent {wanted!r}.", "Choose another name.")
    async with roster.put_down(old):
        await session.journal.append(Draft("rename", {"name": wanted}))
        await roster.let_go(session)
        roster.left.pop(fold(old), None)  # they go with the name
        (roster.home.agents / old).rename(roster.home.agents / wanted)
        roster.renamed[fold(old)] = wanted
    fresh = await roster.session(wanted)
    session.tell(e.Renamed(step=fresh.state.head, at=now(), old=old, name=wanted))
    fresh.adopt(session, "rename")
    fresh.tell(e.Notice(step=fresh.state.head, at=now(), text=f"{old} is {wanted} now."))
    yield "result", {"name": wanted}


async def archive(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[Part]:
    """`archive_agent` (agent, away=None): puts an agent away, or takes it out again; without a word of which, the other
    than it is: `{"name", "archived"}`. It is as it was, and stands last in the list."""
    session = await roster.session(given["agent"])
    asked = given.get("away")
    away = not session.state.archived if asked is None else bool(asked)
    if session.state.archived != away:
        await session.journal.append(Draft("archive", {"archived": away}))
    yield "result", {"name": session.name, "archived": away}


async def delete(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[Part]:
    """`delete_agent` (name, keep=False): for good, or with `keep` into the home's trash, where it stays until an engine
    starts anew; `{"name"}`."""
    name = roster.home.folder_of(given["name"])
    if not roster.exists(name):
        raise roster.unknown(name)
    session = roster.sessions.get(fold(name))
    if session:
        await session.turns.interrupt()
    async with roster.put_down(name):
        if session:
            await roster.let_go(session)
        folder = roster.home.agents / name
        if given.get("keep"):
            folder.rename(_place_in(roster.home.trash) / name)
        else:
            shutil.rmtree(folder)
    if session:
        session.tell(e.Notice(step=session.state.head, at=now(), text=f"{name} was deleted."))
    yield "result", {"name": name}


async def undelete(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[Part]:
    """`undelete_agent` (name=""): brings back the agent, or the one of that name, that was deleted last. Who looked on at
    it looks on again."""
    wanted = fold(given.get("name") or "")
    found = [
        path for place in _places(roster.home.trash) for path in place.iterdir() if wanted in ("", fold(path.name))
    ]
    if not found:
        called = (
            f"No deleted agent is called {given['name']!r}." if wanted else "There is no deleted agent to bring back."
        )
        raise UserError(called, "What was deleted is kept until the engine starts anew.")
    name = found[-1].name
    if roster.exists(name):
        raise UserError(f"There is an agent {name!r} again.", "Rename that one first.")
    found[-1].rename(roster.home.agents / name)
    found[-1].parent.rmdir()
    if fold(name) in roster.left:
        with contextlib.suppress(UserError):  # whoever uses it is told what is wrong with its file
            back = await roster.session(name)
            back.tell(e.Notice(step=back.state.head, at=now(), text=f"{name} is back."))
    yield "result", {"name": name}


def _place_in(trash: Path) -> Path:
    """A new folder in the trash; those made later sort later."""
    trash.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    place = trash / f"{now():020d}"
    place.mkdir(mode=PRIVATE_FOLDER)
    return place


def _places(trash: Path) -> list[Path]:
    return sorted(trash.iterdir()) if trash.is_dir() else []


async def discard(roster: Roster, session: Session) -> None:
    """Deletes for good an agent that was only just made."""
    async with roster.put_down(session.name):
        await roster.let_go(session)
        shutil.rmtree(roster.home.agents / session.name, ignore_errors=True)


def tidy(home: Home) -> None:
    """Deletes for good what lies in the trash, and what an import that was cut off has left."""
    shutil.rmtree(home.trash, ignore_errors=True)
    for left in home.agents.glob(".import-*"):
        shutil.rmtree(left, ignore_errors=True)
