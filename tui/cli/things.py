"""`memgpt add` and `memgpt delete`."""

from __future__ import annotations

import argparse
from pathlib import Path

from memgpt.home import UserError, checked_name, find_home, fold, texts, write_private
from tui.cli.asking import ask, confirmed


def run(options: argparse.Namespace) -> int:
    return _add(options) if options.command == "add" else _delete(options)


def _add(options: argparse.Namespace) -> int:
    home, name = find_home(), checked_name(options.name)
    home.create()
    text = options.text
    if options.file:
        try:
            text = Path(options.file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{options.file} cannot be read: {error}.", "Give a text file in UTF-8.") from None
    if not text.strip():
        raise UserError("The text is empty.", "Give some with --text or --file.", status=2)
    folder = home.path / f"{options.kind}s"
    for old in folder.glob("*.txt") if folder.is_dir() else ():
        if fold(old.stem) == fold(name):
            name = old.stem
    write_private(folder / f"{name}.txt", text.strip() + "\n")
    folder.chmod(0o700)
    return 0


def _delete(options: argparse.Namespace) -> int:
    if options.kind in ("persona", "human"):
        return _delete_text(options)
    if not options.yes:  # what is not there need not be asked about; listing may take a while
        names = {fold(row["name"]) for row in ask(f"{options.kind}s")}
        if fold(options.name) not in names:
            hint = f"`memgpt list {options.kind}s` shows them."
            raise UserError(f"There is no {options.kind} {options.name!r}.", hint)
    if not confirmed(f"Delete {options.kind} {options.name!r} and everything in it?", options.yes):
        return 1
    ask(f"delete_{options.kind}", name=options.name)
    return 0


def _delete_text(options: argparse.Namespace) -> int:
    home, kind = find_home(), f"{options.kind}s"
    for name, path in texts(home, kind).items():
        if fold(name) == fold(options.name):
            if path.parent != home.path / kind:
                raise UserError(
                    f"{name} comes with the program and cannot be deleted.", "One of yours of that name shadows it."
                )
            if not confirmed(f"Delete {options.kind} {name!r}?", options.yes):
                return 1
            path.unlink()
            return 0
    raise UserError(f"There is no {options.kind} {options.name!r}.", f"`memgpt list {kind}` shows them.")
