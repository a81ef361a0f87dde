"""A text to read in a pane: scrolls by keys, nothing in it interpreted."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.keymap import bindings_of


class Reader(VerticalScroll, can_focus=True):
    """Scrolls with the arrows, `j`, `k`, `g` and `G`."""

    DEFAULT_CSS = """
    Reader { height: 1fr; scrollbar-size-vertical: 1; padding: 0 1; }
    Reader > Static { height: auto; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("reader")

    def compose(self) -> ComposeResult:
        yield Static(markup=False)

    def show(self, text: Content, line: int = 0) -> None:
        """Shows a text from that line on (counted before wrapping)."""
        self.query_one(Static).update(text)
        self.text = text
        self.call_after_refresh(self.scroll_to, y=max(0, line - 3), animate=False)

    text: Content = Content("")
