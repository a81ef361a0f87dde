"""How far a load is, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Is told how far a load is: of the phase `reading` what is done, of `embedding` what is left; `total` is 0 where
    nobody knows it."""

    def __call__(self, phase: str, count: int, total: int = 0) -> None: ...


def embedding(progress: Progress) -> Callable[[int], None]:
    """Tells how many passages have no vector yet, of as many as there were when that was first asked."""
    most = 0

    def told(left: int) -> None:
        nonlocal most
        most = max(most, left)
        progress("embedding", left, most)

    return told
