"""Long work, seen in the last line: how far, how fast, how long still; and cancelled by a key."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from memgpt.home import UserError
from memgpt.link import Link
from memgpt.progress import done_of
from tui.keymap import first_key
from tui.text import inert

if TYPE_CHECKING:
    from tui.app import MemGPTApp

UNTOLD_S = 1.0  # before a rate is worth telling


@dataclass(slots=True)
class Work:
    """One piece of long work as it is shown."""

    what: str
    cancel: Callable[[], Awaitable[None]]
    phase: str = ""
    done: int = 0
    total: int = 0
    began: float = field(default_factory=time.monotonic)
    began_at: int = 0

    def __post_init__(self) -> None:
        self.what = inert(self.what)

    def told(self, phase: str, done: int, total: int) -> None:
        if inert(phase) != self.phase:  # a rate is that of its phase
            self.phase, self.began, self.began_at = inert(phase), time.monotonic(), done
        self.done, self.total = done, total

    def lines(self, now: float, cancels: str = "") -> list[str]:
        """`loading 'notes': embedding 120 / 480 · 34/s · 11 s left · Alt+C cancels`, then in ever fewer words."""
        rate, left = self._pace(now)
        named, here = self._named, self._here or self._named
        forms = ((named, rate, left, cancels), (named, left, cancels), (here, left, cancels), (here, left), (here,))
        return [_joined(*parts) for parts in forms]

    @property
    def _named(self) -> str:
        return f"{self.what}: {self._here}" if self.phase else f"{self.what} …"

    @property
    def _here(self) -> str:
        far = f"{self.done:,} / {self.total:,}" if self.total else f"{self.done:,}"
        return f"{self.phase} {far}" if self.phase else ""

    def _pace(self, now: float) -> tuple[str, str]:
        """How fast it goes and how long it will still take, as far as that can be told."""
        seconds = now - self.began
        rate = (self.done - self.began_at) / seconds if self.phase and seconds >= UNTOLD_S else 0.0
        if rate <= 0:
            return "", ""
        left = f"{shown_seconds((self.total - self.done) / rate)} left" if self.total > self.done else ""
        return (f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"), left


class Jobs:
    """The long work that this app knows of, the newest shown."""

    def __init__(self, app: MemGPTApp) -> None:
        self.app = app
        self.works: dict[str, Work] = {}

    def event(self, event: dict[str, Any]) -> None:
        """The engine tells of work in the background."""
        job = str(event["job"])
        if event.get("ended"):
            self.works.pop(job, None)
        else:
            work = self.works.get(job)
            if work is None:
                work = self.works[job] = Work(str(event["what"]), lambda: self._cancel_in_engine(job))
            work.told(str(event.get("phase", "")), int(event.get("done", 0)), int(event.get("total", 0)))
        self._draw()

    async def _cancel_in_engine(self, job: str) -> None:
        await self.app.connection.ask("cancel_job", job=job)

    async def run(self, what: str, op: str, **params: Any) -> dict[str, Any]:
        """An operation that tells how far it is, over a link of its own: closing that is what cancels it.

        Raises:
            UserError: it failed, or was cancelled.
        """
        link = await Link.open(self.app.home, role="tool", read_only=self.app.options.read_only)
        work = self.works[op] = Work(what, link.close)
        self._draw()
        result: dict[str, Any] = {}
        try:
            async for told in link.stream(op, **params):
                if "result" in told:
                    result = dict(told["result"] or {})
                elif told.get("type") == "progress":
                    phase, count, total = str(told["phase"]), int(told["count"]), int(told.get("total", 0))
                    work.told(phase, done_of(phase, count, total), total)
                    self._draw()
        except UserError:
            if link.closed.is_set():
                raise UserError(f"Stopped {what}.", "The same command goes on from there.") from None
            raise
        finally:
            self.works.pop(op, None)
            self._draw()
            await link.close()
        return result

    async def cancel(self) -> None:
        """Cancels what is shown."""
        if not self.works:
            self.app.status.flash("nothing long is under way")
            return
        await list(self.works.values())[-1].cancel()

    def _draw(self) -> None:
        work = list(self.works.values())[-1] if self.works else None
        more = f"{len(self.works) - 1} more · " if len(self.works) > 1 else ""
        cancels = f"{more}{first_key('cancel_job', self.app.settings)} cancels"
        self.app.status.work = work.lines(time.monotonic(), cancels) if work else ()
        self.app.status.refresh()


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def shown_seconds(seconds: float) -> str:
    """`11 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
