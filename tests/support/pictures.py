"""Every screen of the app in a state worth a picture: how to get there, and what has to be readable then at any size."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.pilot import Pilot

from tests.support import screens
from tui.screens.dialogs import Confirm, Pick, Read
from tui.screens.help import keys_screen
from tui.screens.queue import Queue
from tui.screens.roster import Roster
from tui.screens.tour import Tour
from tui.tour.script import STAGES
from tui.widgets.context_map import ContextMap
from tui.widgets.walked import Monologue

Put = Callable[[Any, Pilot[None]], Awaitable[None]]
NARROW = 100
AGENTS = [
    {"name": "sam", "model": "openai/gpt-4o-mini", "messages": 812, "bytes": 4_300_000,
     "last_words": "The launch moved to the 14th. Three things are still open."},
    {"name": "ada", "model": "anthropic/claude-3-5-haiku-latest", "messages": 12_407, "bytes": 61_000_000, "busy": True,
     "open": True, "last_words": "Looking through your notes on the bees; a moment."},
    {"name": "old notes", "model": "builtin", "messages": 3, "bytes": 90_000, "archived": True, "last_words": ""},
]  # fmt: skip
LOGGED = "\n".join(f"11:{n:02}:04 INFO the agent sam was opened in 0.{n:02} s" for n in range(40))
WRITTEN = ["earlier words", "What did I say about the launch?", "Remind me of Thursday's game, and of the bishop"]


@dataclass(frozen=True)
class Picture:
    """One state: what puts the app into it, and words that stand on the screen then, whatever its size."""

    put: Put
    shows: tuple[str, ...]


def shown(app: Any) -> str:
    """The words on the screen, one line a row."""
    drawn = app.export_screenshot()
    rows: dict[str, list[str]] = {}
    for y, text in re.findall(r'<text [^>]*y="([\d.]+)"[^>]*>([^<]*)</text>', drawn):
        rows.setdefault(y, []).append(html.unescape(text))
    return "\n".join("".join(parts) for parts in rows.values()).replace("\xa0", " ")


async def keys(pilot: Pilot[None], *names: str) -> None:
    for name in names:
        await pilot.press(name)
        await pilot.pause(0.05)


def conversation(put: Callable[[Any], None], *pressed: str) -> Put:
    async def get(app: Any, pilot: Pilot[None]) -> None:
        put(app)
        await pilot.pause(0.2)
        await keys(pilot, *pressed)

    return get


def over(made: Callable[[Any], Any]) -> Put:
    """A screen over the conversation."""

    async def get(app: Any, pilot: Pilot[None]) -> None:
        screens.calm(app)
        app.push_screen(made(app))
        await pilot.pause(0.3)

    return get


async def _history(app: Any, pilot: Pilot[None]) -> None:
    app.history[:] = WRITTEN
    screens.calm(app)
    app.run_worker(app.writing.search_history())
    await pilot.pause(0.3)
    await keys(pilot, *"the")


async def _edited(app: Any, pilot: Pilot[None]) -> None:
    screens.calm(app)
    await pilot.pause(0.2)
    app.run_command("/human")
    await pilot.pause(0.4)
    await keys(pilot, "enter", *"Likes tea.")


async def _marked(app: Any, pilot: Pilot[None]) -> None:
    screens.calm(app)
    await pilot.pause(0.2)
    app.chat.focus()
    await keys(pilot, "k")


async def _evicted(app: Any, pilot: Pilot[None]) -> None:
    screens.evicted(app)
    await pilot.pause(2)  # until the map has come to rest


async def _cell(app: Any, pilot: Pilot[None]) -> None:
    await _evicted(app, pilot)
    if app.size.width < NARROW:
        await keys(pilot, "ctrl+o")
    app.query_one(ContextMap).focus()
    await keys(pilot, "l", "l", "l", "n")


async def _thought(app: Any, pilot: Pilot[None]) -> None:
    await _evicted(app, pilot)
    if app.size.width < NARROW:
        await keys(pilot, "ctrl+o")
    app.query_one(Monologue).focus()
    await keys(pilot, "up", "enter")


async def _inspector(app: Any, pilot: Pilot[None]) -> None:
    await screens.inspecting(app)
    await pilot.pause(0.5)
    await keys(pilot, "left", "left", "down", "down", "down")


async def _browser(app: Any, pilot: Pilot[None]) -> None:
    await screens.browsing(app)
    await pilot.pause(0.4)
    await keys(pilot, *"bishop")
    await pilot.pause(0.6)


async def _selected(app: Any, pilot: Pilot[None]) -> None:
    await screens.browsing(app, "archival")
    await pilot.pause(0.4)
    await keys(pilot, "down", "space", "space")


async def _talk(app: Any, pilot: Pilot[None]) -> None:
    await screens.browsing(app)
    await pilot.pause(0.4)
    await keys(pilot, "down", "down", "enter")


async def _first(app: Any, pilot: Pilot[None]) -> None:
    await pilot.pause(0.4)


async def _nothing() -> None:
    """In place of going to an engine."""


async def _tour(app: Any, pilot: Pilot[None]) -> None:
    """A stage of the tour without its engine."""
    tour = Tour(app.look)
    tour._begin = _nothing  # type: ignore[method-assign]
    await app.push_screen(tour)
    tour.place = next(place for place, stage in enumerate(STAGES) if stage.title == "It comes back")
    screens.evicted(tour)  # type: ignore[arg-type]
    await pilot.pause(2)


PICTURES: dict[str, Picture] = {
    "calm": Picture(conversation(screens.calm), ("Maria", "release notes", "idle", "Write a message, or / for commands", "F1 help")),
    "streaming": Picture(conversation(screens.streaming), ("Of course:", "queued: And one for Maria.", "answering")),
    "evicted": Picture(_evicted, ("24 messages moved to recall", "It was the bishop on e5")),
    "failed": Picture(conversation(screens.failed), ("× http://127.0.0.1:8080/v1", "address is right.")),
    "slash": Picture(conversation(screens.calm, "slash", "m"), ("/memory", "/model", "core memory")),
    "drawer": Picture(conversation(screens.calm, "ctrl+o"), ("Context", "Core memory", "Inner monologue", "Plays chess")),
    "palette": Picture(conversation(screens.calm, "ctrl+p"), ("/exit", "leave; everything is already saved")),
    "help": Picture(conversation(screens.calm, "f1"), ("Help: commands, then keys", "/save [NAME]", "Esc closes · Ctrl+P finds by words")),
    "keys": Picture(over(lambda app: keys_screen(app.settings)), ("Keys;", "Ctrl+C", "interrupt: copy", "Esc closes")),
    "jump": Picture(conversation(screens.calm, "ctrl+g"), ("letter go there · any other key stay",)),
    "agents": Picture(over(lambda app: Roster(app, AGENTS)), ("sam", "here", "at work", "archived", "Enter go", "Esc close · F1 keys")),
    "confirm": Picture(
        over(lambda app: Confirm("Delete agent 'old notes'?", "3 messages, 90 KB. The list of agents can bring it back.")),
        ("Sure?", "3 messages, 90 KB.", "Delete agent 'old notes'?  [y/N]"),
    ),
    "pick": Picture(
        over(lambda app: Pick("Attach a source", [("handbook", "1,204 passages"), ("notes", "88 passages")])),
        ("Attach a source", "handbook  1,204 passages", "notes     88 passages"),
    ),
    "log": Picture(over(lambda app: Read("memgpt.log", Content(LOGGED), at_end=True)), ("memgpt.log", "0.39 s", "Esc closes")),
    "queue": Picture(
        over(lambda app: Queue(["And one for Maria.", "Then tell me what is still open."])),
        ("Waits for the model", "1  And one for Maria.", "Enter takes it back"),
    ),
    "history": Picture(_history, ("What was written before", "Remind me of Thursday's game", "Enter takes")),
    "block": Picture(_edited, ("human 89 / 2,000", "Likes tea.", "Ctrl+S save")),
    "message": Picture(_marked, ("I was! And what is left for the launch?", "j k move", "y copy")),
    "cell": Picture(_cell, ("2,620 / 8,192", "j k cells", "Enter open")),
    "thought": Picture(_thought, ("core_memory_append", "Enter fold", "OK")),
    "inspector": Picture(_inspector, ("core human", "54", "←→ call", "Enter read")),
    "browser": Picture(_browser, ("bishop", "gave the bishop", "↓ results", "Tab place", "Esc close")),
    "selected": Picture(_selected, ("2 selected", "t tag", "d delete", "The rollback plan")),
    "talk": Picture(_talk, ("The launch moved", "Maria signs the release")),
    "first": Picture(_first, ("Welcome.", "› the built-in model: offline", "/tour", "Enter begins", "F1 help", "Write a message")),
    "tour": Picture(_tour, ("Asked about what has left", "Enter goes on", "any other key leaves", "bishop on e5")),
}  # fmt: skip
