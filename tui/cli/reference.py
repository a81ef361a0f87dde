"""Writes docs/commands.md from the tables that the program itself reads: commands, slash commands, keys, settings."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from memgpt.commands import COMMANDS
from memgpt.config import KEYS
from memgpt.keyboard import ACTIONS, PLACES
from tui.cli.main import Parser, parser

HEAD = """# Commands, keys and settings

Written by `make docs` from the tables that the program reads. `memgpt COMMAND --help` says the same.
"""

KEYS_HEAD = """Every key that the app claims; beside these the prompt has the usual ones of a text field (arrows, Home, End,
Ctrl+A, Ctrl+E, Ctrl+W, Ctrl+U, Ctrl+K, Ctrl+Y). Each can be rebound under `[keys]` in config.toml, several with a comma
between; what clashes is named when the app starts. Keys that terminals, tmux or screen cannot tell from others
(Ctrl+I, Ctrl+M, Ctrl+H, Alt+Enter, Shift+Enter) are never the only ones."""


def reference() -> str:
    """The whole page."""
    parts = [HEAD, "## On the command line", *_commands()]
    parts += ["## At the prompt", _table(("command", "does"), [(f"`{each.usage}`", each.help) for each in COMMANDS])]
    parts += ["## Keys", KEYS_HEAD]
    for place, title in PLACES.items():
        keys = [(f"`{act.keys}`", act.help, f"`keys.{act.name}`") for act in ACTIONS if act.where == place]
        parts += [f"### {title}", _table(("key", "does", "rebound by"), keys)]
    settings = [(f"`{key.name}`", _default(key.default), key.help, "agent" if key.agent else "home") for key in KEYS]
    parts += ["## Settings", _table(("key", "default", "what it is", "whose"), settings)]
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[str]:
    for name, command in _subcommands(parser()):
        rows = [
            (f"`{_shown(action)}`", _help(action))
            for action in command._actions
            if action.dest not in ("help", "debug")
        ]
        yield f"### memgpt {name}\n\n{command.description}"
        if rows:
            yield _table(("argument", "is"), rows)


def _subcommands(root: Parser) -> list[tuple[str, Parser]]:
    (chosen,) = (action for action in root._actions if isinstance(action, argparse._SubParsersAction))
    return list(chosen.choices.items())


def _shown(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    if not action.option_strings:
        return name
    takes = f" {name}" if action.nargs != 0 and not action.choices else ""
    return f"{', '.join(action.option_strings)}{takes}"


def _help(action: argparse.Action) -> str:
    choices = f"{' or '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else ""
    needed = "needed" if action.required and action.option_strings else ""
    return "; ".join(part for part in (action.help or "", choices, needed) if part)


def _default(value: object) -> str:
    return f"`{value}`" if value not in ("", 0, 0.0) else "–"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
