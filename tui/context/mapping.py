"""The map of main context: which section every cell of it belongs to, in the order in which the model reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memgpt.events import ContextChanged

GLYPHS = {
    "instructions": "▚", "functions": "▞", "core_memory": "▒", "metadata": "░", "summary": "◆", "messages": "█",
    "messages_alternate": "▓", "recalled": "●", "overhead": "░", "free": "·", "warn": "┊", "flush": "┃", "leaving": "▢", "entering": "▫", "returning": "○", "rewriting": "◇",
}  # fmt: skip
LEVELS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of main context of one kind; `number` counts messages from 1, `step` names one. `start` is how many
    tokens stand before it."""

    section: str
    tokens: float
    step: int = 0
    role: str = ""
    number: int = 0
    start: float = 0.0

    @property
    def key(self) -> tuple[str, int]:
        """What it is, whatever its shade: the same one in the map before and after a change."""
        return "messages" if self.section.startswith("messages") else self.section, self.step


@dataclass(frozen=True, slots=True)
class Square:
    """One cell: its glyph's name in `GLYPHS`, what lies under it, the line (`warn` or `flush`) that crosses it, and
    whether the model's server had it cached."""

    kind: str
    piece: Piece | None = None
    mark: str = ""
    cached: bool = False


def pieces(context: ContextChanged) -> list[Piece]:
    """Main context in reading order: the system message, the summary, then message by message."""
    tokens = {section["name"]: section["tokens"] for section in context.sections}
    first = [
        Piece(name.partition(".")[0], count)
        for name, count in tokens.items()
        if name not in ("messages", "recalled", "summary", "overhead")
    ]
    found = [*first, Piece("summary", tokens.get("summary", 0)), Piece("overhead", tokens.get("overhead", 0))]
    kept = [piece for piece in [*found, *_messages(context, tokens)] if piece.tokens > 0]
    starts = accumulate((piece.tokens for piece in kept), initial=0.0)
    return [replace(piece, start=start) for piece, start in zip(kept, starts, strict=False)]


def _messages(context: ContextChanged, tokens: dict[str, int]) -> Iterator[Piece]:
    """Each message, scaled so that they come to what the sections say; what was paged into it stands behind it.

    Neighbours alternate two shades, counted from the newest message that was evicted on: a message keeps its shade when
    others leave.
    """
    own = sum(cell["tokens"] for cell in context.cells) or 1
    scale = (tokens.get("messages", 0) + tokens.get("recalled", 0)) / own
    for number, cell in enumerate(context.cells, 1):
        recalled = cell["recalled"] * scale
        kind = "messages_alternate" if (number + context.gone) % 2 == 0 else "messages"
        yield Piece(kind, cell["tokens"] * scale - recalled, cell["step"], cell["role"], number)
        if recalled:
            yield Piece("recalled", recalled, cell["step"], cell["role"], number)


def squares(context: ContextChanged, count: int, cached: int = 0) -> list[Square]:
    """The map in `count` cells, of which those within the first `cached` tokens were cached at the last call."""
    each = context.window / count
    spans = iter(pieces(context))
    piece = next(spans, None)
    found = []
    for place in range(count):
        middle = (place + 0.5) * each
        while piece is not None and middle > piece.start + piece.tokens:
            piece = next(spans, None)
        kind = piece.section if piece else "free"
        found.append(Square(kind, piece, cached=piece is not None and middle <= cached))
    return marked(found, context)


def marked(cells: Sequence[Square], context: ContextChanged) -> list[Square]:
    """Cells with the pressure line and the eviction line through them, wherever they are full."""
    each = context.window / max(1, len(cells))
    marks = {
        min(int(context.warn / each), len(cells) - 1): "warn",
        min(int(context.flush / each), len(cells) - 1): "flush",
    }
    return [replace(cell, mark=marks.get(place, "")) for place, cell in enumerate(cells)]


EVICTION = "↓"


def sparkline(values: Sequence[int], width: int, full: int = 0) -> str:
    """The last values as bars, `full` the highest (the largest where that is not given); a negative value stands for an
    eviction and is an arrow down."""
    shown = list(values[-width:]) if width > 0 else []
    most = full or max(shown, default=0)
    return "".join(EVICTION if value < 0 else _bar(value, most) for value in shown)


def _bar(value: int, most: int) -> str:
    return LEVELS[min(len(LEVELS) - 1, round(value / most * (len(LEVELS) - 1)))] if most else LEVELS[0]
