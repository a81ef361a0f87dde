"""What the text before the cursor may become: commands, their arguments, and paths after an `@`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memgpt import commands
from memgpt.home import texts
from memgpt.keyboard import ACTIONS
from tui.keymap import shown_keys
from tui.palette import matching

if TYPE_CHECKING:
    from tui.app import MemGPTApp

MOST = 200  # rows of a list
BEGUN = re.compile(r'(?<!\S)@(?:"(?P<quoted>[^"\n]*)|(?P<bare>(?!")\S*))$')
"""A file that is being named, up to the cursor."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on. `text` is the whole prompt when it is taken, the cursor at `cursor`; `runs` says that Enter may
    send it at once."""

    name: str
    shown: str
    note: str
    text: str
    cursor: int
    runs: bool = False


def choices(app: MemGPTApp, text: str, cursor: int) -> list[Choice]:
    """The ways to go on from a text with the cursor at that offset, best first; none where nothing is to be completed."""
    if commands.may_be_command(text):
        return [_command(command) for command in matching(text)]
    if text.startswith("/") and "\n" not in text and cursor == len(text):
        return _arguments(app, text)
    return _mentions(text, cursor)


def _mentions(text: str, cursor: int) -> list[Choice]:
    """The files that an `@` before the cursor may mean. What has a gap is put in quotes, or a message would name a part of
    it; in a folder the cursor stays before the closing one."""
    begun = BEGUN.search(text[:cursor])
    if begun is None:
        return []
    quoted = begun["quoted"] is not None
    before, after = text[: begun.start()], text[cursor:].removeprefix('"') if quoted else text[cursor:]
    found = []
    for path, note in paths(begun["quoted"] if quoted else begun["bare"]):
        quote = '"' if quoted or any(character.isspace() for character in path) else ""
        if quote and quote in path:  # there is no way to write it
            continue
        inside = f"{before}@{quote}{path}"
        end, cursor_at = (quote, len(inside)) if path.endswith("/") else (f"{quote} ", len(f"{inside}{quote} "))
        found.append(Choice(path, path, note, f"{inside}{end}{after}", cursor_at))
    return found


def _command(command: commands.Command) -> Choice:
    text = f"/{command.name} "
    return Choice(command.name, command.usage, command.help, text, len(text), not command.needs_argument)


def _arguments(app: MemGPTApp, text: str) -> list[Choice]:
    """What may stand where the argument is being written. An argument that is complete already offers nothing."""
    word, _, rest = text.partition(" ")
    command = commands.find(word)
    offered = _OFFERED.get(command.name) if command else None
    if offered is None:
        return []
    rest = rest.lstrip()
    found = [(value, note) for value, note in offered(app, rest) if value != rest and _fits(value, rest)]
    return [
        Choice(value, value, note, f"{word} {value}", len(word) + 1 + len(value), not value.endswith("/"))
        for value, note in found[:MOST]
    ]


def _fits(value: str, typed: str) -> bool:
    return value.casefold().startswith(typed.casefold()) or (len(typed) > 1 and typed.casefold() in value.casefold())


Offered = Callable[["MemGPTApp", str], Iterable[tuple[str, str]]]


def _agents(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    for name in app.home.agent_names():
        yield name, "now" if name == app.room.agent else "open" if app.rooms.find(name) else ""


def _sources(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    return ((name, "") for name in app.home.source_names())


def _themes(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    return ((name, "now" if name == app.look.name else "") for name in texts(app.home, "themes"))


def _models(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    """The model that is set, those that a key in the environment opens, the built-in one, and model files."""
    from memgpt.choices import of_keys

    now = app.bridge.view.model
    known = {now: "now"} | {choice.model: choice.note for choice in of_keys(os.environ)}
    known |= {"builtin": "offline, small, always there"}
    if typed.startswith("gguf:"):
        found = paths(typed.removeprefix("gguf:"))
        known |= {f"gguf:{path}": note for path, note in found if path.endswith((".gguf", "/"))}
    else:
        known.setdefault("gguf:", "a model file on this machine")
    return ((name, note) for name, note in known.items() if name)


def _steps(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    for entry in reversed(app.bridge.view.chat):
        if entry.step and entry.kind in ("user", "assistant"):
            yield str(entry.step), f"{entry.who}: {' '.join(entry.text.split())[:60]}"


def _words(*words: str) -> Offered:
    return lambda app, typed: ((word, "") for word in words)


def _files(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    return paths(typed)


def _keys(app: MemGPTApp, typed: str) -> Iterable[tuple[str, str]]:
    for action in ACTIONS:
        if action.where == "app":
            yield action.name, f"{shown_keys(action.name, app.settings)}: {action.help}"


def paths(typed: str) -> list[tuple[str, str]]:
    """The files and folders that a path begun may mean, folders with a slash at the end."""
    folder, slash, name = typed.rpartition("/")
    place = Path(f"{folder}{slash}" or ".").expanduser()
    try:
        entries = sorted(os.scandir(place), key=lambda entry: (not entry.is_dir(), entry.name.casefold()))
    except OSError:
        return []
    found = []
    for entry in entries:
        if entry.name.casefold().startswith(name.casefold()) and (
            name.startswith(".") or not entry.name.startswith(".")
        ):
            found.append((f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}", _size(entry)))
    return found[:MOST]


def _size(entry: os.DirEntry[str]) -> str:
    try:
        return "folder" if entry.is_dir() else f"{entry.stat().st_size:,} bytes"
    except OSError:
        return ""


_OFFERED: dict[str, Offered] = {
    "agents": _agents, "delete": _agents, "archive": _agents, "attach": _sources, "detach": _sources,
    "theme": _themes, "model": _models, "context": _steps, "embedding": _words("pause", "resume"), "load": _files,
    "systemswap": _files, "import": _files, "export": _files, "keys": _keys, "copy": _words("code", "all"),
    "passage": _words("add ", "edit ", "tag ", "delete "),
}  # fmt: skip
