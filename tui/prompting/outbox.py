"""What the user has written, on its way to the engine: kept until the engine has it, offered again where it never came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from memgpt.home import UserError
from tui.cli import front, writing

if TYPE_CHECKING:
    from tui.app import MemGPTApp
    from tui.rooms import Room


class Outbox:
    """Messages that were sent to one agent. `unsent` are those that wait for the engine to answer."""

    def __init__(self, app: MemGPTApp, room: Room) -> None:
        self.app, self.room = app, room
        self.unsent: list[str] = []
        self._sorting = asyncio.Lock()

    def _later(self, work: Coroutine[Any, Any, None], group: str = "drafts") -> None:
        self.app.run_worker(work, group=group, exit_on_error=False)

    # --- sending ----------------------------------------------------------------------------------------------

    def entered(self, written: str) -> None:
        """Enter at the prompt: a message goes to the model, a command to whoever carries it out."""
        text = written.strip()
        if not text:
            return
        if text.startswith("/"):
            self.keep_unsent(written)
            self.app.run_command(text)
        else:
            self.send(text)

    def send(self, text: str, instead_of: int = 0) -> None:
        """Sends a message; one in place of an earlier one of the user, whose step is given: what came after it is left."""
        self._later(self._remember(text, time.time()))
        self._later(self._send(text, instead_of), "send")

    async def _remember(self, text: str, at: float) -> None:
        await self.app.kept(writing.sent, self.app.home, self.room.agent, text, at)
        await self.app.kept(front.entered, self.app.home, text)

    async def _send(self, text: str, instead_of: int) -> None:
        """Sends a message, with the files that it names; while the engine is not there yet, it waits."""
        app = self.app
        try:
            text = await self._with_files(text)
        except UserError as error:
            await app.writing.give_back(self.room.agent, [text], instead_of)
            raise error from None
        self.unsent.append(text)
        self.room.bridge.changed.add("chat")
        app.drawing.wake()
        app.drawing.to_now()
        await self.room.connection.ready()
        try:
            if instead_of:
                await self.room.connection.ask("go_back", agent=self.room.agent, step=instead_of, before=True)
        except UserError:
            await app.writing.give_back(self.room.agent, [text], instead_of)
            raise
        finally:
            self.unsent.remove(text)
            self.room.bridge.changed.add("chat")
        back = await self.room.connection.send(text)
        if back:
            await app.writing.give_back(self.room.agent, back)
            self.room.bridge.note("The model was stopped elsewhere. What waited is in the prompt again.")
        elif back is not None:
            await app.kept(writing.heard, app.home, self.room.agent, [text])

    async def _with_files(self, text: str) -> str:
        """The message with the files that it names as `@path`; what of them is left out is said."""
        if "@" not in text:
            return text
        from tui.prompting import mentions

        context = self.room.bridge.view.context
        whole, left_out = await asyncio.to_thread(mentions.with_files, text, context.window if context else 0)
        if whole != text:
            await self.app.kept(writing.sent, self.app.home, self.room.agent, whole, time.time())
            await self.app.kept(writing.heard, self.app.home, self.room.agent, [text])
        for line in left_out:
            self.room.bridge.note(line)
        return whole

    async def stop(self) -> None:
        """Stops the turn; messages from here that were waiting come back into the prompt, and those of terminals that are
        gone."""
        dropped = [text for text in await self.room.connection.cancel(queued=True) if text]
        if dropped:
            await self.app.writing.give_back(self.room.agent, dropped)

    async def take_back(self, place: int, text: str) -> None:
        """Takes one message back that waits for its turn, and puts it before what is being written."""
        answer = await self.room.connection.ask("take_back", agent=self.room.agent, place=place, text=text)
        if not answer["text"]:
            self.app.status.flash("it is with the model already")
            return
        await self.app.writing.give_back(self.room.agent, [text])
        self.app.prompt.focus()

    def keep_unsent(self, text: str) -> None:
        """Puts what was written and is no message into the history that is kept."""
        self._later(self.app.kept(front.entered, self.app.home, text))

    # --- what came, and what did not --------------------------------------------------------------------------

    def heard(self, event: dict[str, Any]) -> None:
        """A message of ours is in the journal, or words were forgotten."""
        if event["type"] == "user_message" and not self.app.options.read_only:
            self._later(self.app.kept(writing.heard, self.app.home, self.room.agent, [event["text"]]))
        elif event["type"] == "rewound" and event["why"] == "forget":
            self.recall_history()

    def offer(self, snapshot: dict[str, Any]) -> None:
        """Has what was sent from here but never came to the engine put into the prompt again."""
        if not self.app.options.read_only:
            # What is sent from now on is newer than the snapshot.
            sent = writing.sent_to(self.app.home, self.room.agent)
            self._later(self._sort(sent, snapshot, list(self.unsent)))

    async def offer_left(self, sent: writing.Sent) -> None:
        """Likewise what programs had sent that are gone. Their last words may be newer than any snapshot."""
        snapshot = (await self.room.connection.ask("snapshot", agent=self.room.agent))["snapshot"]
        await self._sort(sent, snapshot, [])

    async def _sort(self, sent: writing.Sent, snapshot: dict[str, Any], unsent: list[str]) -> None:
        """Sorts what was sent into what waits, what the journal has, and what never came."""
        from memgpt.events import microseconds

        home, agent, lost, had = self.app.home, self.room.agent, [], []
        known = [*unsent, *snapshot["activity"]["queued"]]
        said = [event for event in snapshot["events"] if event["type"] == "user_message"]
        async with self._sorting:
            still = await self.app.kept(writing.sent_to, home, agent)
            for at, text in (entry for entry in sent if entry in still):
                if text in known:
                    known.remove(text)
                elif any(
                    event["text"] == text and microseconds(event["at"]) >= int(at * 1000) * 1000 for event in said
                ):
                    had.append(text)
                else:
                    lost.append(text)
            await self.app.kept(writing.heard, home, agent, had)
            if lost:
                await self.app.writing.give_back(agent, lost)
                self.room.bridge.note("What you had sent did not come to the model. It is in the prompt again.")

    def recall_history(self) -> None:
        """Takes the history as it is kept now: words may have been erased from it."""
        self.app.prompt.past = front.history(self.app.home)
        self.app.prompt.rewind()
