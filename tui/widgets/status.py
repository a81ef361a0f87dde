"""The last line: model, what it is doing, what the turn cost; where the map is not shown, also that in one row."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui.context.mapping import GLYPHS, squares
from tui.footer import NARROW
from tui.footer import fitted as whole
from tui.text import inert
from tui.theme import Look
from tui.view import Retrying, View
from tui.widgets.painting import fitted

METER_CELLS, TINY_CELLS = 24, 10
TINY = 64  # columns, below which the figures are in their shortest form
GAP = "   "
EIGHTHS = "·▏▎▍▌▋▊▉"
HOT, FULL = 0.7, 0.9  # of the window


class StatusLine(Widget):
    """One row. Draws itself anew once a second while a turn runs, and not at all while none does."""

    DEFAULT_CSS = "StatusLine { height: 1; padding: 0 1; }"

    def __init__(self, look: Look, view: View, hints: str) -> None:
        super().__init__(id="status")
        self.look, self.view, self.hints = look, view, hints
        self.meter = False
        self.here: list[str] = []  # the keys of what has the focus, where it has no border to say them in
        self.work = ""  # long work that is under way
        self.others = ""  # the other open agents
        self.way = ""  # how it is looked on, and over what line
        self._began = 0.0
        self._retrying: tuple[Retrying | None, float] = (None, 0.0)
        self._flash = ""
        self.clock: Callable[[], float] = time.monotonic
        self._timer: Timer | None = None
        self._flash_timer: Timer | None = None

    def show(self, view: View) -> None:
        self.view = view
        if view.retry is not self._retrying[0]:
            self._retrying = view.retry, self.clock()
        busy = view.stage != "resting"
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
        self._flash = inert(text)
        if self._flash_timer:
            self._flash_timer.stop()
        self._flash_timer = self.set_timer(seconds, self._unflash)
        self.refresh()

    def _unflash(self) -> None:
        self._flash = ""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        tiny = width < TINY
        segments = self._meter(TINY_CELLS if tiny else METER_CELLS, tiny) if self.meter else []
        room = width - sum(segment.cell_length for segment in segments)
        parts = [part for part in self._parts(tiny, room) if part]
        while len(parts) > 1 and cell_len(GAP.join(parts)) > room:
            parts.pop()  # the last gives way, whole
        role = "warning" if self.view.retry or self._flash else "foreground"
        segments += [fitted(GAP.join(parts), room, self.look.style(role))]
        used = sum(segment.cell_length for segment in segments)
        hints = next(
            (each for each in (self.hints, self.hints.rpartition(GAP)[2]) if used + len(each) + 3 <= width), ""
        )
        segments += [Segment(" " * (width - used - len(hints))), Segment(hints, self.look.style("muted"))]
        return Strip(segments).adjust_cell_length(width).apply_style(self.look.ground)

    def _parts(self, tiny: bool, room: int) -> list[str]:
        if self._flash:
            return [self._flash]
        if self.here:
            return [whole(self.here, room)]
        if retry := self.view.retry:
            left = max(0.0, self._retrying[1] + retry.wait_s - self.clock())
            return [f"{retry.what} {left:.0f} s · {retry.reason}"]
        phase = self._phase()
        if self.work:
            return [phase, self.work] if not tiny else [self.work]
        model, paid = _model(self.view.model), self._paid()
        if tiny:
            return [phase, self.way, paid, model]
        if self.size.width < NARROW:
            return [phase, self.way, model, paid]
        return [model, self.view.agent, phase, self.way, self._turn(), self.others]

    def _phase(self) -> str:
        waiting = len(self.view.queued)
        queued = "" if not waiting else f" +{waiting}" if self.size.width < TINY else f", {waiting} queued"
        elapsed = f" {self.clock() - self._began:.0f} s" if self._began else ""
        return f"{self.view.phase.replace('_', ' ')}{elapsed}{queued}"

    def _turn(self) -> str:
        figures = self.view.figures
        if not figures.seconds:
            return ""
        cost = f" · ${figures.cost_usd:.4f}" if figures.cost_usd else ""
        return f"turn {figures.seconds:.1f} s · {figures.tokens:,} tokens{cost}"

    def _paid(self) -> str:
        """What the agent has cost, where there is no room for the map's figures."""
        paid = self.view.figures.total_cost_usd
        return f"${paid:.4f}" if paid else ""

    def _meter(self, cells: int, tiny: bool) -> list[Segment]:
        context = self.view.context
        if context is None:
            return []
        edge, eighths = divmod(round(8 * cells * context.total / max(1, context.window)), 8)
        found = []
        for place, square in enumerate(squares(context, cells)):
            kind, glyph = square.mark or square.kind, ""
            if place == edge and not square.mark:  # how far it is full within the cell: so it is seen to fill
                kind, glyph = "messages" if eighths else "free", EIGHTHS[eighths]
            found.append(Segment(glyph or GLYPHS[kind], self._square_style(kind)))
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
