"""The last line: model, what it is doing, what the turn cost; on a narrow screen also the map in one row."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui.mapping import GLYPHS, squares
from tui.theme import Look
from tui.view import View

METER_CELLS, TINY_CELLS = 24, 10
HOT, FULL = 0.7, 0.9  # of the window


class StatusLine(Widget):
    """One row. Draws itself anew once a second while a turn runs, and not at all while none does."""

    DEFAULT_CSS = "StatusLine { height: 1; padding: 0 1; }"

    def __init__(self, look: Look, view: View, hints: str) -> None:
        super().__init__(id="status")
        self.look, self.view, self.hints = look, view, hints
        self.meter = False
        self._began = 0.0
        self._flash = ""
        self.clock: Callable[[], float] = time.monotonic
        self._timer: Timer | None = None
        self._flash_timer: Timer | None = None

    def show(self, view: View) -> None:
        self.view = view
        busy = view.phase not in ("idle", "starting")
        if busy and not self._began:
            self._began = self.clock()
            self._timer = self.set_interval(1.0, self.refresh)
        elif not busy and self._began:
            self._began = 0.0
            if self._timer:
                self._timer.stop()
        self.refresh()

    def flash(self, text: str, seconds: float = 3.0) -> None:
        """Says something for a moment in place of the figures."""
        self._flash = text
        if self._flash_timer:
            self._flash_timer.stop()
        self._flash_timer = self.set_timer(seconds, self._unflash)
        self.refresh()

    def _unflash(self) -> None:
        self._flash = ""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        tiny = width < 56
        segments = self._meter(TINY_CELLS if tiny else METER_CELLS, tiny) if self.meter else []
        left = "   ".join(part for part in self._parts(tiny) if part)
        role = "warning" if self.view.retry or self._flash else "foreground"
        segments += [Segment(left, self.look.style(role))]
        used = sum(segment.cell_length for segment in segments)
        if self.hints and used + len(self.hints) + 3 <= width:
            segments += [Segment(" " * (width - used - len(self.hints))), Segment(self.hints, self.look.style("muted"))]
        return Strip(segments).adjust_cell_length(width).apply_style(self.look.ground)

    def _parts(self, tiny: bool) -> list[str]:
        if self._flash:
            return [self._flash]
        if self.view.retry:
            return [self.view.retry]
        phase = self._phase()
        if tiny:
            return [phase]
        if self.meter:
            return [_model(self.view.model), phase]
        return [_model(self.view.model), self.view.agent, phase, self._turn()]

    def _phase(self) -> str:
        queued = f", {len(self.view.queued)} queued" if self.view.queued else ""
        elapsed = f" {self.clock() - self._began:.0f} s" if self._began else ""
        return f"{self.view.phase.replace('_', ' ')}{elapsed}{queued}"

    def _turn(self) -> str:
        figures = self.view.figures
        if not figures.seconds:
            return ""
        cost = f" · ${figures.cost_usd:.4f}" if figures.cost_usd else ""
        return f"turn {figures.seconds:.1f} s · {figures.tokens:,} tokens{cost}"

    def _meter(self, cells: int, tiny: bool) -> list[Segment]:
        context = self.view.context
        if context is None:
            return []
        found = [Segment(GLYPHS[square.kind], self._square_style(square.kind)) for square in squares(context, cells)]
        return [*found, Segment("  "), Segment(f"{figure(self.view, percent=tiny)}   ", self._figure_style())]

    def _square_style(self, kind: str) -> Style:
        roles = {"free": "border", "warn": "warning", "flush": "error"}
        return self.look.style(roles[kind]) if kind in roles else self.look.section(kind)

    def _figure_style(self) -> Style:
        return self.look.style("warning" if fullness(self.view) >= HOT else "foreground")


def fullness(view: View) -> float:
    return view.context.total / view.context.window if view.context else 0.0


def figure(view: View, percent: bool = False) -> str:
    """How full the window is: `5,212 / 8,192`, with `≈` for a count of our own and `!` from 90 % on."""
    if view.context is None:
        return ""
    mark = "" if view.context.source == "provider" else "≈"
    alarm = " !" if fullness(view) >= FULL else ""
    if percent:
        return f"{mark}{100 * fullness(view):.0f} %{alarm}"
    return f"{mark}{view.context.total:,} / {view.context.window:,}{alarm}"


def _model(name: str) -> str:
    return "builtin · SmolLM2 135M" if name == "builtin" else name
