"""A transcript with a cursor on its entries: inner monologue, whose entries fold, and core memory, whose blocks open."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType
from textual.events import Click
from textual.strip import Strip

from tui.keymap import bindings_of
from tui.view import Entry
from tui.widgets.transcript import Transcript

FOLDS = ("thought", "call", "note")


class Walked(Transcript):
    """With the focus, one entry is marked at its first line, and the arrows walk from one to the next."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("walked")
    place = -1

    @property
    def marked(self) -> Entry | None:
        """The entry under the cursor; the last one (the first where the end is not followed) before any was chosen."""
        if not self._entries:
            return None
        place = self.place if self.place >= 0 else len(self._entries) - 1 if self._follows else 0
        return self._entries[min(place, len(self._entries) - 1)]

    def action_walk(self, step: int) -> None:
        if (marked := self.marked) is not None:
            self.go(self._entries.index(marked) + step)

    def go(self, place: int) -> None:
        """Puts the cursor there, and brings the entry into view."""
        self.place = max(0, min(len(self._entries) - 1, place))
        top, bottom = self._tops[self.place], self._tops[self.place + 1]
        height, offset = self.scrollable_content_region.height, self.scroll_offset.y
        if top < offset or bottom - top >= height:
            self.scroll_to(y=top, animate=False, force=True)
        elif bottom > offset + height:
            self.scroll_to(y=bottom - height, animate=False, force=True)
        self.refresh()

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self._entries and offset.y + self.scroll_offset.y < self._tops[-1]:
            self.place = self._at(offset.y + self.scroll_offset.y)
            self.chosen(self._entries[self.place])
            self.refresh()

    def chosen(self, entry: Entry) -> None:
        """Enter, or a click, on an entry."""

    def _row(self, row: int) -> Strip:
        strip = super()._row(row)
        if not self.has_focus or not self._entries or row >= self._tops[-1]:
            return strip
        place = self._at(row)
        if self._entries[place] is self.marked and row == self._tops[place]:
            return strip.adjust_cell_length(self._width).apply_style(Style(reverse=True))
        return strip

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()


class Monologue(Walked):
    """Thoughts, calls and returns. Enter or Space folds the marked one and unfolds it; `z` folds or unfolds all."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("monologue")

    def action_fold(self) -> None:
        if self.marked is not None:
            self.chosen(self.marked)

    def chosen(self, entry: Entry) -> None:
        if entry.kind in FOLDS:
            entry.change(folded=not is_folded(entry))
            self._redraw(entry)

    def action_fold_all(self) -> None:
        known = [entry for entry in self._entries if entry.kind in FOLDS]
        fold = any(not is_folded(entry) for entry in known)
        for entry in known:
            entry.change(folded=fold)
        self._at_end = False
        self.restyle(self.look)
        if known and self.marked is not None:
            self.go(self._entries.index(self.marked))

    def _redraw(self, entry: Entry) -> None:
        """What is under the cursor stays where it is."""
        self._at_end = False
        self._update(first_new=len(self._entries))
        self.go(self._entries.index(entry))


def is_folded(entry: Entry) -> bool:
    """Calls are folded at first, unless they failed; what was thought is not."""
    if entry.folded is not None:
        return entry.folded
    return entry.kind == "call" and entry.status != "Failed"
