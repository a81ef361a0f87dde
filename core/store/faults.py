"""What a database error means to the user: a damaged file, a full disk, another program."""

from __future__ import annotations

import re
from pathlib import Path

from memgpt.home import UserError

HELD = re.compile(r"could not set lock|conflicting lock", re.IGNORECASE)
FULL = re.compile(r"no space left|file too large|disk quota|disk is full", re.IGNORECASE)
DAMAGED = re.compile(
    r"corrupt|checksum|deseriali[sz]|not a valid duckdb|invalidated|metadata pointer|failed to load|could not read"
    r"|read past|serialization error|internal error",
    re.IGNORECASE,
)


def fault_when_opened(path: Path, error: Exception) -> UserError:
    """Why a file could not be opened; it is left as it was."""
    text = _line(error)
    if HELD.search(text):
        return UserError(f"{path} is held by another program.", "Close that program and try again.")
    if "version number" in text:
        return UserError(f"{path} was written by a newer DuckDB.", "Update this program to open it.")
    return fault_in_use(path, error) or _damaged(path, text)


def fault_in_use(path: Path, error: Exception) -> UserError | None:
    """What an error that is met while a file is open means; None for one that is the program's own."""
    text = _line(error)
    if FULL.search(text):
        return UserError(f"There is no room left to write {path}.", "Make room on that disk, then ask again.")
    return _damaged(path, text) if is_damage(error) else None


def is_damage(error: Exception) -> bool:
    """Whether what is in the file is at fault: it has to be restored, and opened anew."""
    text = _line(error)
    return bool(DAMAGED.search(text)) and not FULL.search(text)


def _damaged(path: Path, text: str) -> UserError:
    words = text if len(text) <= 160 else f"{text[:160].rpartition(' ')[0]} …"
    return UserError(
        f"{path} is damaged and was left as it is ({words.rstrip('. ')}).",
        "Put a copy of it from a backup in its place, or move it away to begin anew.",
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
