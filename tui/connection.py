"""The session as the screen and `--plain` have it: attach, listen, attach again where the link was lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from memgpt.home import Home
from memgpt.link import Link, LinkLost
from tui.options import RunOptions

AGAIN_S = 0.5  # before a lost link is opened anew
FIRST_WORD_S = 0.3  # for the user to begin, before a new agent does
PRESENT = ("activity", "context")  # events that say how things are, whatever the step
Told = Callable[[dict[str, Any]], None]


async def _at_once() -> None:
    pass


class Connection:
    """One agent of one home. `on_snapshot(snapshot, resumed)` and `on_event(event)` are told what arrives, `on_trouble`
    what keeps it from arriving."""

    def __init__(
        self,
        home: Home,
        options: RunOptions,
        role: str,
        on_snapshot: Callable[[dict[str, Any], bool], None],
        on_event: Told,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.home, self.options, self.role = home, options, role
        self.agent = options.agent
        self._on_snapshot, self._on_event, self._on_trouble = on_snapshot, on_event, on_trouble
        self._link: Link | None = None
        self._ready = asyncio.Event()
        self._entered: set[str] = set()
        self._switch = asyncio.Event()
        self._meanwhile: list[list[dict[str, Any]]] = []
        self.overrides = dict(options.overrides)
        self.seen = 0
        self.user_waits: Callable[[], bool] = lambda: False  # whether the user has written, or begun to
        self.can_show: Callable[[], Awaitable[object]] = _at_once  # what a snapshot waits for

    async def run(self) -> None:
        """Listens for as long as the front end lives.

        Raises:
            UserError: the engine refuses, in a way that trying again does not mend.
        """
        while True:
            try:
                await self._listen()
            except LinkLost:
                self._on_trouble("The engine went away; it is started anew.")
            finally:
                self._ready.clear()
            if not self._switch.is_set():
                await asyncio.sleep(AGAIN_S)
            self._switch.clear()

    async def _listen(self) -> None:
        while self._entered and not self.home.agents.is_dir():  # moved away: it is not made anew, without its agents
            self._on_trouble(f"{self.home.path} is gone; it is waited for.")
            await asyncio.sleep(AGAIN_S)
        link = await Link.open(self.home, role=self.role, read_only=self.options.read_only)
        entering = self.agent not in self._entered
        greets = entering and self.options.greet and not self.options.read_only
        greeting: asyncio.Future[None] | None = None
        try:
            attachment = await link.attach(
                self.agent,
                since=0 if entering else self.seen,
                create=not self.options.read_only,
                login=entering and not self.options.read_only,
                greet=greets,
                read_only=self.options.read_only,
                **({} if self.options.read_only else self.overrides),
            )
            self.overrides = {}
            self.agent = attachment.snapshot["agent"]
            self._entered.add(self.agent)
            self._link = link
            await self.can_show()
            self._on_snapshot(attachment.snapshot, not entering)
            self._ready.set()
            if greets:
                greeting = asyncio.ensure_future(self._greeted(link))
            async for event in attachment:
                if event["type"] == "renamed":
                    self.renamed(event["name"])
                for told in self._meanwhile:
                    told.append(event)
                self._on_event(event)
        finally:
            if greeting:
                greeting.cancel()
            self._link = None
            await link.close()

    async def _greeted(self, link: Link) -> None:
        """Has a new agent speak first, where the user does not."""
        await asyncio.sleep(FIRST_WORD_S)
        if not self.user_waits():
            with contextlib.suppress(LinkLost):  # whoever listens is told
                await link.ask("greet", agent=self.agent)

    async def switch(self, agent: str, **overrides: Any) -> None:
        """Goes over to another agent, which is made if there is none of that name."""
        self.agent, self.seen, self.overrides = agent, 0, overrides
        self._entered.discard(agent)
        self._switch.set()
        self._ready.clear()  # or whoever asks meanwhile asks a link that is gone
        if self._link:
            await self._link.close()

    def renamed(self, name: str) -> None:
        """The agent is called otherwise from now on, whoever called it so."""
        self._entered.add(name)
        self.agent = name

    async def draw_anew(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A fresh snapshot, after the conversation was moved to another leaf, and what has been told meanwhile that is not
        in it: events may overtake an answer."""
        link = await self._linked()
        told: list[dict[str, Any]] = []
        self._meanwhile.append(told)
        try:
            snapshot = dict((await link.ask("snapshot", agent=self.agent))["snapshot"])
        finally:
            self._meanwhile = [other for other in self._meanwhile if other is not told]
        return snapshot, [
            event for event in told if event["type"] in PRESENT or int(event.get("step") or 0) > snapshot["step"]
        ]

    # --- asking -----------------------------------------------------------------------------------------------

    async def _linked(self) -> Link:
        await self._ready.wait()
        if self._link is None:
            raise LinkLost
        return self._link

    async def ready(self) -> None:
        """Waits until the engine has answered."""
        await self._ready.wait()

    async def send(self, text: str) -> list[str] | None:
        """One message. Its turn goes on in the engine whatever becomes of this front end. Where another one took it back
        before that began: what is to be written here again, or nothing where it is written there."""
        link = await self._linked()
        back: list[str] | None = None
        async for told in link.stream("send", agent=self.agent, text=text):  # the events come by the attachment
            back = told.get("result", {}).get("back")
        return back

    async def resume(self) -> None:
        link = await self._linked()
        async for _ in link.stream("resume", agent=self.agent):
            pass

    async def command(self, line: str, confirmed: bool = False) -> dict[str, Any]:
        """One slash command of the session: `text` to show, `ask` where it wants to be confirmed, `data`."""
        link = await self._linked()
        result: dict[str, Any] = {}
        async for told in link.stream("command", agent=self.agent, line=line, confirmed=confirmed):
            result = told.get("result", result)
        return result

    async def cancel(self, queued: bool = False) -> list[str]:
        """Stops the turn under way; with `queued`, also takes back what waits, and gives it."""
        link = await self._linked()
        return list((await link.ask("cancel", agent=self.agent, queued=queued))["dropped"])

    async def ask(self, op: str, **params: Any) -> Any:
        link = await self._linked()
        return await link.ask(op, **params)
