"""Tables: every row with the names of its columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from core.sources.names import shown
from core.sources.readers.sections import Section, Unreadable
from core.sources.readers.text import text_of

SAMPLE = 16_384  # characters from which the delimiter is guessed
DELIMITERS = ",;\t|"
ROWS = 2000  # of one section: so much of a large table is in memory at once
LONGEST_FIELD = 10_000_000
NAMED = re.compile(r'"?sep=([^"\w\s]|\t)"?\n', re.IGNORECASE)  # a first line for Excel alone


def read(path: Path) -> Iterator[Section]:
    """Sections of many rows each; a row is numbered as a spreadsheet numbers it, its headings being the first.

    Raises:
        Unreadable: it is no table.
    """
    csv.field_size_limit(LONGEST_FIELD)
    text = text_of(path)
    named = NAMED.match(text)
    text = text[named.end() :] if named else text
    try:
        rows = _rows(text, named[1] if named else _delimiter(text, path))
        head = [cell.strip() for cell in next(rows, [])]
        lines: list[tuple[int, str]] = []
        for number, row in enumerate(rows, 2):
            if words := _row(head, row):
                lines.append((number, words))
            if len(lines) == ROWS:
                yield _section(lines, shown(path.name))
                lines = []
    except csv.Error as error:
        raise Unreadable(f"it is no table: {error}") from None
    if lines:
        yield _section(lines, shown(path.name))
    elif head:
        yield _section([(1, ", ".join(head))], shown(path.name))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)


def _delimiter(text: str, path: Path) -> str:
    """What parts the cells: the character that splits the heading as it splits the rows, and most of them most often."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    sample = text if len(text) <= SAMPLE else text[: text.rfind("\n", 0, SAMPLE) + 1 or SAMPLE]
    return max(DELIMITERS, key=lambda delimiter: _fit([len(row) for row in _rows(sample, delimiter) if row]))


def _fit(widths: list[int]) -> tuple[bool, int]:
    """How well a delimiter fits, by the cells of each row: whether the heading has as many as most rows, and at how many
    places these are parted."""
    ((usual, rows),) = Counter(width for width in widths if width > 1).most_common(1) or ((0, 0),)
    return widths[:1] == [usual], rows * (usual - 1)


def _row(head: list[str], row: list[str]) -> str:
    cells = [" ".join(cell.split()) for cell in row]
    names = [*head, *[""] * max(0, len(cells) - len(head))]
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=False) if cell)


def _section(lines: list[tuple[int, str]], name: str) -> Section:
    marks, offset = [], 0
    for number, words in lines:
        marks.append((offset, number))
        offset += len(words) + 1
    return Section("\n".join(words for _, words in lines), name, "row", marks)
