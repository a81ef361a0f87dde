"""What front ends remember between runs: the last agent, the prompt's history, how the screen is arranged."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from memgpt.config import DEFAULT_AGENT
from memgpt.erasable import Wording, held
from memgpt.home import Home, checked_name, read_stored, write_private
from tui.cli import writing

LONGEST_HISTORY = 500
LONGEST_LINE = 1_000_000  # characters; what is longer would be written again with every line
_changing = threading.Lock()


def read(home: Home) -> dict[str, Any]:
    return read_stored(home.front)


def remember(home: Home, **values: Any) -> None:
    _change(home, lambda known: values)


def _change(home: Home, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """One change at a time: an app's threads make them too."""
    with _changing:
        known = read(home)
        values = change(known)
        if any(known.get(name) != value for name, value in values.items()):
            write_private(home.front, json.dumps({**known, **values}, ensure_ascii=False))


def history(home: Home) -> list[str]:
    return _lines(read(home))


def entered(home: Home, text: str) -> None:
    """Puts what was entered into the history."""

    def change(known: dict[str, Any]) -> dict[str, Any]:
        lines = _lines(known)
        return {"history": [*lines, text][-LONGEST_HISTORY:]} if lines[-1:] != [text] else {}

    if len(text) <= LONGEST_LINE:
        _change(home, change)


def renamed(home: Home, old: str, new: str) -> None:
    """What is kept by an agent's name goes with it."""

    def change(known: dict[str, Any]) -> dict[str, Any]:
        blocks = known.get("block_drafts")
        moved: dict[str, Any] = {}
        if isinstance(blocks, dict) and old in blocks:
            moved["block_drafts"] = {new if agent == old else agent: own for agent, own in blocks.items()}
        return {**moved, "agent": new} if known.get("agent") == old else moved

    _change(home, change)


def holding(home: Home, wordings: Sequence[Wording]) -> list[str]:
    """The entries of the history and the drafts that these words stand in."""
    lines = [*history(home), *writing.texts(home)]
    return [line for line in lines if held(wordings, line)]


def erase(home: Home, wordings: Sequence[Wording]) -> None:
    """Takes every entry with these words out of the history and the drafts."""

    def change(known: dict[str, Any]) -> dict[str, Any]:
        blocks = {
            agent: {label: kept for label, kept in own.items() if not held(wordings, str(kept))}
            for agent, own in (known.get("block_drafts") or {}).items()
        }
        return {"history": [line for line in _lines(known) if not held(wordings, line)], "block_drafts": blocks}

    _change(home, change)
    writing.erase(home, wordings)


def _lines(known: dict[str, Any]) -> list[str]:
    return [str(line) for line in known.get("history", ())]


def last_agent(home: Home) -> str | None:
    """The agent that was used last, if it is still there."""
    name = read(home).get("agent")
    return name if isinstance(name, str) and name in home.agent_names() else None


def chosen_agent(home: Home, name: str | None) -> str:
    """The agent that was named, else the last one used, else the default.

    Raises:
        UserError: the name is none.
    """
    return checked_name(name if name is not None else last_agent(home) or DEFAULT_AGENT)
