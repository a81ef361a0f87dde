"""The calls of a conversation along a line: how full the window was at each, and what happened before it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.context.inspecting import Call
from tui.context.mapping import sparkline
from tui.theme import Look


class TimeLine(Widget):
    """Bars above, marks below, the cursor on one call in both."""

    DEFAULT_CSS = "TimeLine { height: 2; padding: 0 1; }"

    class Moved(Message):
        """A call was clicked."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.look = look
        self.calls: Sequence[Call] = ()
        self.place = 0

    def show(self, calls: Sequence[Call], place: int) -> None:
        self.calls, self.place = calls, place
        self.refresh()

    @property
    def _first(self) -> int:
        """The first call in view: the cursor is kept in the middle where there are more than fit."""
        width = self.content_size.width
        return max(0, min(self.place - width // 2, len(self.calls) - width))

    def render_line(self, y: int) -> Strip:
        width, first = self.content_size.width, self._first
        calls = self.calls[first : first + width]
        if y == 0:
            text = "".join(sparkline([call.total], 1, call.window) for call in calls)
            style = self.look.style("accent")
        else:
            text, style = "".join(call.glyph for call in calls), self.look.style("warning")
        segments = [
            Segment(glyph, style + Style(reverse=True, bold=True) if first + place == self.place else style)
            for place, glyph in enumerate(text)
        ]
        return Strip(segments).simplify().adjust_cell_length(width).apply_style(self.look.ground)

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self._first + offset.x < len(self.calls):
            self.post_message(self.Moved(self._first + offset.x))
