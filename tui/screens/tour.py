"""The guided tour, over whatever was on the screen: the panes of an agent of its own, and a sentence at each stage."""

from __future__ import annotations

import asyncio
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from memgpt.home import UserError
from tui.bridge import Bridge
from tui.connection import Connection
from tui.drawing import paint
from tui.footer import fitted
from tui.text import inert
from tui.theme import Look
from tui.tour.backstage import Backstage
from tui.tour.model import PACE_S
from tui.tour.script import AGENT, STAGES, Stage
from tui.view import View
from tui.widgets.context_map import ContextMap
from tui.widgets.memory_pane import MemoryPane
from tui.widgets.messages import Messages
from tui.widgets.pane import Pane
from tui.widgets.transcript import Transcript
from tui.widgets.walked import Monologue

DRAW_S = 0.1
READ_S = 1.5  # of a sentence, before what it speaks of begins
ON = ("enter", "space", "right")
SCROLLS = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}


class Tour(Screen[None]):
    """Enter goes on, any other key leaves. `hurried` is for those who have read it: no pauses."""

    CSS = """
    Tour #told-pane { height: auto; border: round $accent; }
    Tour #told { height: auto; padding: 0 1; }
    Tour #keys { height: 1; color: $muted; padding: 0 1; }
    Tour MemoryPane, Tour #monologue-pane { height: 1fr; }
    Tour.-narrow #side, Tour.-tiny #side { display: block; dock: top; layer: default; width: 100%; height: auto; }
    Tour.-narrow MemoryPane, Tour.-tiny MemoryPane, Tour.-narrow #monologue-pane, Tour.-tiny #monologue-pane { display: none; }
    Tour.-narrow.-memory MemoryPane, Tour.-tiny.-memory MemoryPane { display: block; }
    Tour.-narrow.-monologue #monologue-pane, Tour.-tiny.-monologue #monologue-pane { display: block; }
    Tour.-narrow.-memory #chat-pane, Tour.-tiny.-memory #chat-pane { display: none; }
    Tour.-narrow.-monologue #chat-pane, Tour.-tiny.-monologue #chat-pane { display: none; }
    Tour.-narrow.-memory #side, Tour.-tiny.-memory #side, Tour.-narrow.-monologue #side, Tour.-tiny.-monologue #side { height: 1fr; }
    Tour.-short #told-pane, Tour.-tiny #told-pane { border: none; }
    Tour.-tiny #chat { padding: 0 1; }
    Tour.-short #told { background: $panel; }
    Tour.-short Pane { border: none; }
    Tour.-short #context-pane { height: 3; }
    """
    AUTO_FOCUS = ""
    alone = True  # the app's own keys rest meanwhile

    def __init__(self, look: Look, hurried: bool = False) -> None:
        super().__init__()
        self.look, self.hurried = look, hurried
        self.bridge = Bridge(lambda: None)
        self.place = 0
        self.playing = False
        self.failure = ""
        self._next = False  # Enter was pressed while a stage was played
        self._backstage: Backstage | None = None
        self._connection: Connection | None = None
        self._turned = asyncio.Event()

    def compose(self) -> ComposeResult:
        view = View()
        with Horizontal(id="columns"):
            yield Pane(Messages(self.look, id="chat"), title="Chat", id="chat-pane")
            with Vertical(id="side"):
                yield Pane(ContextMap(self.look, view), title="Context", id="context-pane")
                yield MemoryPane(self.look)
                yield Pane(Monologue(self.look, id="monologue"), title="Inner monologue", id="monologue-pane")
        yield Pane(Static(id="told", markup=False), title="Tour", id="told-pane")
        yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        for widget in self.query("*"):
            widget.can_focus = False
        self.set_interval(DRAW_S, self._draw)
        self._tell()
        self.run_worker(self._begin(), group="tour", exit_on_error=False)

    def on_unmount(self) -> None:
        if self._backstage:
            self._backstage.close()

    # --- the engine -------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        made = asyncio.create_task(asyncio.to_thread(Backstage, 0.0 if self.hurried else PACE_S))
        try:
            self._backstage = await asyncio.shield(made)
        except asyncio.CancelledError:  # left already: what was made in the meantime goes as well
            (await made).close()
            raise
        except OSError as error:
            self._fail(f"The tour cannot begin: {error}.")
            return
        stage = self._backstage
        self._connection = Connection(stage.home, stage.options, "screen", self._snapshot, self._event, self._fail)
        try:
            await self._connection.run()
        except UserError as error:
            self._fail(str(error))

    def _snapshot(self, snapshot: dict[str, Any], resumed: bool) -> None:
        (self.bridge.resume if resumed else self.bridge.show)(snapshot)
        self._tell()

    def _event(self, event: dict[str, Any]) -> None:
        self.bridge.apply(event)
        if event["type"] == "turn_end":
            self._turned.set()
        elif event["type"] == "error":
            self._fail(str(event["message"]))

    def _fail(self, text: str) -> None:
        """The tour cannot go on, and says why."""
        self.failure = text
        self._tell()

    # --- the stages -------------------------------------------------------------------------------------------

    @property
    def stage(self) -> Stage:
        return STAGES[self.place]

    @property
    def ready(self) -> bool:
        """Whether the engine stands and nothing is being played."""
        return self.bridge.view.context is not None and not self.playing

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in SCROLLS:
            self.query_one(Messages).scroll_relative(y=SCROLLS[event.key], animate=False)
        elif event.key not in ON or self.failure:
            self.dismiss()
        elif self.playing:
            self._next = True
        elif self.place + 1 == len(STAGES):
            self.dismiss()
        elif self.ready:
            self._go_on()

    def _go_on(self) -> None:
        self.place += 1
        self.playing, self._next = True, False
        for name in ("memory", "monologue"):
            self.set_class(self.stage.pane == name, f"-{name}")
        self._tell()
        self.run_worker(self._play(), group="play", exit_on_error=False)

    async def _play(self) -> None:
        """What the stage shows, after its sentence could be read."""
        assert self._connection
        if self.stage.settings:
            await self._connection.ask("configure_agent", agent=AGENT, changes=dict(self.stage.settings))
        for turn in self.stage.turns:
            await asyncio.sleep(0 if self.hurried else READ_S)
            self._turned.clear()
            await self._connection.send(turn.said)
            await self._turned.wait()
        self.playing = False
        self._tell()
        if self._next and self.place + 1 < len(STAGES):
            self._go_on()

    # --- the picture ------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if changed := self.bridge.take():
            paint(self, self.bridge.view, changed, self.bridge.view.chat, self.bridge.view.monologue)
            self._tell()

    def _tell(self) -> None:
        words = inert(self.failure) or self.stage.words
        self.query_one("#told", Static).update(Content.styled(words, "$error" if self.failure else "$foreground"))
        pane = self.query_one("#told-pane", Pane)
        pane.title = f"Tour: {self.stage.title}"
        pane.set_figure(f"{self.place + 1} of {len(STAGES)}")
        last = self.place + 1 == len(STAGES)
        does = f"{self.bridge.view.phase} …" if not self.ready else "Enter closes" if last else "Enter goes on"
        hints = ["Esc leaves"] if self.failure else [does, "any other key leaves", "↑↓ scroll"]
        self.query_one("#keys", Static).update(Content(fitted(hints, self.size.width - 2)))

    def on_resize(self) -> None:
        self.call_after_refresh(self._tell)

    @on(Transcript.TopReached)
    @on(ContextMap.Opened)
    @on(Messages.Chosen)
    def _not_for_the_app(self, event: events.Event) -> None:
        event.stop()
