"""A sheet of cells: what is written is put into it, and of two sheets the difference is what a terminal needs to be sent.

Textual repaints whole regions: a conversation that grows is sent anew with its borders, margins and colours, 40 to 55 KB a
second at 120 by 40. Of that a tenth is new.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import split_graphemes

from tui.line.styles import PLAIN, Look, blank, look_of, way

TOKENS = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<sgr>[0-9;]*)m"
    r"|\x1b\[(?P<row>\d*);?(?P<column>\d*)H"
    r"|(?P<feed>[\r\n])"
    r"|(?P<other>\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|.)",
    re.DOTALL,
)
NARROW = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2030-\u205e\u2190-\u2199\u2500-\u25fc]*"
)
UNSURE = re.compile(
    "[\u200d\ufe0e\ufe0f\u20e3\u2300-\u23ff\u25fd-\u27bf\u2934-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001ffff]"
)
"""Characters whose width terminals do not agree on."""
JOINER = "\u200d"
BRIDGED = 6  # unchanged cells that are sent again rather than passed over: a move takes as many bytes
UNKNOWN = "\x00"  # a cell of which it is not known what stands there


class Cell(NamedTuple):
    """Where the next character goes, from 0, and how it looks."""

    row: int = 0
    column: int = 0


class Sheet:
    """Rows of characters, the second half of a wide one being empty, and of their looks."""

    def __init__(self, columns: int, rows: int, known: bool = True) -> None:
        self.columns, self.rows = columns, rows
        character = " " if known else UNKNOWN
        self.characters = [[character] * columns for _ in range(rows)]
        self.looks: list[list[Look]] = [[PLAIN] * columns for _ in range(rows)]
        self.cursor = Cell()
        self._look = PLAIN

    def resized(self, columns: int, rows: int) -> Sheet:
        """A sheet of another size with as much of this one as it has room for."""
        other = Sheet(columns, rows)
        for row in range(min(rows, self.rows)):
            kept = min(columns, self.columns)
            other.characters[row][:kept] = self.characters[row][:kept]
            other.looks[row][:kept] = self.looks[row][:kept]
            if kept < self.columns and self.characters[row][kept] == "":  # half of a wide one
                other.characters[row][kept - 1] = " "
        other.cursor, other._look = self.cursor, self._look
        return other

    def put(self, data: str, touched: set[int]) -> str:
        """Takes in what a program writes; the rows that it wrote on go into `touched`. What is no text, no move and no
        look comes back: it is for the terminal itself."""
        rest: list[str] = []
        row, column = self.cursor
        for token in TOKENS.finditer(data):
            kind = token.lastgroup
            if kind == "text":
                if 0 <= row < self.rows:
                    column = self._write(row, column, token["text"])
                    touched.add(row)
            elif kind == "sgr":
                self._look = look_of(token["sgr"], self._look)
            elif kind == "feed":
                row, column = (row + 1, 0) if token["feed"] == "\n" else (row, 0)
            elif kind == "other":
                rest.append(token["other"])
            else:
                row, column = int(token["row"] or 1) - 1, int(token["column"] or 1) - 1
        self.cursor = Cell(row, column)
        return "".join(rest)

    def _write(self, row: int, column: int, text: str) -> int:
        """One run of text in the present look; the column after it. What has no room at the right is lost."""
        if NARROW.fullmatch(text) is None:
            return self._write_by_one(row, column, text)
        room = self.columns - column
        if room <= 0:
            return column + len(text)
        end = column + min(len(text), room)
        self._open(row, column, end)
        self.characters[row][column:end] = text[: end - column]
        looks = self.looks[row]
        body = column + len(text[: end - column].rstrip(" "))
        looks[column:body] = [self._look] * (body - column)
        looks[body:end] = [blank(self._look)] * (end - body)
        return column + len(text)

    def _write_by_one(self, row: int, column: int, text: str) -> int:
        """The same for what may be wide, measured as Textual does that lays rows out: what is joined is one character."""
        while text.startswith(JOINER):  # to what stands before this run
            self._write_one(row, column, text[:2], 0)
            text = text[2:]
        for start, end, width in split_graphemes(text)[0]:
            column = self._write_one(row, column, text[start:end], width)
        return column

    def _write_one(self, row: int, column: int, character: str, width: int) -> int:
        """One character with what is joined to it. However wide a terminal draws that, the next cell is gone to."""
        characters = self.characters[row]
        if width == 0:
            before = min(column, self.columns) - 1
            while before > 0 and not characters[before]:
                before -= 1
            if before >= 0:
                characters[before] += character
            return column
        if column + width <= self.columns:
            self._open(row, column, column + width)
            characters[column : column + width] = [character, *[""] * (width - 1)]
            look = blank(self._look) if character == " " else self._look
            self.looks[row][column : column + width] = [look] * width
        return column + width

    def _open(self, row: int, start: int, end: int) -> None:
        """Makes place from `start` to `end`: of wide characters that lie half outside, the other half goes blank."""
        characters = self.characters[row]
        if not characters[start]:
            characters[start - 1] = " "
        if end < self.columns and not characters[end]:
            characters[end] = " "


def difference(sent: Sheet, wanted: Sheet, rows: set[int], look: Look | None) -> tuple[str, Look | None]:
    """What leads a terminal that shows `sent` to show these rows of `wanted`, and its look afterwards; `sent` is brought
    up to that. Both sheets have one size."""
    out: list[str] = []
    for row in sorted(rows):
        new, old = wanted.characters[row], sent.characters[row]
        new_looks, old_looks = wanted.looks[row], sent.looks[row]
        if new == old and new_looks == old_looks:
            continue
        unsure = UNSURE.search("".join(new)) or UNSURE.search("".join(old))
        for start, end in _runs(new, old, new_looks, old_looks):
            if unsure:
                end = wanted.columns
            out.append(f"\x1b[{row + 1};{start + 1}H")
            look = _sent(out, (row, start, end), new, new_looks, look)
            if unsure:
                break
        sent.characters[row], sent.looks[row] = new[:], new_looks[:]
    return "".join(out), look


def _runs(new: list[str], old: list[str], new_looks: list[Look], old_looks: list[Look]) -> list[tuple[int, int]]:
    """The stretches of a row that differ; those that lie close together as one."""
    runs: list[tuple[int, int]] = []
    for column, same in enumerate(map(_same, new, old, new_looks, old_looks)):
        if same:
            continue
        if runs and column - runs[-1][1] <= BRIDGED:
            runs[-1] = (runs[-1][0], column + 1)
        else:
            start = column
            while start and not new[start]:
                start -= 1
            runs.append((start, column + 1))
    return runs


def _same(new: str, old: str, new_look: Look, old_look: Look) -> bool:
    if new != old:
        return False
    return new_look == old_look or (new == " " and blank(new_look) == blank(old_look))


def _sent(
    out: list[str], place: tuple[int, int, int], characters: list[str], looks: list[Look], look: Look | None
) -> Look | None:
    """Puts cells into `out`, from that row and column to an end; the look that the terminal has then."""
    row, start, end = place
    while start < end:
        wanted, stop = looks[start], start + 1
        while stop < end and looks[stop] is wanted:
            stop += 1
        text = "".join(characters[start:stop])
        if look != wanted and not (look and blank(look) == wanted and not text.strip(" ")):
            out.append(way(look, wanted))
            look = wanted
        out.append(_anchored(characters, row, start, stop) if UNSURE.search(text) else text)
        start = stop
    return look


def _anchored(characters: list[str], row: int, start: int, stop: int) -> str:
    """Cells with characters whose width a terminal may see otherwise: room is made for each, and the next cell gone to."""
    out: list[str] = []
    for column in range(start, stop):
        character = characters[column]
        if character and UNSURE.search(character):
            width = 1
            while column + width < len(characters) and not characters[column + width]:
                width += 1
            character = f"{' ' * width}\x1b[{row + 1};{column + 1}H{character}\x1b[{row + 1};{column + width + 1}H"
        out.append(character)
    return "".join(out)
