"""The app on its line: what it does otherwise where that is slow, or gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui.drawing import FLUSH_S
from tui.line.driver import LineDriver
from tui.line.pace import Pace
from tui.widgets.context_map import ContextMap
from tui.widgets.transcript import FOLLOW_STEP, Transcript

if TYPE_CHECKING:
    from tui.app import MemGPTApp

SLOW_FLUSH_S = 0.5


class Line:
    """The line to the terminal of one app."""

    def __init__(self, app: MemGPTApp) -> None:
        self.app = app
        self.pace = Pace(chosen=app.options.low_bandwidth, on_change=self._changed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sized = False

    def _changed(self) -> None:
        """The pace was seen to be another; this is told by the thread that reads."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.apply)

    def apply(self) -> None:
        """Fewer and larger steps on a slow line, and nothing moves; the last line says so."""
        self._loop = asyncio.get_running_loop()
        app, slow = self.app, self.pace.slow
        app.drawing.flush_s = SLOW_FLUSH_S if slow else FLUSH_S
        for transcript in app.base.query(Transcript):
            transcript.follow_step = max(1, app.size.height // 2) if slow else FOLLOW_STEP
        app.base.query_one(ContextMap).still = slow
        words = ["looking on"] if app.options.read_only else []
        words += ["low bandwidth"] if self.pace.chosen else ["slow line"] if slow else []
        app.status.way = ", ".join(words)
        app.status.refresh()

    def resized(self) -> None:
        """The terminal has another size, and shows what it likes; the first one is no change."""
        if self._sized:
            self.draw_anew()
        self._sized = True

    def draw_anew(self) -> None:
        """Has everything sent again: the terminal may show anything."""
        if isinstance(driver := self.app._driver, LineDriver):
            driver.forget()

    def broke(self, error: Exception) -> None:
        """What reads the keys failed."""
        self.app._handle_exception(error)

    def lost(self) -> None:
        """Nobody is at the other end any more: as after SIGHUP."""
        self.app.exit()
