"""What every screen is told when words are forgotten for good."""

from __future__ import annotations

from textual.message import Message


class Erased(Message, bubble=False):
    """Words were erased, here or in another terminal, that the screen may show."""
