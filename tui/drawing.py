"""From the view to the widgets: what has changed is drawn, at most so many times a second."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from tui import theme as themes
from tui.context.memory_view import memory_entries
from tui.text import inert
from tui.view import Entry, Stage, View
from tui.widgets.context_map import ContextMap
from tui.widgets.memory_pane import Blocks
from tui.widgets.messages import Messages
from tui.widgets.pane import Pane
from tui.widgets.status import FULL, HOT, figure, fullness
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.app import MemGPTApp

FLUSH_S = 0.1  # between two drawings of an answer that grows
SOON_S = 0.03  # and of everything else
MOST_SHARE = 0.09  # of a core, that an answer which grows takes: where drawing costs more, it is drawn less often
LONGEST_FLUSH_S = 0.25


def paint(base: Screen[Any], view: View, changed: Collection[str], chat: list[Entry], monologue: list[Entry]) -> None:
    """Draws what has changed of a view into the panes of a screen; `chat` is the conversation, `monologue` what the model
    thinks and does, as far as they are shown."""
    if "chat" in changed:
        base.query_one(Messages).show(chat)
    if "monologue" in changed:
        base.query_one("#monologue", Transcript).show(monologue)
    if "memory" in changed:
        base.query_one(Blocks).show_blocks(memory_entries(view.blocks.values()))
    if "context" in changed:
        draw_context(base, view)
    if "status" in changed:
        base.query_one("#chat-pane", Pane).set_figure(view.agent)


def draw_context(base: Screen[Any], view: View) -> None:
    """The map, and how full it is in the border above it."""
    base.query_one(ContextMap).show(view)
    style = "$error" if fullness(view) >= FULL else "$warning" if fullness(view) >= HOT else "$foreground"
    base.query_one("#context-pane", Pane).set_figure(figure(view), style)


class Drawing:
    """Draws the app's view. `wake` asks for it; what is asked for meanwhile is drawn together."""

    def __init__(self, app: MemGPTApp) -> None:
        self.app = app
        self.flush_s = FLUSH_S
        self._asked = False
        self._drawn_at = 0.0
        self._clock = self._spent_s = 0.0  # processor time at the last drawing, and from the one before to it
        self._queued: list[Entry] = []
        self._stage: Stage = "resting"

    def wake(self) -> None:
        """Something has changed."""
        if self._asked or not self.app.is_running:
            return
        self._asked = True
        pause = self._pause() if self.app.bridge.growing else SOON_S
        wait = pause - (time.monotonic() - self._drawn_at)
        if wait <= 0:
            self.app.call_later(self._draw_changes)
        else:
            self.app.set_timer(wait, self._draw_changes)

    def _pause(self) -> float:
        """Seconds between two drawings of an answer that grows, on this machine."""
        return max(self.flush_s, min(LONGEST_FLUSH_S, self._spent_s / MOST_SHARE))

    def _draw_changes(self) -> None:
        """Draws what has changed since the last time."""
        self._asked = False
        if not self.app.screen_stack:  # it is being left
            return
        self._drawn_at, before, self._clock = time.monotonic(), self._clock, time.process_time()
        self._spent_s = self._clock - before
        bridge = self.app.bridge
        changed, view = bridge.take(), bridge.view
        if bridge.stale:
            bridge.stale = False
            self.app.run_worker(self._draw_anew(), group="draw", exclusive=True, exit_on_error=False)
        chat = self.chat_entries() if "chat" in changed else []
        monologue = self.app.room.past.monologue() if "monologue" in changed else []
        paint(self.app.base, view, changed, chat, monologue)
        if changed & {"context", "status"}:
            self.app.status.show(view)
        if "status" in changed and view.stage != self._stage:
            self._stage = view.stage
            self.app.hint()

    def chat_entries(self) -> list[Entry]:
        """The conversation, and what waits behind it."""
        waiting = [inert(text) for text in (*self.app.bridge.view.queued, *self.app.outbox.unsent)]
        if [entry.text for entry in self._queued] != waiting:
            self._queued = [Entry("queued", text) for text in waiting]
        past = self.app.room.past
        return [*past.chat(), *(self._queued if past.joined else ())]

    async def _draw_anew(self) -> None:
        bridge = self.app.bridge
        bridge.redraw(*await self.app.connection.draw_anew())

    async def read_on(self, up: bool) -> None:
        """Has the page before what is held of the conversation, or the one after it."""
        past = self.app.room.past
        await (past.up() if up else past.down())
        self._show_past()

    async def go(self, step: int = 0, row: int = 0, at: int | None = None) -> bool:
        """Shows the conversation from a step or a moment on (see `Past.go`), so many rows further; whether there is
        anything."""
        step = await self.app.room.past.go(step, at)
        if not step:
            return False
        self._show_past(step, row)
        if self.app.room.past.held:  # what is before it, once the place itself is seen
            await self.app.chat.wait_for_refresh()
            await self.read_on(up=True)
        return True

    def to_now(self) -> None:
        """The end of the conversation, which is followed from now on."""
        if self.app.room.past.held:
            self.app.room.past.to_now()
            self._show_past()
        self.app.chat.to_end()

    def _show_past(self, step: int = 0, row: int = 0) -> None:
        past = self.app.room.past
        self.app.chat.reshow(self.chat_entries(), past.joined, step, row)
        self.app.base.query_one("#monologue", Transcript).reshow(past.monologue(), past.joined)

    def everything(self) -> None:
        """Another agent is shown: all of its view at once."""
        self.app.bridge.changed |= {"chat", "monologue", "memory", "context", "status"}
        self._draw_changes()
        self.to_now()

    def restyle(self, look: themes.Look) -> None:
        """Another theme, everywhere at once."""
        app = self.app
        app.look = look
        app.theme_watch.follow(look.name)
        drawn = themes.for_textual(look)
        if app.theme == drawn.name:  # the same one, changed: Textual takes up only what has another name
            drawn.name += "~"
        app.register_theme(drawn)
        app.theme = drawn.name
        app.set_class(look.plain, "-plain")
        for transcript in app.base.query(Transcript):
            transcript.restyle(look)
        app.base.query_one(ContextMap).look = app.status.look = look
        draw_context(app.base, app.bridge.view)
        app.status.show(app.bridge.view)
