"""F1: every key and every command, from their tables."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from memgpt.commands import COMMANDS
from tui.keymap import ACTIONS, shown_keys
from tui.screens.dialogs import Read

COLUMN = 24


def help_screen(settings: Mapping[str, object]) -> Read:
    keys = [(shown_keys(action.name, settings), action.help) for action in ACTIONS]
    commands = [(command.usage, command.help) for command in COMMANDS]
    text = Content("\n").join(
        [
            Content.styled("Keys", "bold"),
            *map(_row, keys),
            Content(""),
            Content.styled("Commands", "bold"),
            *map(_row, commands),
        ]
    )
    return Read("Help", text)


def _row(pair: tuple[str, str]) -> Content:
    left, right = pair
    return Content.assemble((left.ljust(COLUMN), "$accent"), " ", (right, "$foreground"))
