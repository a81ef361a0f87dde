"""One line-API widget for a transcript of any length: entries become strips when they are first seen."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.keymap import bindings_of
from tui.theme import Look
from tui.view import Entry
from tui.widgets.entries import Drawn
from tui.widgets.painting import Painter

KEPT = 200  # entries whose strips are kept
NEAR = 3  # screens from an edge at which the next page is wanted
FOLLOW_STEP = 4  # rows by which the view follows a growing end: each scroll repaints the pane


class Transcript(ScrollView, can_focus=True):
    """Chat, inner monologue and core memory alike. Follows its end unless the reader has scrolled up; then nothing
    moves under the reader."""

    DEFAULT_CSS = """
    Transcript { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("reader")

    class TopReached(Message):
        """The reader nears the first entry that is loaded."""

        def __init__(self, transcript: Transcript) -> None:
            super().__init__()
            self.transcript = transcript

    class EndReached(Message):
        """The reader nears the last entry that is loaded, which is not the present."""

        def __init__(self, transcript: Transcript) -> None:
            super().__init__()
            self.transcript = transcript

    class Scrolled(Message):
        """The reader has moved."""

    def __init__(self, look: Look, *, id: str, follows: bool = True) -> None:
        super().__init__(id=id)
        self.look = look
        self.follow_step = FOLLOW_STEP
        self._entries: Sequence[Entry] = ()
        self._heights: list[int] = []
        self._tops: list[int] = [0]
        self._drawn: OrderedDict[Entry, Drawn] = OrderedDict()
        self._follows = follows
        self._at_end = follows
        self.joined = True
        self._moving = False

    # --- what is shown ----------------------------------------------------------------------------------------

    def show(self, entries: Sequence[Entry]) -> None:
        """Draws these entries; those that were shown before and did not change cost nothing."""
        known = 0
        for old, new in zip(self._entries, entries, strict=False):
            if old is not new:
                break
            known += 1
        del self._heights[known:]
        self._entries = list(entries)
        self._heights += [self._estimate(entry) for entry in self._entries[known:]]
        self._update(first_new=known)

    def reshow(self, entries: Sequence[Entry], joined: bool = True, step: int = 0, row: int = 0) -> None:
        """Draws entries some of which came or went before or behind others; what is being read stays where it is, or the
        first entry from a step on comes to the top, and so many rows of it above. `joined`: the last one is the present,
        which may be followed."""
        old = dict(zip(self._entries, self._heights, strict=True))
        place, top = self._at(self.scroll_offset.y) if self._entries else 0, self.scroll_offset.y
        read = next((entry for entry in self._entries[place:] if entry.step), None)
        offset = top - self._tops[self._entries.index(read)] if read is not None else 0
        self.joined = joined
        self._at_end = self._at_end and joined
        self._entries = list(entries)
        self._heights = [old.get(entry) or self._estimate(entry) for entry in self._entries]
        if step:  # at once: what would be in view before it was gone to is not drawn
            read, offset = next((entry for entry in self._entries if entry.step >= step), None), row
            self._at_end = self._at_end and read is None
        self._sum()
        self._resize_content()
        if self._at_end:
            self._move_to(self._end())
        elif read in self._entries:
            self._move_to(self._tops[self._entries.index(read)] + offset)
        self._settle()
        self.refresh()

    @property
    def read_place(self) -> tuple[int, int]:
        """The step at the upper edge and the rows of it that are above; nothing where the end is followed."""
        if self._at_end or not self._entries:
            return 0, 0
        first = self._at(self.scroll_offset.y)
        found = next((n for n in range(first, len(self._entries)) if self._entries[n].step), None)
        return (self._entries[found].step, self.scroll_offset.y - self._tops[found]) if found is not None else (0, 0)

    def restyle(self, look: Look) -> None:
        self.look = look
        self._drawn.clear()
        self._update(first_new=0)

    @property
    def entries(self) -> Sequence[Entry]:
        return self._entries

    @property
    def at_end(self) -> bool:
        return self._at_end

    def to_end(self) -> None:
        """Goes to the end and follows it again."""
        self._at_end = True
        self._update(first_new=len(self._entries))

    # --- heights and places -----------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return max(8, self.scrollable_content_region.width)

    def _estimate(self, entry: Entry) -> int:
        drawn = self._drawn.get(entry)
        if drawn and drawn.strips:
            return len(drawn.strips)
        around = 3 if entry.kind in ("user", "assistant") else 2  # who and when above, nothing below
        return around + entry.text.count("\n") + len(entry.text) // self._width

    def _sum(self) -> None:
        self._tops = [0, *accumulate(self._heights)]

    def _measure(self, index: int) -> tuple[int, int]:
        """Renders an entry; by how much its height differs from what was thought, and its first changed row."""
        entry = self._entries[index]
        drawn = self._drawn.get(entry)
        if drawn is None or drawn.painter.width != self._width or drawn.painter.look != self.look:
            drawn = self._drawn[entry] = Drawn(Painter(self.look, self._width))
        self._drawn.move_to_end(entry)
        first = drawn.update(entry)
        while len(self._drawn) > KEPT:
            self._drawn.popitem(last=False)
        difference = len(drawn.strips) - self._heights[index]
        if difference:
            self._heights[index] += difference
        return difference, first

    def _at(self, row: int) -> int:
        """The entry that covers a row."""
        return max(0, min(len(self._heights) - 1, bisect_right(self._tops, row) - 1))

    def _update(self, first_new: int) -> None:
        """Brings places and rows up to date after entries changed; repaints only the rows that did."""
        if not self.is_mounted or not self.size.height:
            return
        self._sum()
        changed_row = self._tops[min(first_new, len(self._tops) - 1)]
        for index in range(len(self._entries)):
            drawn = self._drawn.get(self._entries[index])
            if drawn and (drawn.stale(self._entries[index])):
                _, first = self._measure(index)
                changed_row = min(changed_row, self._tops[index] + first)
        self._sum()
        before = (self.scroll_offset.y, self.virtual_size.height)
        self._at_end = self._at_end and self.joined
        if self._at_end and self._follows:
            self._measure_end()
        self._resize_content()
        if self._at_end and self._follows:
            self._move_to(self._end())
        self._settle()
        if (self.scroll_offset.y, self.virtual_size.height) != before:
            self.refresh()
        else:
            top = max(0, changed_row - self.scroll_offset.y)
            height = self.scrollable_content_region.height - top
            if height > 0:
                self.refresh(Region(0, top, self.size.width, height))

    def _measure_end(self) -> None:
        """True heights of the last screenful, from the last entry up."""
        rows = self.scrollable_content_region.height + self.follow_step
        for index in range(len(self._entries) - 1, -1, -1):
            self._measure(index)
            rows -= self._heights[index]
            if rows <= 0:
                break
        self._sum()

    def _end(self) -> int:
        """The offset of the end; while an answer grows, a few rows ahead of it."""
        hidden = self._tops[-1] - self.scrollable_content_region.height
        if hidden <= 0:
            return 0
        step = self.follow_step if self._entries and self._entries[-1].open else 1
        return -(-hidden // step) * step

    def _resize_content(self) -> None:
        rows = self._tops[-1]
        if self._at_end and self._follows:
            rows = max(rows, self._end() + self.scrollable_content_region.height if self._end() else rows)
        size = Size(self._width, rows)
        if size != self.virtual_size:
            self.virtual_size = size

    def _move_to(self, row: int) -> None:
        self._moving = True
        self.scroll_to(y=max(0, row), animate=False, force=True)
        self._moving = False

    def _settle(self, read_from: int = 0) -> None:
        """Renders what is in view, so that its height is true; what begins above the view shifts with its own growth, and
        whoever turned a page up from a row with all that grew above that: nothing between the two pages is missed."""
        for _ in range(6):
            if not self._entries:
                return
            top = self.scroll_offset.y
            rows = self.scrollable_content_region.height
            shift, changed = 0, False
            for index in range(self._at(top), self._at(top + rows) + 1):
                difference, _ = self._measure(index)
                changed = changed or bool(difference)
                if self._tops[index] < max(top, read_from):
                    shift += difference
            if not changed:
                return
            self._sum()
            self._resize_content()
            if shift and not self._at_end:
                self._move_to(top + shift)
                read_from += shift if read_from else 0

    # --- Textual ----------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._heights = [self._estimate(entry) for entry in self._entries]
        self._update(first_new=0)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if not self._moving and round(old_value) != round(new_value):
            self._at_end = self._follows and self.joined and round(new_value) >= self.max_scroll_y
            turned = 0 < old_value - new_value <= self.scrollable_content_region.height
            self._settle(round(old_value) if turned else 0)
            near = NEAR * self.size.height
            if new_value < near and old_value > new_value:
                self.post_message(self.TopReached(self))
            elif new_value > self.max_scroll_y - near and old_value < new_value and not self.joined:
                self.post_message(self.EndReached(self))
            self.post_message(self.Scrolled())
        super().watch_scroll_y(old_value, new_value)

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        width = self._width
        strip = self._row(row)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(row)) is not None:
            strip = _selected(strip, span, self.screen.get_visual_style("screen--selection").rich_style)
        return strip.adjust_cell_length(width).apply_style(self.look.ground).apply_offsets(0, row)

    def _row(self, row: int) -> Strip:
        if not self._entries or row >= self._tops[-1]:
            return Strip([])
        index = self._at(row)
        drawn = self._drawn.get(self._entries[index])
        if drawn is None:
            self._measure(index)
            drawn = self._drawn[self._entries[index]]
        place = row - self._tops[index]
        return drawn.strips[place] if place < len(drawn.strips) else Strip([])

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        text = "\n".join(self._row(row).text.rstrip() for row in range(self._tops[-1]))
        return selection.extract(text), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()


def _selected(strip: Strip, span: tuple[int, int], style: Style) -> Strip:
    """A strip with a part of it in the style of a selection."""
    start, end = span
    end = strip.cell_length if end == -1 else min(end, strip.cell_length)
    return Strip.join([strip.crop(0, start), strip.crop(start, end).apply_style(style), strip.crop(end)])
