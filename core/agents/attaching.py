"""Sources and the agents that search them: attached, loaded, detached and deleted, and what the agents are told of it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from core.agents.jobs import Embedding, Job
from core.context import instructions
from core.llm.types import ModelError
from core.memory.embedding import NotEmbedded
from core.memory.filters import OWN
from core.messages import Item
from core.roster import Roster
from core.session import Session
from core.sources.progress import Progress
from core.store.journal import Draft, now
from core.transcript import events_of
from memgpt import events as e
from memgpt.home import UserError, checked_name, fold
from memgpt.paths import exists
from memgpt.words import counted, nothing_in

JSONL = ".jsonl"
MOST_BAD = 5  # files that could not be read are named


async def attach(roster: Roster, session: Session, name: str) -> None:
    """Gives an agent a source to search, by a row of its journal.

    Raises:
        UserError: there is no such source.
    """
    corpus = await roster.library.corpus(name)
    source, known = corpus.source, _attached(session, name)
    if known == source and session.state.made.get(known, corpus.made) == corpus.made:
        return
    passages = await roster.library.passages(source)
    earlier = [Draft("detach", {"source": known})] if known else []
    attached = Draft("attach", {"source": source, "passages": passages, "made": corpus.made})
    await session.journal.append(*earlier, attached)
    Embedding.watch(roster, session)
    roster.background(_tell(roster, session, source, "is attached"))


async def detach(session: Session, name: str) -> None:
    """Takes a source away from an agent.

    Raises:
        UserError: it is not attached.
    """
    known = _attached(session, name)
    if known is None:
        raise UserError(f"The source {name!r} is not attached.", "`memgpt list sources` shows what is.")
    await session.journal.append(Draft("detach", {"source": known}))
    await session.tell_context()


def _attached(session: Session, name: str) -> str | None:
    """What an agent has attached by that name, however it is spelt."""
    return next((source for source in session.state.sources if fold(source) == fold(name)), None)


async def delete(roster: Roster, name: str) -> None:
    """Deletes a source, and takes it away from those that have it. Agents that are not open find out when they are.

    Raises:
        UserError: there is no such source.
    """
    source = await roster.library.delete(name)
    for session in list(roster.sessions.values()):
        if _attached(session, source):
            await detach(session, source)
            said = f"The source {source!r} was deleted; its passages can no longer be found."
            session.tell(e.Notice(step=session.state.head, at=now(), text=said))


async def load(
    roster: Roster, kind: str, name: str, path: Path, progress: Progress, extensions: tuple[str, ...], recursive: bool
) -> Any:
    """Loads a file or folder into a source; agents that are open and have it attached are told.

    Raises:
        UserError: there is nothing at that path, or of another kind, or no source can be called so.
    """
    from core.sources.loading import Order

    _check_free(name)
    if kind == "jsonl":
        work: Awaitable[Any] = roster.library.load_jsonl(name, path, progress)
    else:
        work = roster.library.load_files(name, Order.of(kind, path, extensions, recursive), progress)
    try:
        return await work
    finally:
        await _tell_all(roster, name)


async def _tell_all(roster: Roster, name: str) -> None:
    """Tells the open agents that have the source how many passages it has now, where that has changed."""
    with contextlib.suppress(UserError):  # deleted meanwhile
        source, passages = (await roster.library.corpus(name)).source, await roster.library.passages(name)
        for session in list(roster.sessions.values()):
            if source in session.state.sources and session.state.passages.get(source) != passages:
                roster.background(_tell(roster, session, source, "was loaded anew"))


async def _tell(roster: Roster, session: Session, source: str, what: str) -> None:
    """Journals a document event, which goes with the next message and calls no model. While a turn runs it waits:
    between a call and its return nothing may stand."""
    items: tuple[Item, ...] = ()
    while True:
        await session.turns.finished()
        try:
            passages = await roster.library.passages(source)
        except UserError:  # deleted meanwhile
            return
        said = f"The source {source!r} {what}: {counted(passages, 'passage')} now."
        with contextlib.suppress(ModelError, UserError):  # a model that cannot be had: the next one is told by metadata
            renderer = (await session.agent()).renderer
            packed = instructions.document_event(said, now(), renderer.zone)
            items = (await renderer.event("event", packed),) if renderer.searches else ()
        if not session.busy:
            break
    if source in session.state.sources and roster.sessions.get(fold(session.name)) is session:
        body = {"event": "document", "reason": said, "source": source, "passages": passages}
        for step in await session.journal.append(Draft("event", body, items=items)):
            for event in events_of(step):
                session.tell(event)
        await session.tell_context()


def load_and_attach(roster: Roster, session: Session, path: Path, name: str) -> str:
    """Begins to load a file or folder for an agent, which has it attached when it is done; the name of the source.

    Raises:
        UserError: there is nothing at that path, it cannot be looked at, or the name is none.
    """
    if not exists(path):
        raise UserError(f"There is no file or folder {path}.", "Give the path of one.")
    source = checked_name(name) if name else _name_for(path)
    _check_free(source)
    job = Job(lambda: [session], f"loading {source!r}")
    job.start(roster, _load_and_attach(roster, session, path, source, job))
    return source


async def _load_and_attach(roster: Roster, session: Session, path: Path, source: str, job: Job) -> None:
    kind = "directory" if path.is_dir() else "jsonl" if path.suffix.lower() == JSONL else "file"
    try:
        told = await _loaded(roster, kind, source, path, job)
        for bad in told["bad"][:MOST_BAD]:
            job.say(f"{bad['file'] if 'file' in bad else 'line ' + str(bad['line'])} was skipped: {bad['reason']}.")
        if (more := len(told["bad"]) - MOST_BAD) > 0:
            job.say(f"{more} more could not be read.")
        if empty := told.get("empty"):
            job.say(nothing_in(empty, MOST_BAD))
        if not roster.home.source_file(source).exists():
            job.say(f"There is nothing in {path} that can be loaded.")
            return
        await attach(roster, await roster.session(session.name), source)
        passages = await roster.library.passages(source)
        job.say(f"Source {source!r} is loaded and attached: {counted(passages, 'passage')}.")
    except UserError as error:
        job.say(str(error))


async def _loaded(roster: Roster, kind: str, source: str, path: Path, job: Job) -> dict[str, Any]:
    """What became of a load; one that lacks vectors alone is worth attaching."""
    try:
        told: dict[str, Any] = (await load(roster, kind, source, path, job, (), True)).to_json()
    except NotEmbedded as error:
        job.say(str(error))
        return {"bad": []}
    return told


def _check_free(name: str) -> None:
    if fold(name) == OWN:
        raise UserError(
            f"{name!r} is what an agent's own passages are called.", "Give the source another name.", status=2
        )


def _name_for(path: Path) -> str:
    """A source's name from that of a file or folder: what may not be in a name becomes a dash."""
    words = path.stem if path.is_file() else path.name
    kept = "".join(character if character.isalnum() or character in " -_." else "-" for character in words)
    return checked_name(kept.strip(" .-")[:64].strip() or "documents")
