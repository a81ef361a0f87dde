"""The palette above the prompt: commands after a slash, their arguments, files after an `@`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.text import inert

if TYPE_CHECKING:
    from tui.prompting.completion import Choice

COLUMN = 24  # cells for a command and its arguments


class SlashMenu(OptionList, can_focus=False):
    """Opens by itself when there is something to complete; the prompt keeps the focus and hands its keys on."""

    DEFAULT_CSS = """
    SlashMenu {
        display: none; height: auto; max-height: 8; border: none; border-top: solid $line; padding: 0 1;
        text-wrap: nowrap; text-overflow: ellipsis;
        background: transparent; scrollbar-size-vertical: 1;
        & > .option-list--option-highlighted { background: $panel; text-style: bold; }
    }
    SlashMenu:ansi > .option-list--option-highlighted { text-style: reverse; }
    SlashMenu.-open { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(id="slash-menu")
        self._found: list[Choice] = []

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def follow(self, found: Sequence[Choice], mark: bool) -> None:
        """Shows what the prompt's text may become; closed where there is nothing.

        With `mark` the first is marked until another is gone to. Where anything else may be meant as well, Enter takes
        only what was gone to.
        """
        if list(found) != self._found:
            self._found = list(found)
            self.clear_options()
            self.add_options(Option(_line(choice)) for choice in found)
            self.highlighted = None
        if found and mark and self.highlighted is None:
            self.highlighted = 0
        self.set_class(bool(found), "-open")

    def close(self) -> None:
        self._found = []
        self.remove_class("-open")

    def move(self, step: int) -> None:
        if self._found:
            place = self.highlighted if self.highlighted is not None else (-1 if step > 0 else 0)
            self.highlighted = (place + step) % len(self._found)

    @property
    def first(self) -> Choice | None:
        """What Tab takes: what is marked, else the first."""
        return self.marked or next(iter(self._found), None)

    @property
    def marked(self) -> Choice | None:
        return self._found[self.highlighted] if self._found and self.highlighted is not None else None


def _line(choice: Choice) -> Content:
    shown, gap = inert(choice.shown), " "
    if choice.shown.startswith("/") and choice.text.startswith(f"/{choice.name}"):
        shown = f"{shown} ".ljust(COLUMN)
        length = len(choice.name) + 1
        return Content.assemble((shown[:length], "$accent"), shown[length:], (choice.note, "$muted"))
    return Content.assemble((shown.ljust(COLUMN), "$accent"), gap, (inert(choice.note), "$muted"))
