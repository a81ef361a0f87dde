"""How numbers of things are said."""

from __future__ import annotations

WAITING_FOR_YOU = "waiting_for_you"  # what an agent does while a call waits for the user's word
YOUR_WORD = "/allow lets it, /deny and why keeps it from that."  # how it is given
GOING_ON = ("budget", "steps")  # what a turn has used up, where a question is whether it may go on


def counted(number: int, thing: str) -> str:
    """`1 passage`, `2 passages`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
