"""A bordered pane: its title at the left of the border, its figure at the right."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message

from tui.text import inert

CORNERS = 6  # cells of a border line that are no title: corners, and a cell beside each end


class Pane(Vertical):
    """Holds one widget or two; the accent is in its border while one of them has the focus."""

    DEFAULT_CSS = """
    Pane {
        border: round $line; border-title-color: $foreground; border-subtitle-color: $muted;
        border-title-style: none; border-subtitle-align: left; height: 1fr;
    }
    Pane:focus-within { border: round $accent; }
    """

    class Resized(Message):
        """It has another size, and with it perhaps another border."""

    def __init__(self, *children: object, title: str, id: str) -> None:
        super().__init__(*children, id=id)  # type: ignore[arg-type]
        self.title = title
        self._figure = ""
        self._style = "$muted"

    def set_figure(self, figure: str, style: str = "$muted") -> None:
        """The text at the right end of the upper border."""
        if (figure, style) != (self._figure, self._style):
            self._figure, self._style = inert(figure), style
            self._draw_title()

    def on_resize(self, event: Resize) -> None:
        self._draw_title()
        self.post_message(self.Resized())

    def _draw_title(self) -> None:
        """Where there is no room for both, the title gives way."""
        title, figure = Content(self.title), Content.styled(self._figure, self._style)
        room = max(0, self.outer_size.width - CORNERS)
        fill = room - title.cell_length - figure.cell_length
        if not self._figure or not room:
            self.border_title = Content(self.title)
        elif fill >= 3:
            self.border_title = title + Content.styled(f" {'─' * (fill - 2)} ", "$line") + figure
        elif (left := room - figure.cell_length - 1) > 3:
            self.border_title = title.truncate(left, ellipsis=True) + Content(" ") + figure
        else:
            self.border_title = figure.truncate(room, ellipsis=True)
