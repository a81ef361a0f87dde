"""Conversations and passages as JSON Lines: one object a line, checked, read in batches."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.memory.documents import Document
from core.sources.names import shown
from memgpt.events import microseconds
from memgpt.home import UserError

ROLES = ("user", "assistant")
OWN_ID = re.compile(r"[mt]\d+")  # what an agent calls its own messages and thoughts
IMPORTED = "imported-"  # before such an id of a message of elsewhere


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that was skipped, and why."""

    line: int
    reason: str


def read(path: Path, kind: str, present: int) -> Iterator[Document | Bad]:
    """The documents of a file in its order, and what is wrong with the lines that hold none.

    `kind` is `recall` for messages, `archival` for passages; `present` is the time of those that have none, in UTC
    microseconds.

    Raises:
        UserError: the file cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise UserError(f"{path} is not a file.", "Give the path of a JSONL file.")
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
            origin = origin_of(path) if kind == "archival" else ""
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parsed(line, number, shown(path.name), origin, kind, present)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Give the path of a JSONL file.") from None


def origin_of(path: Path) -> str:
    """What the conversation of a passage begins with: where the file is that it is from."""
    return f"{shown(str(path.resolve()))}\n"


def _parsed(line: str, number: int, file: str, origin: str, kind: str, present: int) -> Document | Bad:
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            return Bad(number, "not a JSON object")
        return _document(value, number, file, origin, kind, present)
    except json.JSONDecodeError as error:
        return Bad(number, f"not JSON: {error.msg}")
    except RecursionError:
        return Bad(number, "nested too deep")
    except UnicodeEncodeError:
        return Bad(number, "not UTF-8")
    except ValueError as error:
        return Bad(number, str(error))


def _document(value: dict[str, Any], number: int, file: str, origin: str, kind: str, present: int) -> Document:
    text = _string(value, "text")
    if not text.strip():
        raise ValueError("`text` is missing or empty")
    role = _string(value, "role") or "user"
    if kind == "recall" and role not in ROLES:
        raise ValueError(f"`role` is {role!r}, not user or assistant")
    created = _string(value, "created_at")
    try:
        moment = microseconds(created) if created else present + number
    except (ValueError, OverflowError):
        raise ValueError(f"`created_at` is {created!r}, not an RFC 3339 time") from None
    given = value.get("id")
    key = _storable(str(given)) if given is not None else _digest(kind, text, created, number)
    conversation = origin + (_string(value, "conversation") or file)
    common = (_string(value, "name"), _string(value, "title"), conversation, number, moment, text)
    if kind == "recall":
        return Document(f"{IMPORTED}{key}" if OWN_ID.fullmatch(key) else key, kind, role, *common)
    return Document(key, kind, "passage", *common, file=file, place=f"line {number}")


def _string(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ValueError(f"`{name}` is not a text")
    return _storable(found)


def _storable(text: str) -> str:
    text.encode("utf-8")  # lone surrogates cannot be stored
    return text


def _digest(kind: str, text: str, created: str, number: int) -> str:
    """An id for a line that has none: the same for the same passage, or for the same line of a talk."""
    place = f"{number}\0{created}" if kind == "recall" else ""
    return hashlib.blake2b(f"{place}\0{text}".encode(), digest_size=10).hexdigest()
