"""The agents that are open in this app: each with its connection, its view, and what is being written to it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from memgpt.words import GOING_ON
from tui.cli import front
from tui.connection import Connection
from tui.prompting.outbox import Outbox

if TYPE_CHECKING:
    from textual.worker import Worker

    from tui.app import MemGPTApp
    from tui.bridge import Bridge
    from tui.past import Past

MOST = 6  # agents whose conversations are kept open


class Room:
    """One open agent. While another is shown, its events go on changing its view, and `news` says that a turn ended."""

    def __init__(self, app: MemGPTApp, agent: str, overrides: dict[str, Any]) -> None:
        self.app = app
        options = replace(app.options, agent=agent, overrides=overrides)
        self.connection = Connection(app.home, options, "screen", self._snapshot, self._event, self._trouble)
        self.outbox = Outbox(app, self)
        self.connection.user_waits = lambda: bool(self.outbox.unsent or app.prompt.text)
        self.connection.can_show = app.painted.wait
        self.news = False
        self.worker: Worker[None] | None = None

    @cached_property
    def bridge(self) -> Bridge:
        """Made when first asked for: its vocabulary takes longer to load than the first frame can wait."""
        from tui.bridge import Bridge

        return Bridge(self._wake)

    @cached_property
    def past(self) -> Past:
        """What is read of the conversation."""
        from tui.past import Past

        return Past(self.connection, self.bridge)

    @property
    def agent(self) -> str:
        return self.connection.agent

    @property
    def shown(self) -> bool:
        return self.app.rooms.present is self

    @property
    def busy(self) -> bool:
        heard = "bridge" in vars(self)  # asked before the first frame: the bridge is not made for that
        return heard and self.bridge.view.stage != "resting"

    def _wake(self) -> None:
        if self.shown:
            self.app.drawing.wake()

    def _snapshot(self, snapshot: dict[str, Any], resumed: bool) -> None:
        if resumed:
            self.bridge.resume(snapshot)
        else:
            self.bridge.show(snapshot)
            self.app.entered(self, snapshot)
        self.connection.seen = self.bridge.view.step
        self.outbox.offer(snapshot)

    def _event(self, event: dict[str, Any]) -> None:
        self.outbox.heard(event)
        self.bridge.apply(event)
        self.connection.seen = self.bridge.view.step
        if event["type"] in ("turn_end", "activity"):
            self.news = not self.shown and (self.news or event["type"] == "turn_end")
            self.app.turned(self, event)
        elif event["type"] == "renamed":
            self.app.rooms.renamed(event["old"], event["name"])
        elif event["type"] == "rewound" and event["why"] == "forget":
            self.app.erased()
        elif event["type"] == "job":
            self.app.jobs.event(event)
        elif (
            event["type"] == "question"
            and event["call_id"] in GOING_ON
            and self.shown
            and not self.app.options.read_only
        ):
            self.app.asked_by_engine(event)

    def _trouble(self, text: str) -> None:
        self.bridge.view.phase = "starting"
        if self.shown:
            self.app.status.flash(text)


class Rooms:
    """The open agents, in the order in which they were opened, and the one that is shown."""

    def __init__(self, app: MemGPTApp) -> None:
        self.app = app
        self.present = Room(app, app.options.agent, dict(app.options.overrides))
        self.open = [self.present]

    def find(self, agent: str) -> Room | None:
        return next((room for room in self.open if room.agent == agent), None)

    def enter(self, agent: str, **overrides: Any) -> Room:
        """Shows that agent's room, which is opened where it is not."""
        room = self.find(agent)
        if room is None:
            room = Room(self.app, agent, overrides)
            self.open.append(room)
            self._listen(room)
        self.present, room.news = room, False
        self._close_some()
        return room

    def start(self) -> None:
        """Goes to the engine for the room that is shown."""
        self._listen(self.present)

    def _listen(self, room: Room) -> None:
        room.worker = self.app.run_worker(room.connection.run(), group="connection", exit_on_error=False)

    def beside(self, step: int) -> Room:
        """The open room that is so many places further, round and round."""
        return self.open[(self.open.index(self.present) + step) % len(self.open)]

    def renamed(self, old: str, new: str) -> None:
        """An agent has another name, given here or in another terminal: what was its own goes with it. Here both the
        answer and the event tell of it; the second time changes nothing."""
        room = self.find(new) or self.find(old)
        if room is None:
            return
        room.connection.renamed(new)
        room.bridge.renamed(new)
        self.app.writing.renamed(old, new)
        if not self.app.options.read_only:
            self.app.run_worker(
                self.app.kept(front.renamed, self.app.home, old, new), group="drafts", exit_on_error=False
            )
        self.app.retitle()

    def leave(self, agent: str) -> None:
        """Closes the room of an agent that is gone; it must not be the one that is shown."""
        room = self.find(agent)
        if room and room is not self.present:
            self._close(room)

    def _close_some(self) -> None:
        idle = [room for room in self.open if room is not self.present and not room.busy and not room.outbox.unsent]
        for room in idle[: max(0, len(self.open) - MOST)]:
            self._close(room)

    def _close(self, room: Room) -> None:
        self.open.remove(room)
        if room.worker:
            room.worker.cancel()

    def others(self) -> str:
        """The other open agents in a few words for the last line: `bob …` is at work, `eve *` has answered."""
        names = [room for room in self.open if room is not self.present]
        return ", ".join(f"{room.agent}{' …' if room.busy else ' *' if room.news else ''}" for room in names)
