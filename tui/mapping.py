"""The map of main context: which section every cell of it belongs to, in the order in which the model reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memgpt.events import ContextChanged

GLYPHS = {
    "instructions": "▚", "functions": "▞", "core_memory": "▒", "metadata": "░", "summary": "◆", "messages": "█",
    "messages_alternate": "▓", "recalled": "●", "overhead": "░", "free": "·", "warn": "┊", "flush": "┃", "leaving": "▢",
}  # fmt: skip
LEVELS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of main context of one kind; `number` counts messages from 1, `step` names one."""

    section: str
    tokens: float
    step: int = 0
    role: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Square:
    """One cell: its glyph's name in `GLYPHS`, and what lies under it."""

    kind: str
    piece: Piece | None = None


def pieces(context: ContextChanged) -> list[Piece]:
    """Main context in reading order: the system message, the summary, then message by message."""
    tokens = {section["name"]: section["tokens"] for section in context.sections}
    first = [
        Piece(name.partition(".")[0], count)
        for name, count in tokens.items()
        if name not in ("messages", "recalled", "summary", "overhead")
    ]
    found = [*first, Piece("summary", tokens.get("summary", 0)), Piece("overhead", tokens.get("overhead", 0))]
    return [piece for piece in [*found, *_messages(context, tokens)] if piece.tokens > 0]


def _messages(context: ContextChanged, tokens: dict[str, int]) -> Iterator[Piece]:
    """Each message, scaled so that they come to what the sections say; what was paged into it stands behind it."""
    own = sum(cell["tokens"] for cell in context.cells) or 1
    scale = (tokens.get("messages", 0) + tokens.get("recalled", 0)) / own
    for number, cell in enumerate(context.cells, 1):
        recalled = cell["recalled"] * scale
        kind = "messages" if number % 2 else "messages_alternate"
        yield Piece(kind, cell["tokens"] * scale - recalled, cell["step"], cell["role"], number)
        if recalled:
            yield Piece("recalled", recalled, cell["step"], cell["role"], number)


def squares(context: ContextChanged, count: int, leaving: int = 0) -> list[Square]:
    """The map in `count` cells; the first `leaving` messages are hollow."""
    each = context.window / count
    spans = iter(pieces(context))
    piece = next(spans, None)
    end = piece.tokens if piece else 0.0
    marks = {int(context.flush / each): "flush", int(context.warn / each): "warn"}
    found = []
    for place in range(count):
        middle = (place + 0.5) * each
        while piece is not None and middle > end:
            piece = next(spans, None)
            end += piece.tokens if piece else 0.0
        if piece is None:
            found.append(Square(marks.get(min(place, count - 1), "free")))
        elif piece.number and piece.number <= leaving:
            found.append(Square("leaving", piece))
        else:
            found.append(Square(piece.section, piece))
    return found


def sparkline(values: list[int], width: int) -> str:
    """The last values as bars, the largest full."""
    shown = values[-width:]
    most = max(shown, default=0)
    return "".join(LEVELS[round(value / most * (len(LEVELS) - 1))] if most else LEVELS[0] for value in shown)
