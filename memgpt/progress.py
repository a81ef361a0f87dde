"""How long work is told of. Apart from the events, which take longer to load than a first frame can wait."""

from __future__ import annotations


def done_of(phase: str, count: int, total: int) -> int:
    """How much of a phase of long work is done: of `reading` that is what is told, of `embedding` what is left is."""
    return max(0, total - count) if phase == "embedding" else count
