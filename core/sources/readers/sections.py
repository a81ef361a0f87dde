"""What every reader gives: sections of text that know their title and where in the file they stand."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_TITLE = 160  # characters; a title is embedded with each of its passages
UNPACKED_LIMIT = 300_000_000  # bytes that a packed document may come to
PACKED_FILES = 20_000


class Unreadable(Exception):
    """A file holds nothing that can be read; the message says why, without a stop at its end."""


class Binary(Unreadable):
    """A file is no text at all."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document that is cut into passages by itself.

    `marks` are (offset in the text, number) pairs, ascending: where page, line or row `number` begins, `unit` saying
    which of them it is. `language` is `markdown` or that of source code. `at` is the time of a mail, in UTC
    microseconds.
    """

    text: str
    title: str
    unit: str = ""
    marks: Sequence[tuple[int, int]] = ()
    language: str = ""
    at: int = 0


def trail(*parts: str) -> str:
    """A title and the headings below it: `Handbook › Travel › Hotels`, each once and in one line."""
    words = [" ".join(part.split()) for part in parts]
    kept = [word for place, word in enumerate(words) if word and word != (words[place - 1] if place else "")]
    whole = " › ".join(kept)
    return whole if len(whole) <= LONGEST_TITLE else f"{whole[: LONGEST_TITLE - 1]}…"


def line_marks(text: str, first: int = 1) -> list[tuple[int, int]]:
    """Where each line of a text begins; only a line feed ends one, as in an editor."""
    marks, offset = [], 0
    for number, line in enumerate(text.split("\n"), first):
        marks.append((offset, number))
        offset += len(line) + 1
    return marks


def unpacked(path: Path) -> zipfile.ZipFile:
    """A zip file that does not come to more than it may.

    Raises:
        Unreadable: it is none, or a bomb.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        raise Unreadable("it is damaged: no zip file") from None
    entries = archive.infolist()
    if len(entries) > PACKED_FILES or sum(entry.file_size for entry in entries) > UNPACKED_LIMIT:
        archive.close()
        raise Unreadable(f"it would unpack to more than {UNPACKED_LIMIT // 1_000_000} MB")
    return archive
