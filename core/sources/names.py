"""Names of files as they are shown and stored."""

from __future__ import annotations

import os
import unicodedata

INVISIBLE = ("Cc", "Cf", "Zl", "Zp")  # categories of characters that a line must not hold


def shown(name: str) -> str:
    """A file's name in one line: control characters and bytes that are no text as escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in INVISIBLE else character
        for character in text
    )
