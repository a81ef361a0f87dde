"""F1: every key and every command, from their tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from textwrap import wrap

from textual.content import Content

from memgpt.commands import COMMANDS
from memgpt.keyboard import ACTIONS, PLACES
from tui.keymap import first_key, shown_keys
from tui.screens.dialogs import Read

COLUMN, NARROW_COLUMN = 24, 13  # of the left column
ROOMY = 72  # columns from which the left one is wide


def help_screen(settings: Mapping[str, object], place: str = "") -> Read:
    """Commands, then keys by the place where they work; over a screen of its own, its keys before all that."""
    keys = _keys(settings)
    first = {PLACES[place]: keys.pop(PLACES[place])} if place else {}
    commands = [(command.usage, command.help) for command in COMMANDS]
    sections = {**first, "Commands": commands, **keys}
    find = f"{first_key('palette', settings)} finds by words"
    title = "Help: keys here, commands, all keys" if place else "Help: commands, then keys"
    return Read(title, partial(_laid, sections), hints=(find,))


def keys_screen(settings: Mapping[str, object]) -> Read:
    """Keys alone, each with the name that rebinds it."""
    return Read("Keys; `memgpt configure --set keys.NAME=KEY` rebinds", partial(_laid, _keys(settings, names=True)))


def _keys(settings: Mapping[str, object], names: bool = False) -> dict[str, list[tuple[str, str]]]:
    return {
        title: [
            (shown_keys(action.name, settings), f"{action.name}: {action.help}" if names else action.help)
            for action in ACTIONS
            if action.where == place
        ]
        for place, title in PLACES.items()
    }


def _laid(sections: Mapping[str, list[tuple[str, str]]], width: int) -> Content:
    """The sections for a width: two columns, the right one with its own left edge; what is too long for the left one
    has a line to itself."""
    column = COLUMN if width >= ROOMY else NARROW_COLUMN
    lines: list[Content] = []
    for title, rows in sections.items():
        lines += [*([Content("")] if lines else []), Content.styled(title, "bold")]
        for left, right in rows:
            lines += _row(left, right, column, max(16, width - column - 1))
    return Content("\n").join(lines)


def _row(left: str, right: str, column: int, room: int) -> list[Content]:
    pad = " " * (column + 1)
    first, *rest = wrap(right, room) or [""]
    if len(left) > column:
        return [
            *(Content.styled(part, "$accent") for part in wrap(left, room + column)),
            *map(Content, [pad + first, *(pad + part for part in rest)]),
        ]
    head = Content.assemble((left.ljust(column), "$accent"), " ", (first, "$foreground"))
    return [head, *(Content(pad + part) for part in rest)]
