"""Long work in the background, which tells the agent's screens how far it is and can be cancelled from them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any

from core.memory.corpus import Corpus
from core.roster import Roster
from core.session import Session
from core.sources.progress import Progress
from core.store.journal import now
from memgpt import events as e
from memgpt.home import UserError
from memgpt.progress import done_of

EVERY_S = 0.5  # between two words of how far it is
_numbers = itertools.count(1)
_running: dict[str, Callable[[], object]] = {}
"""What ends a job, by its name."""


class Job:
    """One piece of work, seen by the agents whom it concerns at the time. Called as a `Progress`."""

    def __init__(self, sessions: Callable[[], list[Session]], what: str) -> None:
        self.sessions, self.what = sessions, what
        self.id = f"j{next(_numbers)}"
        self._told = 0.0
        self._shown: list[Session] = []  # on whose screens it stands

    def start(self, roster: Roster, work: Coroutine[Any, Any, None]) -> None:
        """Runs it; however it ends, the screens are told that it has."""
        task = roster.background(work)
        _running[self.id] = task.cancel
        task.add_done_callback(self._ended)

    def __call__(self, phase: str, count: int, total: int = 0) -> None:
        moment = asyncio.get_running_loop().time()
        if moment - self._told >= EVERY_S:
            self._told = moment
            self._tell(phase=phase, done=done_of(phase, count, total), total=total)

    def _tell(self, **values: Any) -> None:
        sessions = self.sessions()
        for session in sessions:
            self._tell_one(session, **values)
        for session in self._shown:
            if session not in sessions:  # it has detached the source
                self._tell_one(session, ended=True)
        self._shown = [] if values.get("ended") else sessions

    def _tell_one(self, session: Session, **values: Any) -> None:
        session.tell(e.JobTold(step=session.state.head, at=now(), job=self.id, what=self.what, **values))

    def _ended(self, task: asyncio.Task[None]) -> None:
        _running.pop(self.id, None)
        self._tell(ended=True)
        if task.cancelled():
            self.say(f"Stopped {self.what}; the same command goes on from there.")

    def say(self, text: str) -> None:
        for session in self.sessions():
            session.tell(e.Notice(step=session.state.head, at=now(), text=text))


class Embedding(Job):
    """The vectors that an agent's or a source's documents get in the background, while there are many to make, seen by all
    agents that search them. Called by the backlog; cancelled, it pauses until `/embedding resume`."""

    def __init__(self, roster: Roster, corpus: Corpus) -> None:
        def searching() -> list[Session]:
            return [session for session in roster.sessions.values() if corpus in session.corpora]

        super().__init__(searching, f"embedding {corpus.source!r}" if corpus.source else "embedding")
        self.backlog = corpus.backlog

    @classmethod
    def watch(cls, roster: Roster, session: Session) -> None:
        """Has an open agent's screens told from now on, of the vectors of its sources too."""
        for corpus in session.corpora:
            if corpus.backlog.told is None:
                corpus.backlog.told = cls(roster, corpus).far

    def far(self, done: int, total: int) -> None:
        """So many documents have their vector; all of them, or none to come for now: it has ended."""
        if done < total:
            _running[self.id] = self._pause
            self("vectors", done, total)
        elif _running.pop(self.id, None):
            self._tell(ended=True)

    def _pause(self) -> None:
        self.backlog.pause()
        self.far(0, 0)
        self.say(
            f"{self.what.replace('embedding', 'Embedding', 1)} is paused; /embedding resume goes on with it."
            " Searching by words finds everything meanwhile."
        )


async def cancel_job(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """The operation: stops a job at its next batch; what is done so far stays."""
    end = _running.get(str(given["job"]))
    if end is None:
        raise UserError("That work is done already.")
    end()
    yield "result", {}


async def with_progress(work: Callable[[Progress], Awaitable[Any]]) -> AsyncIterator[tuple[str, Any]]:
    """A job and its progress; it stops at the next batch when its front end goes."""
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def told(phase: str, count: int, total: int = 0) -> None:
        known = {"total": total} if total else {}
        queue.put_nowait({"type": "progress", "phase": phase, "count": count, **known})

    task = asyncio.ensure_future(work(told))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (part := await queue.get()) is not None:
            yield "event", part
        result = await task
        yield "result", result if isinstance(result, dict) else result.to_json()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # its error was raised above
            await task
