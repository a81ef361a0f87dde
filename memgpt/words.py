"""How numbers of things are said."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """`1 passage`, `2 passages`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
