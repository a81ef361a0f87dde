"""What stands in prompts and was not sent: kept for each agent, soon after typing stops, so that no crash takes it.

One file for each program that writes, so that two terminals on an agent have each their own; what a program that is gone
has left is taken up by the next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from memgpt.home import Home, read_stored, write_private
from memgpt.wording import Wording, held

Draft = dict[str, Any]
"""`text` as it stands in the prompt, and `pastes`: what is folded in it, by its token; `place`: the step and the row where
the conversation is read, where that is not its end."""


def keep(home: Home, agent: str, draft: Draft) -> None:
    """Keeps what is being written to an agent, in place of what was; an empty text at the end of the
    conversation is nothing."""
    path = _path(home, os.getpid())
    kept = _read(path)
    if draft["text"] or draft.get("place"):
        kept[agent] = draft
    elif kept.pop(agent, None) is None:
        return
    if kept:
        write_private(path, json.dumps(kept, ensure_ascii=False))
    else:
        path.unlink(missing_ok=True)


def renamed(home: Home, old: str, new: str) -> None:
    """What this program keeps for an agent goes with its name."""
    path = _path(home, os.getpid())
    kept = _read(path)
    if old in kept:
        kept[new] = kept.pop(old)
        write_private(path, json.dumps(kept, ensure_ascii=False))


def left(home: Home, agent: str) -> list[Draft]:
    """What was being written to an agent by programs that are gone, oldest first; it is kept by this one from now on."""
    found = []
    own = [draft for name, draft in _read(_path(home, os.getpid())).items() if name == agent]
    for path, pid in _files(home):
        kept = _read(path)
        if pid == os.getpid() or agent not in kept or _alive(pid):
            continue
        found.append(kept.pop(agent))
        keep(home, agent, joined([*found, *own]))  # before it is taken away there
        if kept:
            write_private(path, json.dumps(kept, ensure_ascii=False))
        else:
            path.unlink(missing_ok=True)
    return found


def release(home: Home) -> None:
    """Leaves what this program keeps to whoever comes next; it is about to end."""
    path = _path(home, os.getpid())
    if path.exists():
        path.replace(path.with_name(f"writing.{os.getpid()}.left.json"))


def joined(drafts: list[Draft]) -> Draft:
    """Several drafts as one, a line between."""
    pastes = {token: text for draft in drafts for token, text in draft.get("pastes", {}).items()}
    places = [draft["place"] for draft in drafts if draft.get("place")]
    text = "\n".join(draft["text"] for draft in drafts if draft["text"])
    return {"text": text, "pastes": pastes, **({"place": places[-1]} if places else {})}


def texts(home: Home) -> list[str]:
    """Everything that is kept."""
    return [text for path, _ in _files(home) for draft in _read(path).values() for text in _texts(draft)]


def erase(home: Home, wordings: Sequence[Wording]) -> None:
    """Takes every draft with these words away, in whole."""
    for path, _ in _files(home):
        kept = _read(path)
        good = {
            agent: draft for agent, draft in kept.items() if not any(held(wordings, each) for each in _texts(draft))
        }
        if good != kept:
            write_private(path, json.dumps(good, ensure_ascii=False))


def _texts(draft: Draft) -> list[str]:
    return [draft["text"], *draft.get("pastes", {}).values()]


def _path(home: Home, pid: int) -> Path:
    return home.path / f"writing.{pid}.json"


def _files(home: Home) -> Iterator[tuple[Path, int]]:
    for path in sorted(home.path.glob("writing.*.json"), key=lambda each: each.stat().st_mtime):
        pid = path.name.split(".")[1]
        if pid.isdecimal():
            yield path, 0 if path.name.endswith(".left.json") else int(pid)


def _read(path: Path) -> dict[str, Draft]:
    kept = read_stored(path).items()
    return {name: draft for name, draft in kept if isinstance(draft, dict) and isinstance(draft.get("text"), str)}


def _alive(pid: int) -> bool:
    if not pid:  # left behind on purpose
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
