"""The slash palette above the prompt."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from memgpt.commands import Command, may_be_command
from tui.palette import matching

ROWS = 8
COLUMN = 24  # cells for a command and its arguments


class SlashMenu(OptionList, can_focus=False):
    """Opens by itself when the prompt begins with a slash; the prompt keeps the focus and hands its keys on."""

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
        self._found: list[Command] = []

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    def follow(self, text: str) -> None:
        """Shows what the prompt's text may become; closed once an argument is being written or nothing matches."""
        found = matching(text) if may_be_command(text) else []
        if found != self._found:
            self._found = found
            self.clear_options()
            self.add_options(Option(_line(command), id=command.name) for command in found)
        if found:
            self.highlighted = 0
        self.set_class(bool(found), "-open")

    def close(self) -> None:
        self._found = []
        self.remove_class("-open")

    def move(self, step: int) -> None:
        if self.highlighted is not None and self._found:
            self.highlighted = (self.highlighted + step) % len(self._found)

    @property
    def marked(self) -> Command | None:
        return self._found[self.highlighted] if self._found and self.highlighted is not None else None


def _line(command: Command) -> Content:
    usage = command.usage.ljust(COLUMN)
    return Content.assemble(
        (usage[: len(command.name) + 1], "$accent"), usage[len(command.name) + 1 :], (command.help, "$muted")
    )
