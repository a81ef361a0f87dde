"""The chat: a transcript with a cursor on its messages."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from tui.keymap import bindings_of
from tui.view import Entry
from tui.widgets.transcript import Transcript

STOPS = ("user", "assistant", "queued", "error", "note")  # kinds of entries that the cursor stops at


class Messages(Transcript):
    """With the focus, one message is marked; keys walk from one to the next and do something with the marked one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("chat")

    class Chosen(Message):
        """A key for the marked message: `what` is one of the methods of `tui/actions/message_actions.py`."""

        def __init__(self, what: str, entry: Entry) -> None:
            super().__init__()
            self.what, self.entry = what, entry

    class Walked(Message):
        """Another message is marked."""

    marked: Entry | None = None
    sought = ""

    def on_focus(self, event: events.Focus) -> None:
        """The last message in view is marked."""
        if self.marked not in self._entries:
            self.marked = None
        if self.marked is None or not self._in_view(self.marked):
            seen = [entry for entry in self.stops if self._in_view(entry)]
            self.marked = seen[-1] if seen else next(reversed(self.stops), None)
        self.refresh()

    def on_blur(self, event: events.Blur) -> None:
        self.refresh()

    @property
    def stops(self) -> list[Entry]:
        return [entry for entry in self._entries if entry.kind in STOPS]

    def seen(self) -> list[Entry]:
        """The messages that are in view."""
        return [entry for entry in self.stops if self._in_view(entry)]

    def row_of(self, entry: Entry) -> int:
        """The row of the pane at which an entry begins; negative above it."""
        return self._tops[self._entries.index(entry)] - self.scroll_offset.y

    def _in_view(self, entry: Entry) -> bool:
        if entry not in self._entries:
            return False
        row = self.row_of(entry)
        height = self._heights[self._entries.index(entry)]
        return row + height > 0 and row < self.scrollable_content_region.height

    # --- the cursor -------------------------------------------------------------------------------------------

    def mark(self, entry: Entry) -> None:
        """Moves the cursor, and the view where it has to."""
        self.marked = entry
        place = self._entries.index(entry)
        top, height, rows = self._tops[place], self._heights[place], self.scrollable_content_region.height
        offset = self.scroll_offset.y
        if top < offset or height >= rows:
            self.scroll_to(y=top, animate=False, force=True)
        elif top + height > offset + rows:
            self.scroll_to(y=top + height - rows, animate=False, force=True)
        self.refresh()
        self.post_message(self.Walked())

    def action_walk(self, step: int) -> None:
        stops = self.stops
        if not stops:
            return
        place = stops.index(self.marked) + step if self.marked in stops else len(stops) - 1
        if place < 0:
            self.scroll_to(y=0, animate=False, force=True)
            self.post_message(self.TopReached(self))
        elif place < len(stops):
            self.mark(stops[place])
        else:
            self.to_end()

    def action_walk_to(self, place: int) -> None:
        if stops := self.stops:
            self.mark(stops[place])
            if place == 0:
                self.post_message(self.TopReached(self))
            else:
                self.to_end()

    def action_message(self, what: str) -> None:
        if self.marked is not None and self.marked in self._entries:
            self.post_message(self.Chosen(what, self.marked))

    def seek(self, words: str) -> bool:
        """Goes to the nearest earlier message with these words; False where there is none."""
        self.sought = words.casefold()
        return self._seek(-1, with_marked=True)

    def action_find(self, step: int) -> None:
        """`n` goes on as the search went, to what is earlier; `N` comes back."""
        if self.sought:
            self._seek(-step, with_marked=False)

    def _seek(self, step: int, with_marked: bool) -> bool:
        stops = self.stops
        start = stops.index(self.marked) if self.marked in stops else len(stops) - 1
        order = [stops[(start + step * n) % len(stops)] for n in range(0 if with_marked else 1, len(stops) + 1)]
        found = next((entry for entry in order if self.sought in entry.text.casefold()), None)
        if found is not None:
            self.mark(found)
        return found is not None

    # --- drawing ----------------------------------------------------------------------------------------------

    def _row(self, row: int) -> Strip:
        strip = super()._row(row)
        if not self.has_focus or self.marked is None or not self._entries or row >= self._tops[-1]:
            return strip
        place = self._at(row)
        if self._entries[place] is not self.marked:
            return strip
        if row == self._tops[place]:  # told without colour too
            return strip.adjust_cell_length(self._width).apply_style(Style(reverse=True))
        panel = self.look.colors["panel"]
        if self.look.ansi or row == self._tops[place + 1] - 1:
            return strip
        return strip.adjust_cell_length(self._width).apply_style(Style(bgcolor=panel))
