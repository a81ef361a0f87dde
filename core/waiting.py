"""The turns of one agent: those that wait to begin, and the one under way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from core.ending import ended
from core.store.journal import now
from memgpt import events as e
from memgpt.home import UserError

if TYPE_CHECKING:
    from core.agent import Agent

INTERRUPT_S = 2.0


@dataclass(slots=True, eq=False)
class Waiting:
    """A turn that has been asked for, and by whom. Its events are given as they happen; `None` ends them.

    `back` is set where another than its asker took the message back: the words that its asker is to have again, with
    those of its other messages that went with this one; none where the other has them.
    """

    text: str
    begin: Callable[[Agent], AsyncIterator[e.Event]]
    keys: Mapping[str, str]
    asker: object = None
    events: asyncio.Queue[e.Event | None] = field(default_factory=asyncio.Queue)
    back: list[str] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> e.Event:
        if (event := await self.events.get()) is None:
            raise StopAsyncIteration
        return event

    def orphaned(self) -> None:
        """Whoever asked for it is gone."""
        self.asker = None


class Turns:
    """They are run one at a time, in the order in which they were asked for. `enter` is told of each phase that the queue
    itself begins, `changed` that others wait now than before."""

    def __init__(
        self, run: Callable[[Waiting], Awaitable[None]], enter: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self._run_one, self._enter, self._changed = run, enter, changed
        self._waiting: list[Waiting] = []
        self._runner: asyncio.Task[None] | None = None
        self._running: Waiting | None = None
        self._floor = asyncio.Lock()  # of a turn, or of what no turn may begin in the middle of
        self.cancelled = asyncio.Event()  # the turn under way is to stop
        self.used_at = now()

    @property
    def busy(self) -> bool:
        return self._running is not None or bool(self._waiting)

    @property
    def queued(self) -> list[str]:
        """The words of those that wait."""
        return [turn.text for turn in self._waiting]

    def add(self, turn: Waiting) -> Waiting:
        """Queues a turn; iterated, it gives its events. It goes on if nobody reads them."""
        self._waiting.append(turn)
        if self._running:
            self._changed()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return turn

    async def _run(self) -> None:
        while self._waiting:
            turn = self._running = self._waiting.pop(0)
            self.cancelled.clear()
            self.used_at = now()
            self._enter("thinking")
            try:
                async with self._floor:
                    await self._run_one(turn)
            finally:
                turn.events.put_nowait(None)
                self._running = None
                self.used_at = now()
        self._enter("idle")

    @contextlib.asynccontextmanager
    async def alone(self, what: str) -> AsyncIterator[None]:
        """Keeps turns from beginning, and other work of this kind from being done, until it is left.

        Raises:
            UserError: a turn runs or waits; `what` has to wait.
        """
        self._check_idle(what)
        async with self._floor:
            self._check_idle(what)  # a turn may have been asked for meanwhile
            yield

    def _check_idle(self, what: str) -> None:
        if self.busy:
            raise UserError(f"{what} has to wait until the model is done.", "Stop it first, or wait.")

    # --- stopping ---------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Stops the turn under way at the next instant that it can; whether there was one."""
        self.cancelled.set()
        return self._running is not None

    def withdraw(self, asker: object) -> bool:
        """Stops what that front end asked for, waiting or under way, and nothing of anybody else."""
        self._drop([turn for turn in self._waiting if turn.asker is asker])
        return self._running is not None and self._running.asker is asker and self.cancel()

    def drop(self, by: object = None) -> list[str]:
        """Takes the messages back that wait for their turn. Each front end has its own words again: `by` with the result,
        with those of whoever is gone, the others with the end of what they are told."""
        given: list[str] = []
        backs: dict[object, list[str]] = {by: given, None: given}
        for turn in self._drop(list(self._waiting)):
            if turn.asker not in backs:  # it has them all at once, in their order
                backs[turn.asker] = turn.back = []
            backs[turn.asker].append(turn.text)
        return given

    def take_back(self, place: int, text: str, by: object = None) -> str:
        """Takes one message back that waits for its turn, if it still stands at that place; else gives nothing. `by` has
        its words, whoever has asked."""
        if not 0 <= place < len(self._waiting) or self._waiting[place].text != text:
            return ""
        (turn,) = self._drop([self._waiting[place]])
        if turn.asker is not by:
            turn.back = []
        return turn.text

    def _drop(self, dropped: Sequence[Waiting]) -> Sequence[Waiting]:
        for turn in dropped:
            self._waiting.remove(turn)
            turn.events.put_nowait(None)
        self._changed()
        return dropped

    async def finished(self) -> None:
        if self._runner:
            await asyncio.gather(self._runner, return_exceptions=True)

    async def interrupt(self) -> None:
        """Stops the turn under way, marked so, and takes back what waits; a turn that hangs is ended."""
        self.drop()
        self.cancel()
        if self._runner:
            await asyncio.wait({self._runner}, timeout=INTERRUPT_S)
            await ended(self._runner)
