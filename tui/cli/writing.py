"""What was written and is not with the model: what stands in prompts, kept soon after typing stops, and what was sent, kept
until it is in the journal. So no crash takes it.

One file for each program that writes, so that two terminals on an agent have each their own; what a program that is gone
has left is taken up by the next, once.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memgpt.erasable import Wording, held
from memgpt.home import PRIVATE_FILE, Home, read_stored, write_private

LONGEST = 1_000_000  # characters of what was sent; what is longer would be written again with every change
Draft = dict[str, Any]
"""`text` as it stands in the prompt, and `pastes`: what is folded in it, by its token; `instead_of`: the step of the message
that it is to replace; `place`: the step and the row where the conversation is read, where that is not its end; `sent`: what
was sent and not heard yet, each with its time in seconds since 1970."""
Sent = list[tuple[float, str]]
_changing = threading.Lock()


def keep(home: Home, agent: str, draft: Draft, back: Sequence[str] = ()) -> None:
    """Keeps what is being written to an agent, in place of what was. `back` was sent, and stands in it again: it is kept as
    sent no longer."""
    rest = list(back)
    with _changed(_path(home, os.getpid())) as kept:
        kept[agent] = {**draft, "sent": _without(under_way(kept.get(agent)), rest)}
    _heard_of_the_gone(home, agent, rest)


def sent(home: Home, agent: str, text: str, at: float) -> None:
    """Keeps a message to an agent that is on its way to the engine."""
    if len(text) <= LONGEST:
        with _changed(_path(home, os.getpid())) as kept:
            kept[agent] = {**kept.get(agent, NOTHING), "sent": [*under_way(kept.get(agent)), (at, text)]}


def heard(home: Home, agent: str, texts: Sequence[str]) -> None:
    """Forgets messages to an agent, one for each text: they are in its journal, or in a prompt again. Where this program
    did not send them, one that is gone may have."""
    rest = list(texts)
    _forget(_path(home, os.getpid()), agent, rest)
    _heard_of_the_gone(home, agent, rest)


def _heard_of_the_gone(home: Home, agent: str, texts: list[str]) -> None:
    if texts and _of_the_gone(home):
        with _alone(home):
            for path in _of_the_gone(home):
                _forget(path, agent, texts)


def _forget(path: Path, agent: str, texts: list[str]) -> None:
    with _changed(path) as kept:
        if agent in kept:
            kept[agent] = {**kept[agent], "sent": _without(under_way(kept[agent]), texts)}


def sent_to(home: Home, agent: str) -> Sent:
    """What this program has sent to an agent and not heard yet, oldest first."""
    return under_way(_read(_path(home, os.getpid())).get(agent))


def under_way(draft: Draft | None) -> Sent:
    """What was sent and not heard yet, of what is kept for an agent."""
    try:
        return [(float(at), str(text)) for at, text in (draft or NOTHING).get("sent", ())]
    except (TypeError, ValueError):  # not written by us
        return []


def renamed(home: Home, old: str, new: str) -> None:
    """What this program keeps for an agent goes with its name."""
    with _changed(_path(home, os.getpid())) as kept:
        if old in kept:
            kept[new] = kept.pop(old)


def left(home: Home, agent: str) -> list[Draft]:
    """What programs that are gone have left of what was written to an agent, oldest first; it is kept by this one from now
    on."""
    if not _of_the_gone(home):
        return []
    with _alone(home):
        gone = [path for path in _of_the_gone(home) if agent in _read(path)]
        found = [_read(path)[agent] for path in gone]
        with _changed(_path(home, os.getpid())) as kept:  # before it is taken away there
            if found:
                kept[agent] = joined([*found, *([kept[agent]] if agent in kept else [])])
        for path in gone:
            with _changed(path) as theirs:
                del theirs[agent]
    return found


def release(home: Home) -> None:
    """Leaves what this program keeps to whoever comes next; it is about to end."""
    path = _path(home, os.getpid())
    with _changing:
        if path.exists():
            path.replace(path.with_name(f"writing.{os.getpid()}.left.json"))


def joined(drafts: list[Draft]) -> Draft:
    """Several drafts as one, a line between. It replaces a message if all that is written is to do so."""
    written = [draft for draft in drafts if draft["text"]]
    claims = {draft.get("instead_of", 0) for draft in written}
    return {
        "text": "\n".join(draft["text"] for draft in written),
        "pastes": {token: text for draft in drafts for token, text in draft.get("pastes", {}).items()},
        "instead_of": claims.pop() if len(claims) == 1 else 0,
        "place": next((draft["place"] for draft in reversed(drafts) if draft.get("place")), None),
        "sent": [entry for draft in drafts for entry in under_way(draft)],
    }


def texts(home: Home) -> list[str]:
    """Everything that is kept."""
    drafts = [draft for path, _ in _files(home) for draft in _read(path).values()]
    return [text for draft in drafts for text in (*_texts(draft), *(text for _, text in under_way(draft)))]


def erase(home: Home, wordings: Sequence[Wording]) -> None:
    """Takes every draft with these words away, in whole, and every message that is under way."""
    with _alone(home):
        for path, _ in _files(home):
            with _changed(path) as kept:
                for agent, draft in kept.items():
                    good = NOTHING if any(held(wordings, each) for each in _texts(draft)) else draft
                    kept[agent] = {**good, "sent": [each for each in under_way(draft) if not held(wordings, each[1])]}


NOTHING: Draft = {"text": "", "pastes": {}}


def _texts(draft: Draft) -> list[str]:
    return [draft["text"], *draft.get("pastes", {}).values()]


def _without(entries: Sent, texts: list[str]) -> Sent:
    """What is left when each of the texts has taken one of the entries away; texts that did so are taken from the list."""
    kept: Sent = []
    for at, text in entries:
        if text in texts:
            texts.remove(text)
        else:
            kept.append((at, text))
    return kept


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """While one program has what those who are gone have left, no other has."""
    descriptor = os.open(home.path / "writing.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _changed(path: Path) -> Iterator[dict[str, Draft]]:
    """What a file keeps, to be changed, by one thread at a time; a file that keeps nothing goes."""
    with _changing:
        before = _read(path)
        kept = dict(before)
        yield kept
        kept = {agent: _stored(draft) for agent, draft in kept.items() if _stored(draft)}
        if kept and kept != before:
            write_private(path, json.dumps(kept, ensure_ascii=False))
        elif not kept:
            path.unlink(missing_ok=True)


def _stored(draft: Draft) -> Draft:
    """A draft without what says nothing; an empty text at the end of the conversation is nothing at all."""
    told = {name: value for name, value in draft.items() if value and (name != "instead_of" or draft["text"])}
    if "sent" in told:
        told["sent"] = [list(entry) for entry in told["sent"]]
    return {"text": "", **told} if told else {}


def _path(home: Home, pid: int) -> Path:
    return home.path / f"writing.{pid}.json"


def _files(home: Home) -> Iterator[tuple[Path, int]]:
    for path in sorted(home.path.glob("writing.*.json"), key=_changed_at):
        pid = path.name.split(".")[1]
        if pid.isdecimal():
            yield path, 0 if path.name.endswith(".left.json") else int(pid)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # its program has just ended, or has nothing left
        return 0.0


def _of_the_gone(home: Home) -> list[Path]:
    return [path for path, pid in _files(home) if pid != os.getpid() and not _alive(pid)]


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
