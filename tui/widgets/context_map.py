"""The Context pane: a map of main context with its lines and figures, and what moved last."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from tui.mapping import GLYPHS, Piece, Square, sparkline, squares
from tui.theme import Look
from tui.view import View

MAP_ROWS = 2
LEGEND = (("instructions", "core_memory"), ("functions", "summary"), ("messages", "recalled"))
NAMES = {"core_memory": "core"}
OTHER = ("metadata", "overhead")
LEAVING_S = 1.0


class ContextMap(Widget, can_focus=True):
    """Cells coloured by section. With the focus, Left and Right walk over the cells and Enter opens the message."""

    DEFAULT_CSS = "ContextMap { height: 8; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "walk(-1)", "previous cell", show=False),
        Binding("right", "walk(1)", "next cell", show=False),
        Binding("up", "walk_row(-1)", show=False),
        Binding("down", "walk_row(1)", show=False),
        Binding("enter", "open", "open it", show=False),
    ]
    cursor: var[int] = var(0)

    class Opened(Message):
        """Enter on a cell."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, look: Look, view: View) -> None:
        super().__init__(id="map")
        self.look, self.view = look, view
        self._squares: list[Square] = []
        self._leaving = 0
        self._width = 0

    def show(self, view: View) -> None:
        """Draws the present; messages that have just left stay hollow for a second."""
        self.view = view
        if view.leaving and self._squares and not self._leaving:
            self._leaving = view.leaving
            self._squares = [
                Square("leaving", square.piece) if square.piece and 0 < square.piece.number <= self._leaving else square
                for square in self._squares
            ]
            self.set_timer(LEAVING_S, self._left)
        elif not self._leaving:
            self._measure()
        view.leaving = 0
        self.refresh()

    def _left(self) -> None:
        self._leaving = 0
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        context = self.view.context
        self._width = self.content_size.width
        count = max(1, self._width) * MAP_ROWS
        self._squares = squares(context, count) if context else []

    # --- drawing ----------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        return self._row(y).apply_style(self.look.ground)

    def _row(self, y: int) -> Strip:
        width = self.content_size.width
        if width != self._width:
            self._measure()
        if y < MAP_ROWS:
            return self._map_row(y, width)
        if y == MAP_ROWS:
            return Strip.blank(width)
        if y - MAP_ROWS - 1 < len(LEGEND):
            return self._legend(LEGEND[y - MAP_ROWS - 1], width)
        if y == MAP_ROWS + 1 + len(LEGEND):
            return self._costs(width)
        return self._line(self._moved(), self.look.style("muted"), width)

    def _map_row(self, y: int, width: int) -> Strip:
        row = self._squares[y * width : (y + 1) * width]
        segments = [Segment(GLYPHS[square.kind], self._style(square, y * width + x)) for x, square in enumerate(row)]
        return Strip(segments).adjust_cell_length(width)

    def _style(self, square: Square, place: int) -> Style:
        if square.kind == "free":
            style = self.look.style("border")
        elif square.kind in ("warn", "flush"):
            style = self.look.style("warning" if square.kind == "warn" else "error")
        elif square.kind == "leaving":
            style = self.look.style("warning")
        else:
            style = self.look.section(square.kind)
        return style + Style(reverse=True) if self.has_focus and place == self.cursor else style

    def _legend(self, names: tuple[str, str], width: int) -> Strip:
        tokens = self._tokens()
        half = width // 2
        segments = []
        for name, room in zip(names, (half, width - half), strict=True):
            label, figure = NAMES.get(name, name), f"{tokens.get(name, 0):,}"
            gap = max(1, room - 2 - len(label) - len(figure) - 2)
            segments += [
                Segment(f"{GLYPHS[name]} ", self.look.section(name)),
                Segment(label, self.look.style("muted")),
                Segment(" " * gap),
                Segment(f"{figure}  ", self.look.style("foreground")),
            ]
        return Strip(segments).adjust_cell_length(width)

    def _tokens(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for section in self.view.context.sections if self.view.context else ():
            name = section["name"].partition(".")[0]
            found[name] = found.get(name, 0) + section["tokens"]
        return found

    def _costs(self, width: int) -> Strip:
        figures, tokens = self.view.figures, self._tokens()
        parts = [f"{GLYPHS['overhead']} other {sum(tokens.get(name, 0) for name in OTHER):,}"]
        if figures.prompt_tokens:
            parts.append(f"cached {100 * figures.cached // figures.prompt_tokens} %")
        if figures.total_cost_usd:
            parts.append(f"${figures.total_cost_usd:.4f}")
        text = "   ".join(parts)
        bars = sparkline(figures.course, width - len(text) - 3)
        return Strip(
            [Segment(f"{text}   ", self.look.style("muted")), Segment(bars, self.look.style("accent"))]
        ).adjust_cell_length(width)

    def _moved(self) -> str:
        """The cell under the cursor while the map has the focus, else what paging did last."""
        if self.has_focus and self.cursor < len(self._squares):
            square = self._squares[self.cursor]
            return _described(square.piece) if square.piece else _LINES.get(square.kind, "free")
        return self.view.paging

    def _line(self, text: str, style: Style, width: int) -> Strip:
        from rich.text import Text

        kept = Text(text)
        kept.truncate(width, overflow="ellipsis")
        return Strip([Segment(kept.plain, style)]).adjust_cell_length(width)

    # --- the cursor -------------------------------------------------------------------------------------------

    def action_walk(self, step: int) -> None:
        self.cursor = max(0, min(len(self._squares) - 1, self.cursor + step))
        self.refresh()

    def action_walk_row(self, step: int) -> None:
        self.action_walk(step * self.content_size.width)

    def action_open(self) -> None:
        if self.cursor < len(self._squares) and (piece := self._squares[self.cursor].piece):
            self.post_message(self.Opened(piece.step))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


_LINES = {"warn": "the pressure line", "flush": "the eviction line"}


def _described(piece: Piece) -> str:
    if piece.number:
        return f"{piece.role} · {piece.tokens:,.0f} tokens · step {piece.step} · Enter opens"
    return f"{piece.section.replace('_', ' ')} · {piece.tokens:,.0f} tokens"
