"""Jump mode: a letter on every pane and on every message in view; the letter goes there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.widgets.messages import Messages

if TYPE_CHECKING:
    from tui.app import MemGPTApp
    from tui.view import Entry

PANES = (("p", "prompt"), ("h", "chat"), ("x", "map"), ("m", "memory"), ("i", "monologue"))
LETTERS = "asdfgjklqwertyuzcvbno"  # for messages
HOW = "letter go there · any other key stay"


@dataclass(frozen=True, slots=True)
class Target:
    """A place to go to, and where its letter stands."""

    letter: str
    x: int
    y: int
    widget: str
    entry: Entry | None = None


def targets(app: MemGPTApp) -> list[Target]:
    """Every pane that is shown, and the messages of the chat in view, the last one first."""
    found = []
    for letter, name in PANES:
        widget = app.base.query_one(f"#{name}")
        if widget.is_on_screen and widget.size.height and widget.display:
            region = widget.region
            above = 0 if name == "prompt" or app.base.has_class("-tiny") else 1  # on the border, beside the title
            found.append(Target(letter, max(0, region.x - above), max(0, region.y - above), name))
    chat = app.chat
    if not isinstance(chat, Messages) or not chat.is_on_screen:
        return found
    place = chat.region
    for letter, entry in zip(LETTERS, reversed(chat.seen()), strict=False):
        row = max(0, chat.row_of(entry))
        found.append(Target(letter, place.x + 2 + len(entry.who), place.y + row, "chat", entry))
    return found


class Jump(ModalScreen[Target | None]):
    """The letters over the main screen; any other key is nowhere."""

    DEFAULT_CSS = """
    Jump { background: transparent; layers: letters; }
    Jump > Static { height: 1; background: $accent; color: $background; text-style: bold; text-align: center; }
    Jump > .letter { layer: letters; dock: left; width: 3; }
    Jump > #how { dock: bottom; width: 100%; }
    Jump:ansi > Static { text-style: reverse bold; background: ansi_default; color: ansi_default; }
    """

    def __init__(self, places: Sequence[Target]) -> None:
        super().__init__()
        self.places = places

    def compose(self) -> ComposeResult:
        for target in self.places:
            label = Static(target.letter, classes="letter", markup=False)
            label.styles.offset = (target.x, target.y)
            yield label
        yield Static(HOW, id="how", markup=False)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(next((target for target in self.places if target.letter == event.character), None))
