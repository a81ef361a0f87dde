"""Keys that are ahead of what they are meant for: a line may bring several in one piece.

A key may open a screen, close one or move the focus, and often does so a little later: after other messages, or after the
engine was asked. The keys behind it wait for that, and then go to whatever has the focus.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from textual import events
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import TextArea
from textual.worker import Worker

if TYPE_CHECKING:
    from tui.app import MemGPTApp

OPENING = "opening"  # the group of work that may open a screen
GROUPS = (OPENING, "change")
ROUNDS = 3  # a key, the message that it is made into, and one more that this is made into, as Enter on a menu is
LOOK_S = 0.02  # between two looks at whether the screen is there
LOOKS = 150  # at most: what is typed is not kept from the prompt for ever
LONGEST_S = 5.0  # that keys wait at all


class Ahead:
    """Gives keys one after the other, where the one before may change what the next is for."""

    def __init__(self, app: MemGPTApp) -> None:
        self._app = app
        self._waiting: deque[events.Event] = deque()
        self._settling: asyncio.Task[None] | None = None

    def keeps(self, event: events.Event) -> bool:
        """Whether this is a key, or a paste, that waits for what another one does."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded or not self._app.screen_stack:
            return False
        if self._settling:
            self._waiting.append(event)
            return True
        if not self._is_text(event):
            app = self._app
            self._settling = asyncio.create_task(
                self._settle(app.focused or app.screen, app.screen, frozenset(app.workers))
            )
        return False

    def _is_text(self, event: events.Key | events.Paste) -> bool:
        """Whether it does nothing but stand where something is written."""
        if isinstance(event, events.Paste):
            return True
        focused = self._app.focused
        return event.is_printable and isinstance(focused, TextArea) and not focused.read_only

    async def _settle(self, target: DOMNode, screen: Screen[Any], known: frozenset[Worker[Any]]) -> None:
        """Waits for what a key does that was given to that target, on that screen, while that work was under way."""
        app = self._app
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_S):
                for _ in range(ROUNDS):
                    for node in (app, *target.ancestors_with_self):  # the way that messages take
                        await _passed(node)
                work = [each for each in app.workers if each not in known and each.group in GROUPS]
                for _ in range(LOOKS):
                    if app.screen is not screen or all(each.is_finished for each in work):
                        break
                    await asyncio.sleep(LOOK_S)
                if work or app.screen is not screen:  # it is drawn, and then has the focus
                    await _passed(app, drawn=True)
                    await _passed(app.screen)
                    await _passed(app)
        app.call_later(self._give)

    async def _give(self) -> None:
        """Gives what waits. The app takes nothing else meanwhile."""
        self._settling = None
        while self._waiting and not self._settling:
            await self._app.on_event(self._waiting.popleft())


async def _passed(node: DOMNode, drawn: bool = False) -> None:
    """Waits until a node has done with all that it was sent, if it still lives."""
    reached = asyncio.Event()
    later = node.call_after_refresh if drawn else node.call_later
    if later(reached.set):
        while not reached.is_set() and node.is_running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await reached.wait()
