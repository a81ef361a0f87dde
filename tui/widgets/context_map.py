"""The Context pane: a map of main context with its lines and figures, and what moved last."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from tui.context.mapping import GLYPHS, Piece, Square, squares
from tui.context.motion import Frame, frames
from tui.keymap import bindings_of
from tui.theme import Look
from tui.view import View
from tui.widgets import figures
from tui.widgets.painting import fitted

MAP_ROWS = 2
ROOMY = 10  # rows from which the map has a line under each row that says what was cached
BUSY = ("leaving", "entering", "returning", "rewriting")
ROLES = {"free": "border", "leaving": "warning", "warn": "warning", "flush": "error"}
LINES = {"warn": "the pressure line", "flush": "the eviction line"}


class ContextMap(Widget, can_focus=True):
    """Cells coloured by section. With the focus, the arrows walk over the cells and Enter shows what is under one."""

    DEFAULT_CSS = "ContextMap { height: 1fr; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("map")
    cursor: var[int] = var(0)

    class Opened(Message):
        """Enter on a cell: what lies under it."""

        def __init__(self, piece: Piece) -> None:
            super().__init__()
            self.piece = piece

    def __init__(self, look: Look, view: View) -> None:
        super().__init__(id="map")
        self.look, self.view = look, view
        self.still = False  # nothing moves: on a slow line, or where the user wants it so
        self._squares: list[Square] = []
        self._frames: list[Frame] = []
        self._timer: Timer | None = None
        self._width = 0
        self._agent = ""
        self._summary = 0

    @property
    def moving(self) -> bool:
        return bool(self._frames)

    def show(self, view: View) -> None:
        """Draws the present; what came and went since the last time is seen to do so, then the map rests."""
        old, known = self._target(), self._agent == view.agent and self._width == self.content_size.width
        self.view, self._agent = view, view.agent
        rewritten, self._summary = view.evictions != self._summary, view.evictions
        self._rest()
        self._measure()
        quiet = self.still or self.app.animation_level == "none" or not self.is_on_screen
        if known and old and view.context and not quiet:
            self._frames = frames(old, self._squares, view.context, rewritten)
            self._next()
        self.refresh()

    def _target(self) -> list[Square]:
        return self._frames[-1].squares if self._frames else self._squares

    def _rest(self) -> None:
        if self._timer:
            self._timer.stop()
        self._timer, self._frames = None, []

    def _next(self) -> None:
        """The next frame, and the one after it in its time."""
        if not self._frames:  # a timer that had gone off already when the map was put to rest
            return
        frame = self._frames.pop(0)
        self._squares = frame.squares
        if self._frames:
            self._timer = self.set_timer(frame.seconds, self._next)
        self.refresh(Region(0, 0, self.size.width, self._map_height))

    def _measure(self) -> None:
        context = self.view.context
        self._width = self.content_size.width
        count = max(1, self._width) * MAP_ROWS
        cached = self.view.figures.cached if self.view.figures.prompt_tokens else 0
        self._squares = squares(context, count, cached) if context else []

    # --- drawing ----------------------------------------------------------------------------------------------

    @property
    def _map_height(self) -> int:
        return MAP_ROWS * 2 if self.content_size.height >= ROOMY else MAP_ROWS

    def render_line(self, y: int) -> Strip:
        return self._row(y).apply_style(self.look.ground)

    def _row(self, y: int) -> Strip:
        width, height = self.content_size
        if width != self._width:
            self._rest()
            self._measure()
        above = self._map_height
        if y < above:
            return self._map_row(y, width) if above == MAP_ROWS else self._roomy_row(y, width)
        rows = [
            lambda: self._said(width),
            *(lambda n=n: figures.legend(self.view, self.look, n, width) for n in range(3)),
        ]
        rows += [
            lambda: figures.other(self.view, self.look, width),
            lambda: figures.course(self.view, self.look, width),
        ]
        if height >= ROOMY:  # what moved last stands at the end, where the eye comes to rest
            rows = [*rows[1:], rows[0]]
        place = y - above
        return rows[place]() if place < len(rows) else Strip.blank(width)

    def _roomy_row(self, y: int, width: int) -> Strip:
        if y % 2 == 0:
            return self._map_row(y // 2, width)
        row = self._squares[y // 2 * width : (y // 2 + 1) * width]
        line = "".join(figures.CACHED if square.cached else " " for square in row)
        return Strip([Segment(line, self.look.style("muted"))]).adjust_cell_length(width)

    def _map_row(self, y: int, width: int) -> Strip:
        row = self._squares[y * width : (y + 1) * width]
        segments = [
            Segment(GLYPHS[square.mark or square.kind], self._style(square, y * width + x))
            for x, square in enumerate(row)
        ]
        return Strip(segments).adjust_cell_length(width)

    def _style(self, square: Square, place: int) -> Style:
        under = square.piece is not None
        role = ROLES.get(square.mark) or ROLES.get(square.kind)
        if square.mark and under and square.kind not in BUSY:
            style = self.look.section(square.kind) + Style(reverse=True)  # the line crosses what stands there
        elif role:
            style = self.look.style(role)
        elif square.kind in BUSY and square.piece:
            style = self.look.section(square.piece.section) + Style(bold=True)
        else:
            style = self.look.section(square.kind)
        if self.has_focus and place == self.cursor:
            return style + Style(reverse=not style.reverse, bold=True, underline=True)
        return style

    def _said(self, width: int) -> Strip:
        """The cell under the cursor while the map has the focus, else what paging did last."""
        text = self._under() if self.has_focus and self.cursor < len(self._squares) else self.view.paging
        return Strip([fitted(text, width, self.look.style("muted"))]).adjust_cell_length(width)

    def _under(self) -> str:
        square = self._squares[self.cursor]
        parts = [described(square)] if square.piece else ["free"]
        if square.mark:
            parts.append(LINES[square.mark])
        return " · ".join(parts)

    # --- the cursor -------------------------------------------------------------------------------------------

    def action_walk(self, step: int) -> None:
        self.cursor = max(0, min(len(self._squares) - 1, self.cursor + step))
        self.refresh()

    def action_walk_row(self, step: int) -> None:
        if 0 <= self.cursor + step * self.content_size.width < len(self._squares):
            self.action_walk(step * self.content_size.width)

    def action_walk_message(self, step: int) -> None:
        """To the first cell of the next piece, or of the one before."""
        keys = [square.piece.key if square.piece else None for square in self._squares]
        firsts = [place for place, key in enumerate(keys) if key and (place == 0 or keys[place - 1] != key)]
        beyond = [place for place in firsts if (place - self.cursor) * step > 0]
        if beyond:
            self.cursor = beyond[0] if step > 0 else beyond[-1]
            self.refresh()

    def action_open(self) -> None:
        if self.cursor < len(self._squares) and (piece := self._squares[self.cursor].piece):
            self.post_message(self.Opened(piece))

    def on_click(self, event: Click) -> None:
        """The cell that was clicked; a second click on it shows it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y >= self._map_height:
            return
        row = offset.y if self._map_height == MAP_ROWS else offset.y // 2
        place = row * self._width + offset.x
        if place == self.cursor:
            self.action_open()
        self.cursor = min(place, max(0, len(self._squares) - 1))
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


def described(square: Square) -> str:
    """A cell in words: what stands there, how much it takes, whether it was cached."""
    piece = square.piece
    assert piece is not None
    cached = ", cached" if square.cached else ""
    name = (
        "recalled" if piece.section == "recalled" else piece.role if piece.number else piece.section.replace("_", " ")
    )
    step = f" · step {piece.step}" if piece.number else ""
    return f"{name} · {piece.tokens:,.0f} tokens{cached}{step}"
