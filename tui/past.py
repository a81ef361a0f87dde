"""The part of a long conversation that is being read: a few pages around the place, and the live end where they reach it.

Pages come from the engine as the reader nears their edge, and leave at the other one: what is held does not grow with
what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.bridge import Bridge
from tui.view import Entry

if TYPE_CHECKING:
    from tui.connection import Connection
    from tui.view import View

MOST = 1200  # entries of pages that are held beside the live ones
FIRST = 60  # steps that are asked for where the reader goes far: some screens, so that they are soon there


@dataclass(slots=True, eq=False)
class Page:
    """Entries of some steps, from the first to the last."""

    first: int
    last: int
    chat: list[Entry] = field(default_factory=list)
    monologue: list[Entry] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.chat) + len(self.monologue)


class Past:
    """What is read of one agent. `joined`: the pages reach the live entries, which then stand behind them."""

    def __init__(self, connection: Connection, bridge: Bridge) -> None:
        self._connection, self._bridge = connection, bridge
        self._pages: list[Page] = []
        self._view: View | None = None
        self._joined = self._earlier = True

    @property
    def joined(self) -> bool:
        self._follow()
        return self._joined

    @property
    def held(self) -> bool:
        """Whether more is shown than the live entries."""
        self._follow()
        return bool(self._pages)

    @property
    def earlier(self) -> bool:
        """Whether there is more before what is held."""
        self._follow()
        return self._earlier if self._pages else self._bridge.view.earlier

    def _follow(self) -> None:
        """Another view, as after a step back, makes the pages void."""
        if self._view is not self._bridge.view:
            self._view = self._bridge.view
            self._pages, self._joined = [], True

    def chat(self) -> list[Entry]:
        self._follow()
        live = self._bridge.view.chat if self._joined else []
        return [*(entry for page in self._pages for entry in page.chat), *live]

    def monologue(self) -> list[Entry]:
        self._follow()
        live = self._bridge.view.monologue if self._joined else []
        return [*(entry for page in self._pages for entry in page.monologue), *live]

    def to_now(self) -> None:
        """Back to the live end alone."""
        self._pages, self._joined = [], True

    async def up(self) -> None:
        """The page before; what is too much goes at the end."""
        self._follow()
        first = self._pages[0].first if self._pages else self._bridge.view.first_step
        page, told = await self._page(before=first)
        self._earlier = told["earlier"]
        if page.first:
            self._pages.insert(0, page)
        while sum(each.size for each in self._pages) > MOST and len(self._pages) > 2:
            self._pages.pop()
            self._joined = False

    async def down(self) -> None:
        """The page after, until the live entries are reached; what is too much goes at the beginning."""
        if self.joined:
            return
        page, told = await self._page(after=self._pages[-1].last, before=self._bridge.view.first_step)
        self._joined = not told["later"]
        if page.first:
            self._pages.append(page)
        while sum(each.size for each in self._pages) > MOST and len(self._pages) > 2:
            self._pages.pop(0)
            self._earlier = True

    async def go(self, step: int = 0, at: int | None = None) -> int:
        """The pages from a step on, or from a moment in UTC microseconds, in place of those that are held; which step that
        is, 0 where nothing came later."""
        self._follow()
        live = self._bridge.view.first_step
        if step >= live:
            self.to_now()
            return step
        start = {"after": step - 1} if at is None else {"at": at}
        page, told = await self._page(**start, before=live, limit=FIRST)
        if page.first:
            self._pages, self._joined, self._earlier = [page], not told["later"], True
        elif told["from"]:
            self.to_now()
        return int(told["from"])

    async def _page(self, **place: int) -> tuple[Page, dict[str, Any]]:
        told = await self._connection.ask("history", agent=self._connection.agent, **place)
        drawn = Bridge(lambda: None)
        drawn.view.agent = self._bridge.view.agent
        for value in told["events"]:
            drawn.apply(value)
        return Page(told["first"], told["last"], drawn.view.chat, drawn.view.monologue), told
