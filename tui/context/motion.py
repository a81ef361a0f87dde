"""What is seen move on the map when main context changes: messages leave hollow and the rest closes up, new ones grow in,
pages that came back and a rewritten summary are hollow for a moment. Then it rests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.context.mapping import Piece, Square, marked

if TYPE_CHECKING:
    from memgpt.events import ContextChanged

LEAVING_S, STEP_S, ARRIVED_S = 0.6, 0.1, 0.4
STEPS = 4  # in which the map closes up and grows
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """The map for `seconds`; the last frame is the present, and stays."""

    squares: list[Square]
    seconds: float


@dataclass(slots=True)
class Run:
    """Neighbouring cells of one piece: how many there were and will be."""

    square: Square
    before: int
    after: int
    hollow: str = ""

    @property
    def leaves(self) -> bool:
        return self.hollow == "leaving"

    def cells(self, share: float, still: bool) -> list[Square]:
        """Its cells when `share` of the way is gone; what stays is at its new size from the first."""
        grows = self.hollow != "rewriting" and self.before != self.after and (self.leaves or not self.before)
        count = round(self.before + (self.after - self.before) * share) if grows else self.after
        square = self.square if still or not self.hollow else replace(self.square, kind=self.hollow, cached=False)
        return [square] * count


def frames(before: Sequence[Square], after: Sequence[Square], context: ContextChanged, rewritten: bool) -> list[Frame]:
    """What to show between two maps of the same size; the last is `after`. One alone where nothing came or went."""
    last = Frame(list(after), 0.0)
    runs = _runs(before, after, rewritten)
    if not any(run.hollow for run in runs):
        return [last]
    shown = []
    if any(run.leaves for run in runs):
        shown.append(Frame(_laid(runs, 0.0, len(after), context), LEAVING_S))
    shown += [Frame(_laid(runs, step / STEPS, len(after), context), STEP_S) for step in range(1, STEPS)]
    shown.append(Frame(_laid(runs, 1.0, len(after), context), ARRIVED_S))
    return [*shown, last]


def _laid(runs: Sequence[Run], share: float, count: int, context: ContextChanged) -> list[Square]:
    cells = [cell for run in runs for cell in run.cells(share, still=False)][:count]
    return marked([*cells, *[Square("free")] * (count - len(cells))], context)


def _runs(before: Sequence[Square], after: Sequence[Square], rewritten: bool) -> list[Run]:
    """Both maps as one list in reading order: what goes, what stays and what comes."""
    old, new = _counted(before), _counted(after)
    found: list[Run] = []
    waiting = list(old)
    for key, (square, count) in new.items():
        if key in old:
            while waiting and waiting[0] != key:
                gone = waiting.pop(0)
                if gone not in new:
                    found.append(Run(old[gone][0], old[gone][1], 0, "leaving"))
            if waiting:
                waiting.pop(0)
            hollow = "rewriting" if rewritten and key[0] == "summary" else ""
            found.append(Run(square, old[key][1], count, hollow))
        else:
            hollow = {"summary": "rewriting", "recalled": "returning"}.get(key[0], "entering")
            found.append(Run(square, 0, count, hollow))
    found += [Run(old[key][0], old[key][1], 0, "leaving") for key in waiting if key not in new]
    return found


def _counted(cells: Sequence[Square]) -> dict[Key, tuple[Square, int]]:
    found: dict[Key, tuple[Square, int]] = {}
    for square in cells:
        if isinstance(square.piece, Piece):
            _, count = found.get(square.piece.key, (square, 0))
            found[square.piece.key] = (replace(square, mark=""), count + 1)
    return found
