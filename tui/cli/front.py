"""What front ends remember between runs: the last agent, the prompt's history, what was sent but not yet heard."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

from memgpt.config import DEFAULT_AGENT
from memgpt.home import Home, checked_name, read_stored, write_private
from memgpt.wording import Wording, held
from tui.cli import writing

LONGEST_HISTORY = 500
LONGEST_LINE = 1_000_000  # characters; what is longer would be written again with every line
Drafts = dict[str, list[tuple[float, str]]]
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


def sent(home: Home, agent: str, text: str, at: float | None, in_history: bool = True) -> None:
    """Puts what was entered into the history; a message, which has a time, is kept as a draft of its agent until the
    engine has it.

    Not `in_history` is what the program made of the words that are there already.
    """

    def change(known: dict[str, Any]) -> dict[str, Any]:
        lines, drafts = _lines(known), _drafts(known)
        if len(text) > LONGEST_LINE:
            return {}
        if in_history and lines[-1:] != [text]:
            lines.append(text)
        if at is not None:
            drafts.setdefault(agent, []).append((at, text))
        return {"history": lines[-LONGEST_HISTORY:], "drafts": _stored(drafts)}

    _change(home, change)


def heard(home: Home, agent: str, texts: Sequence[str]) -> None:
    """Takes drafts of an agent away, one for each text: they are in its journal, or in the prompt again."""
    _change(home, lambda known: {"drafts": _stored(_without(_drafts(known), agent, texts))})


def drafts_of(home: Home, agent: str) -> list[tuple[float, str]]:
    """What was sent to an agent and not heard yet, each with its time in seconds since 1970."""
    return _drafts(read(home)).get(agent, [])


def renamed(home: Home, old: str, new: str) -> None:
    """What is kept by an agent's name goes with it."""

    def change(known: dict[str, Any]) -> dict[str, Any]:
        moved: dict[str, Any] = {}
        for name in ("drafts", "block_drafts"):
            kept = known.get(name)
            if isinstance(kept, dict) and old in kept:
                moved[name] = {new if agent == old else agent: own for agent, own in kept.items()}
        return {**moved, "agent": new} if known.get("agent") == old else moved

    _change(home, change)


def holding(home: Home, wordings: Sequence[Wording]) -> list[str]:
    """The entries of the history and the drafts that these words stand in."""
    known = read(home)
    lines = [*_lines(known), *(line for kept in _drafts(known).values() for _, line in kept), *writing.texts(home)]
    return [line for line in lines if held(wordings, line)]


def erase(home: Home, wordings: Sequence[Wording]) -> None:
    """Takes every entry with these words out of the history and the drafts."""

    def change(known: dict[str, Any]) -> dict[str, Any]:
        drafts = {
            name: [entry for entry in kept if not held(wordings, entry[1])] for name, kept in _drafts(known).items()
        }
        blocks = {
            agent: {label: kept for label, kept in own.items() if not held(wordings, str(kept))}
            for agent, own in (known.get("block_drafts") or {}).items()
        }
        history = [line for line in _lines(known) if not held(wordings, line)]
        return {"history": history, "drafts": _stored(drafts), "block_drafts": blocks}

    _change(home, change)
    writing.erase(home, wordings)


def _lines(known: dict[str, Any]) -> list[str]:
    return [str(line) for line in known.get("history", ())]


def _drafts(known: dict[str, Any]) -> Drafts:
    try:
        return {
            str(name): [(float(at), str(text)) for at, text in kept] for name, kept in known.get("drafts", {}).items()
        }
    except (AttributeError, TypeError, ValueError):  # not written by us
        return {}


def _without(drafts: Drafts, agent: str, texts: Sequence[str]) -> Drafts:
    kept = drafts.get(agent, [])
    for text in texts:
        found = next((entry for entry in kept if entry[1] == text), None)
        if found:
            kept.remove(found)
    return drafts


def _stored(drafts: Drafts) -> dict[str, list[list[Any]]]:
    return {name: [list(entry) for entry in kept] for name, kept in drafts.items() if kept}


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
