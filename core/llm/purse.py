"""What has been spent on models today, over all agents of a home, and what may be.

Kept in `spending.json` of the home, so that a new engine goes on counting. Only calls that have a price count.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path

from core.llm.builtin import is_builtin
from core.llm.types import ModelError
from memgpt.home import read_stored, write_private
from memgpt.servers import is_ollama
from memgpt.words import money

HINT = (
    "/budget go, in the app or `memgpt run --plain`, lets it go on; /budget shows what was spent and sets what may be."
)


def is_paid(model: str, endpoint: str | None) -> bool:
    """Whether anybody is paid for that model: nobody for an offline one, one of Ollama's, or one at an endpoint of its own."""
    return not (endpoint or is_builtin(model) or is_ollama(model))


class Purse:
    """`zone` gives the time zone whose days count."""

    def __init__(self, path: Path, zone: Callable[[], tzinfo | None] = lambda: None) -> None:
        self.path, self._zone = path, zone
        self._day, self._spent = "", 0.0
        self._more = 0.0  # what was allowed beyond the day's budget

    @property
    def spent(self) -> float:
        """US dollars of today."""
        self._turn_page()
        return self._spent

    def add(self, dollars: float | None) -> None:
        """Counts what a call has cost."""
        if dollars:
            self._turn_page()
            self._spent += dollars
            write_private(self.path, json.dumps({"day": self._day, "usd": round(self._spent, 8)}) + "\n")

    def allow(self, dollars: float) -> None:
        """Lets today's spending go on for so much from where it is."""
        self._turn_page()
        self._more = self._spent + dollars

    def check(self, turn: float, a_turn: float, a_day: float) -> None:
        """Holds what a turn and the day have cost against what they may; 0 is no limit.

        Raises:
            ModelError: of kind `budget`: the user is to be asked.
        """
        if a_turn and turn >= a_turn:
            told = f"This turn has cost {money(turn)}; its budget is {money(a_turn)}."
            raise ModelError(told, HINT, "budget")
        if a_day and self.spent >= max(a_day, self._more):
            told = f"Models have cost {money(self.spent)} today; the day's budget is {money(a_day)}."
            raise ModelError(told, HINT, "budget")

    def _turn_page(self) -> None:
        """Begins anew where the day is another one than was counted last."""
        today = datetime.now(self._zone()).date().isoformat()
        if self._day == today:
            return
        self._day, self._spent, self._more = today, 0.0, 0.0
        stored = read_stored(self.path)
        spent = stored.get("usd")
        if stored.get("day") == today and isinstance(spent, int | float):
            self._spent = float(spent)
