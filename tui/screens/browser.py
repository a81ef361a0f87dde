"""The memory browser: recall, archival memory and sources, searched as one types; what is found is read, followed into its
conversation, tagged, edited and deleted, one or many."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList

from memgpt.home import UserError
from tui.actions.browsing import EVERYWHERE, PAGE, Hit, Kept, Place, Searcher
from tui.keymap import bindings_of
from tui.screens.curating import Curator
from tui.screens.erased import Erased
from tui.text import inert
from tui.theme import Look
from tui.widgets.hits import HitList, detail, talk
from tui.widgets.key_line import KeyLine
from tui.widgets.pane import Pane
from tui.widgets.reader import Reader

if TYPE_CHECKING:
    from tui.actions.browsing import Asks

MEANING_S = 0.35  # without a key, until vectors are asked too
HINTS = (
    "Enter open",
    "/ search",
    "Tab place",
    "Space select",
    "d delete",
    "t tag",
    "e edit",
    "u undo",
    "a all",
)
CHOSEN = ("t tag", "d delete", "Space select", "a all", "u undo")
LOOKING = HINTS[:3]
TALKING = ("j k scroll",)
SEARCHING = ("↓ results", "Tab place")


class Browser(Screen[None]):
    """Search at the top, results below, the marked one beside them."""

    CSS = """
    Browser { background: $background; }
    Browser #found { height: 1fr; }
    Browser #search { border: none; height: 1; padding: 0 1; background: $background; }
    Browser #search:focus { border: none; background: $background; background-tint: transparent; }
    Browser #search-pane { height: 3; }
    Browser #hits-pane { width: 5fr; }
    Browser #reading-pane { width: 6fr; }
    .-tiny Browser #reading-pane, Browser.-tiny #reading-pane { display: none; }
    Browser.-tiny Pane { border: none; }
    Browser.-tiny #search-pane { height: 1; }
    """
    AUTO_FOCUS = "#search"
    section = "browser"  # of the table of keys
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("browser"), Binding("f2", "look_again", show=False)]

    def __init__(self, connection: Asks, look: Look, places: list[Place], at: int, read_only: bool) -> None:
        super().__init__()
        self.look, self.read_only = look, read_only
        self.connection = connection
        self.searcher = Searcher(connection)
        self.places, self.at = places, at
        self.kept = Kept()
        self.curator = Curator(self)
        self._total = 0

    @classmethod
    async def of_agent(cls, connection: Asks, look: Look, wanted: str, read_only: bool) -> Browser:
        """The browser of that agent, at a place: recall, archival, or a source.

        Raises:
            UserError: there is no such place.
        """
        sources = [row["name"] for row in await connection.ask("sources") if connection.agent in row.get("agents", ())]
        places = [Place("recall"), Place("archival", "archival"), *(Place("archival", name) for name in sources)]
        if len(await connection.ask("agents")) > 1:
            places.append(Place(EVERYWHERE))
        names = [place.name.casefold() for place in places]
        if wanted and wanted.casefold() not in names:
            raise UserError(f"There is nothing called {wanted!r} to browse.", f"There are {', '.join(names)}.")
        return cls(connection, look, places, names.index(wanted.casefold()) if wanted else 0, read_only)

    def compose(self) -> ComposeResult:
        yield Pane(
            Input(placeholder="Search as you type; empty: the newest first", id="search"),
            title="Memory",
            id="search-pane",
        )
        with Horizontal(id="found"):
            yield Pane(HitList(id="hits"), title="Found", id="hits-pane")
            yield Pane(Reader(id="reading"), title="Reading", id="reading-pane")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#search", Input).cursor_blink = False
        self.look_for(settle=False)

    @property
    def place(self) -> Place:
        return self.places[self.at]

    # --- searching --------------------------------------------------------------------------------------------

    @property
    def hits(self) -> HitList:
        return self.query_one(HitList)

    @on(Input.Changed)
    def _typed(self) -> None:
        self.look_for()

    @on(Input.Submitted)
    def _to_hits(self) -> None:
        self.hits.focus()

    def look_for(self, settle: bool = True) -> None:
        self.query_one(Reader).remove_class("-talk")
        self.run_worker(self._search(settle), group="search", exclusive=True, exit_on_error=False)

    async def _search(self, settle: bool) -> None:
        """By words at once; once no key comes, by meaning too."""
        query, place = self.query_one("#search", Input).value.strip(), self.place
        self._title()
        try:
            self._show(await self.searcher.find(place, query, "text"), query)
            if query and not place.is_everywhere:
                await asyncio.sleep(MEANING_S if settle else 0)
                self._show(await self.searcher.find(place, query, "hybrid"), query)
        except UserError as error:
            self.say(str(error))

    async def _more(self, known: int) -> None:
        """The next page, behind what is shown."""
        query = self.query_one("#search", Input).value.strip()
        more, _, _ = await self.searcher.find(self.place, query, "hybrid", known // PAGE)
        seen = {hit.id for hit in self.hits.hits}
        fresh = [hit for hit in more if hit.id not in seen]
        if fresh and len(self.hits.hits) == known:
            self._show(([*self.hits.hits, *fresh], self._total, ""), query)

    def _show(self, found: tuple[list[Hit], int, str], query: str) -> None:
        hits, total, note = found
        self._total = total
        self.kept.refresh(hits)
        self.hits.show(hits, self.kept.selected, query)
        more = f" · {note}" if note else ""
        self.query_one("#hits-pane", Pane).set_figure(f"{len(hits)} of {total:,}{more}")
        self._read()

    def _title(self) -> None:
        names = "  ".join(f"[{place.name}]" if place is self.place else place.name for place in self.places)
        self.query_one("#search-pane", Pane).set_figure(inert(names), "$foreground")

    @on(OptionList.OptionHighlighted)
    def _read(self) -> None:
        hit, hits = self.hits.marked, self.hits.hits
        more = len(hits) < self._total and not self.place.is_everywhere
        if hit is not None and hit is hits[-1] and more and self.hits.has_focus:
            self.run_worker(self._more(len(hits)), group="search", exclusive=True, exit_on_error=False)
        reader = self.query_one(Reader)
        if reader.has_class("-talk"):  # what is being read stays, also when more is found
            return
        reader.show(detail(hit, self.hits.query_text) if hit else Content("Nothing is found."))
        self.query_one("#reading-pane", Pane).set_figure(inert(hit.id) if hit else "")

    # --- keys -------------------------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        self._hint()

    def _hint(self) -> None:
        line, count = self.query_one(KeyLine), len(self.kept.selected)
        if self.query_one(Reader).has_class("-talk"):
            line.keys(TALKING, ("Esc back to the results", "F1 keys"))
        elif self._writing:
            line.keys(SEARCHING)
        else:
            line.keys(LOOKING if self.read_only else (f"{count} selected", *CHOSEN) if count else HINTS)

    @property
    def _writing(self) -> bool:
        return isinstance(self.focused, Input)

    def on_key(self, event: Any) -> None:
        self.query_one(KeyLine).hush()
        if self._writing and event.key == "down":
            event.stop()
            self.hits.focus()

    def action_back(self) -> None:
        """Out of the conversation, out of the results, out of the browser."""
        if self.query_one(Reader).has_class("-talk"):
            self._leave_talk()
        else:
            self.dismiss(None)

    def _leave_talk(self) -> None:
        self.query_one(Reader).remove_class("-talk")
        self._read()
        self.hits.focus()

    def action_place(self, step: int) -> None:
        self.at = (self.at + step) % len(self.places)
        self.query_one(KeyLine).hush()
        self.look_anew()

    def look_anew(self) -> None:
        """What there is now, with nothing selected."""
        self.kept.selected.clear()
        self._hint()
        self.look_for(settle=False)

    @on(Erased)
    def _erased(self) -> None:
        """What is being read is closed: it may be what was erased."""
        if self.query_one(Reader).has_class("-talk"):
            self._leave_talk()
        self.look_anew()

    def action_search(self) -> None:
        self.query_one("#search", Input).focus()

    def action_look_again(self) -> None:
        self.look_for(settle=False)

    def action_select(self) -> None:
        if hit := self.hits.marked:
            self.kept.toggle(hit)
            self.hits.redraw()
            self.hits.action_cursor_down()
            self._hint()

    def action_select_all(self) -> None:
        self.kept.toggle_all(self.hits.hits)
        self.hits.redraw()
        self._hint()

    def action_tag(self) -> None:
        self._change(self.curator.tag())

    def action_edit(self) -> None:
        self._change(self.curator.edit())

    def action_delete(self) -> None:
        self._change(self.curator.delete())

    def action_undo(self) -> None:
        self._change(self.curator.undo())

    def _change(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, group="change", exclusive=True, exit_on_error=False)

    def chosen(self) -> list[Hit]:
        """What a key is for: all that are selected, also what is not on show, else the marked one."""
        return list(self.kept.selected.values()) or ([self.hits.marked] if self.hits.marked else [])

    def say(self, text: str) -> None:
        self.query_one(KeyLine).say(text)

    @on(OptionList.OptionSelected)
    def _open(self) -> None:
        if hit := self.hits.marked:
            self._change(self._talk(hit))

    async def _talk(self, hit: Hit) -> None:
        """What was said before and after it, or stands around it in its file."""
        try:
            rows = await self.searcher.neighbours(self.place, hit)
        except UserError as error:
            self.say(str(error))
            return
        reader = self.query_one(Reader)
        reader.add_class("-talk")
        text, line = talk(rows, hit.id)
        reader.show(text, line)
        self.query_one("#reading-pane", Pane).set_figure(f"around {inert(hit.id)}")
        if not reader.is_on_screen:
            from tui.screens.dialogs import Read

            reader.remove_class("-talk")
            await self.app.push_screen_wait(Read(f"Around {hit.id}", text))
        else:
            reader.focus()
            self._hint()
