"""Find one of many texts by any of its words: the history, and whatever else is a long list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.screens.dialogs import CSS, foot
from tui.text import inert

MOST = 100  # rows that are shown
WIDTH = 200  # characters of a row


class Find(ModalScreen[str]):
    """What is typed narrows the list: every word of it has to be there, else its letters in order. Enter takes, Esc is
    nothing."""

    section = "list"  # of the table of keys
    DEFAULT_CSS = CSS.replace("Dialog", "Find") + "\nFind Input { dock: top; }"  # the list has the rest of the box
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "dismiss('')", "close", priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down,ctrl+r", "move(1)", show=False, priority=True),  # Ctrl+R again: the one before, as in a shell
        Binding("pageup", "move(-8)", show=False, priority=True),
        Binding("pagedown", "move(8)", show=False, priority=True),
    ]

    def __init__(self, title: str, texts: Sequence[str]) -> None:
        super().__init__()
        self._title, self._texts = title, texts
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(inert(self._title))
            yield Input(placeholder="words of it")
            yield OptionList()

    def on_mount(self) -> None:
        self._show("")
        self.query_one(Input).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(
            foot, self.query_one("#box"), "Enter takes", "↑↓ choose", "Esc closes", "type to narrow"
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, typed: str) -> None:
        rows = self.query_one(OptionList)
        rows.can_focus = False
        self._found = narrowed(self._texts, typed)[:MOST]
        rows.clear_options()
        rows.add_options(Option(Content(inert(" ".join(text[:WIDTH].split())))) for text in self._found)
        rows.highlighted = 0 if self._found else None
        if not self._found:
            rows.add_option(Option(Content("nothing found"), disabled=True))

    def action_move(self, step: int) -> None:
        rows = self.query_one(OptionList)
        if rows.highlighted is not None:
            rows.highlighted = max(0, min(len(self._found) - 1, rows.highlighted + step))

    def on_input_submitted(self) -> None:
        place = self.query_one(OptionList).highlighted
        self.dismiss(self._found[place] if place is not None else "")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])


def narrowed(texts: Sequence[str], typed: str) -> list[str]:
    """The texts that hold every word of what is typed, in their order; then those that have its letters in order."""
    words = typed.casefold().split()
    if not words:
        return list(texts)
    whole = [text for text in texts if all(word in text.casefold() for word in words)]
    rest = [text for text in texts if text not in whole and _in_order("".join(words), text.casefold())]
    return whole + rest


def _in_order(letters: str, text: str) -> bool:
    place = iter(text)
    return all(letter in place for letter in letters)
