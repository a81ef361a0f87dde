"""`memgpt forget`: erases for good, after showing what would go."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from memgpt.erasable import Wording
from memgpt.home import Home, UserError, find_home
from tui.cli import front
from tui.cli.asking import confirmed, with_link
from tui.text import inert

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
    """Looks for an agent's message (`message_id`) or `text`, and changes nothing.

    Raises:
        UserError: it stands nowhere.
    """
    words = str(given.get("text") or "")
    try:
        found = await ask("forget", **given, confirmed=False)
    except UserError:
        if not (words.strip() and front.holding(home, [Wording(words)])):
            raise
        found = {"found": [], "elsewhere": [], "wordings": [{"text": words}]}
    wordings = [Wording(**each) for each in found["wordings"]]
    return Found(wordings, found["found"], front.holding(home, wordings), found["elsewhere"])


async def erase(home: Home, ask: Ask, found: Found, **given: Any) -> None:
    """Erases what was found."""
    front.erase(home, found.wordings)  # first: an open screen reads its history again when the engine tells it
    if found.places:
        await ask("forget", **given, confirmed=True)


def run(options: argparse.Namespace) -> int:
    home = find_home()
    given = {"agent": options.agent, "message_id": options.id, "text": options.text}
    found = with_link(lambda link: look(home, link.ask, **given))
    for line in found.told():
        print(inert(line))
    if not confirmed(f"Erase this for good from {len(found.places) + len(found.typed)} places?", options.yes):
        return 1
    with_link(lambda link: erase(home, link.ask, found, **given))
    print("Forgotten.")
    return 0
