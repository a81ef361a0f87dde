"""What is to be erased for good: looked for, shown, and taken out of an agent's memory and of what front ends remember."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from memgpt.erasable import Wording
from memgpt.home import Home, UserError
from tui.cli import front

Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """What would go: of an agent's memory, each with its place, and of the prompt's history. `elsewhere` keeps it."""

    wordings: list[Wording]
    places: list[dict[str, str]]
    typed: list[str]
    elsewhere: list[str]

    def told(self) -> list[str]:
        return [
            *(f"{place['where']}: {place['text']}" for place in self.places),
            *(f"the prompt's history: {line}" for line in self.typed),
            *(f"It also stands in {holder}, which keeps it." for holder in self.elsewhere),
        ]


async def look(home: Home, ask: Ask, **given: Any) -> Found:
    """Looks for an agent's messages (`message_ids`) or `text`, and changes nothing.

    Raises:
        UserError: it stands nowhere.
    """
    words = str(given.get("text") or "")
    try:
        found = await ask("forget", **given, confirmed=False)
    except UserError:
        typed = await asyncio.to_thread(front.holding, home, [Wording(words)])
        if not (words.strip() and typed):
            raise
        found = {"found": [], "elsewhere": [], "wordings": [{"text": words}]}
    wordings = [Wording(**each) for each in found["wordings"]]
    typed = await asyncio.to_thread(front.holding, home, wordings)
    return Found(wordings, found["found"], typed, found["elsewhere"])


async def erase(home: Home, ask: Ask, found: Found, kept: Ask = asyncio.to_thread, **given: Any) -> None:
    """Erases what was found; `kept` carries out a change of what front ends remember."""
    # First: an open screen reads its history anew when the engine tells it.
    await kept(front.erase, home, found.wordings)
    if found.places:
        await ask("forget", **given, confirmed=True)
