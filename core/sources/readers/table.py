"""Tables: every row with the names of its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from core.sources.names import shown
from core.sources.readers.sections import Section, Unreadable
from core.sources.readers.text import text_of

SAMPLE = 16_384  # characters from which the delimiter is guessed
DELIMITERS = ",;\t|"
ROWS = 2000  # of one section: so much of a large table is in memory at once
LONGEST_FIELD = 10_000_000


def read(path: Path) -> Iterator[Section]:
    """Sections of many rows each; a row is numbered as a spreadsheet numbers it, its headings being the first.

    Raises:
        Unreadable: it is no table.
    """
    csv.field_size_limit(LONGEST_FIELD)
    text = text_of(path)
    rows = csv.reader(io.StringIO(text, newline=""), _dialect(text[:SAMPLE], path))
    try:
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


def _dialect(sample: str, path: Path) -> type[csv.Dialect]:
    if path.suffix.lower() == ".tsv":
        return csv.excel_tab
    try:
        return csv.Sniffer().sniff(sample, DELIMITERS)
    except csv.Error:
        return csv.excel


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
