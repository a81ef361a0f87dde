"""Names of files as they are shown and stored."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

INVISIBLE = ("Cc", "Cf", "Zl", "Zp")  # categories of characters that a line must not hold
BYTE = 0xDC00  # added to a byte that is no text
ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)")


def shown(name: str) -> str:
    """A file's name in one line: control characters, bytes that are no text and backslashes as escapes, so that no two
    names are shown alike."""
    return "".join(map(_escaped, os.fsencode(name).decode("utf-8", "surrogateescape")))


def path_of(name: str) -> Path:
    """The path that is shown so."""
    return Path(os.fsdecode(ESCAPE.sub(_meant, name).encode("utf-8", "surrogateescape")))


def _meant(escape: re.Match[str]) -> str:
    character = escape[0].encode().decode("unicode_escape")
    return chr(ord(character) + BYTE) if escape[0][1] == "x" and not character.isascii() else character


def _escaped(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return f"\\x{ord(character) - BYTE:x}"
    if category not in INVISIBLE and character != "\\":
        return character
    escape = character.encode("unicode_escape").decode()
    return escape if character.isascii() else escape.replace("\\x", "\\u00")  # \xad is the byte
