"""The last line: model, what it is doing, what the turn cost; where the map is not shown, also that in one row. What is said
for a moment has the room first, and more rows where one is too short for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from memgpt.words import money
from tui.context.mapping import GLYPHS, squares
from tui.footer import NARROW
from tui.footer import fitted as whole
from tui.text import inert
from tui.theme import Look
from tui.view import Retrying, View
from tui.widgets.painting import Painter, fitted

METER_CELLS, TINY_CELLS = 24, 10
MOST_ROWS = 3
TINY = 64  # columns, below which the figures are in their shortest form
GAP = "   "
EIGHTHS = "·▏▎▍▌▋▊▉"
HOT, FULL = 0.7, 0.9  # of the window


class StatusLine(Widget):
    """One row, or what is said in up to three. Draws itself anew once a second while a turn runs, and not at all while none does."""

    DEFAULT_CSS = "StatusLine { height: 1; padding: 0 1; }"

    def __init__(self, look: Look, view: View, hints: str) -> None:
        super().__init__(id="status")
        self.look, self.view, self.hints = look, view, hints
        self.meter = False
        self.here: list[str] = []  # the keys of what has the focus, where it has no border to say them in
        self.work: Sequence[str] = ()  # long work that is under way, in ever fewer words
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
        self._settle()

    def flash(self, text: str, seconds: float = 3.0) -> None:
        """Says something for a moment in place of the figures."""
        self._flash = inert(text)
        if self._flash_timer:
            self._flash_timer.stop()
        self._flash_timer = self.set_timer(seconds, self._unflash)
        self._settle()

    def unflash(self, text: str) -> None:
        """Says that no longer, if it is being said."""
        if self._flash == inert(text):
            self._unflash()

    def _unflash(self) -> None:
        self._flash = ""
        self._settle()

    def on_resize(self) -> None:
        self._settle()

    def _settle(self) -> None:
        """As many rows as what is said takes."""
        self.styles.height = max(1, len(self._said(self.content_size.width)))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        said = self._said(width)
        strip = self._row(width) if len(said) < 2 else said[y] if y < len(said) else Strip([])
        return strip.adjust_cell_length(width).apply_style(self.look.ground)

    def _said(self, width: int) -> list[Strip]:
        """The rows of what is said in place of everything else."""
        if not (sentence := self._sentence()):
            return []
        style = self.look.style("warning")
        rows = Painter(self.look, width).plain(sentence, style)
        if len(rows) <= MOST_ROWS:
            return rows
        rest = " ".join(row.text for row in rows[MOST_ROWS - 1 :])
        return [*rows[: MOST_ROWS - 1], Strip([fitted(rest, width, style)])]

    def _sentence(self) -> str:
        if self._flash:
            return self._flash
        if retry := self.view.retry:
            left = max(0.0, self._retrying[1] + retry.wait_s - self.clock())
            return f"{retry.what} {left:.0f} s · {retry.reason}"
        return ""

    def _row(self, width: int) -> Strip:
        meter, words = self._meter_and_words(width)
        role = "warning" if self._sentence() else "foreground"
        used = sum(segment.cell_length for segment in meter)
        segments = [*meter, fitted(words, width - used, self.look.style(role))]
        used += segments[-1].cell_length
        hints = next(
            (each for each in (self.hints, self.hints.rpartition(GAP)[2]) if used + len(each) + 3 <= width), ""
        )
        return Strip([*segments, Segment(" " * (width - used - len(hints))), Segment(hints, self.look.style("muted"))])

    def _meter_and_words(self, width: int) -> tuple[list[Segment], str]:
        """What is said and long work have the room first: of the meter, the bars give way, then the long form of the
        figure, then the figure."""
        tiny = width < TINY
        meter, *shorter = self._meters(tiny)
        for words in filter(None, (self._sentence(), *([] if self.here else self._working()))):
            for each in (meter, *shorter):
                if sum(segment.cell_length for segment in each) + cell_len(words) <= width:
                    return each, words
        room = width - sum(segment.cell_length for segment in meter)
        if self.here:
            return meter, whole(self.here, room)
        parts = [part for part in self._parts(tiny) if part]
        while len(parts) > 1 and cell_len(GAP.join(parts)) > room:
            parts.pop()  # the last gives way, whole
        return meter, GAP.join(parts)

    def _meters(self, tiny: bool) -> list[list[Segment]]:
        """The meter where it is shown, in ever shorter forms."""
        if not self.meter or self.view.context is None:
            return [[]]
        short, figure = self._figure(percent=True), self._figure(percent=tiny)
        return [[*self._bars(TINY_CELLS if tiny else METER_CELLS), figure], [figure], [short], []]

    def _working(self) -> Sequence[str]:
        """Long work, with what the model does where there is room for both."""
        if self.work and self.view.stage != "resting":
            return [f"{self._phase()}{GAP}{self.work[0]}", *self.work]
        return self.work

    def _parts(self, tiny: bool) -> list[str]:
        phase, model, paid = self._phase(), _model(self.view.model), self._paid()
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
        cost = f" · {money(figures.cost_usd)}" if figures.cost_usd else ""
        return f"turn {figures.seconds:.1f} s · {figures.tokens:,} tokens{cost}"

    def _paid(self) -> str:
        """What the agent has cost, where there is no room for the map's figures."""
        paid = self.view.figures.total_cost_usd
        return money(paid) if paid else ""

    def _bars(self, cells: int) -> list[Segment]:
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
        return [*found, Segment("  ")]

    def _figure(self, percent: bool) -> Segment:
        return Segment(f"{figure(self.view, percent=percent)}   ", self._figure_style())

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
