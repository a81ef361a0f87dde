"""How numbers of things are said, and read."""

from __future__ import annotations

from collections.abc import Sequence

WAITING_FOR_YOU = "waiting_for_you"  # what an agent does while a call waits for the user's word
YOUR_WORD = "/allow lets it, /deny and why keeps it from that."  # how it is given
GOING_ON = ("budget", "steps")  # what a turn has used up, where a question is whether it may go on

LONGEST_NUMBER = 15  # digits


def counted(number: int, thing: str) -> str:
    """`1 passage`, `2 passages`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def whole(text: str) -> int:
    """The number that is written there in digits of any script; 0 where it is none, or larger than anything is counted."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else 0


def nothing_in(files: Sequence[str], most: int) -> str:
    """Says of files that they hold nothing to read, of `most` of them by name."""
    more = f" and {len(files) - most} more" if len(files) > most else ""
    return f"Nothing to read was found in {', '.join(files[:most])}{more}."


def money(dollars: float) -> str:
    """Dollars with as many digits as tell them from nothing."""
    if 0 < dollars < 0.0001:
        return "under $0.0001"
    return f"${dollars:.2f}" if dollars >= 0.1 or not dollars else f"${dollars:.4f}"
