"""The agents: with their last words, size and model; made, renamed, forked, put away and deleted here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from memgpt.home import LOOKING_ON, UserError
from memgpt.keyboard import BY_NAME
from tui.footer import offered
from tui.keymap import bindings_of, first_key
from tui.prompting.ahead import OPENING
from tui.screens.dialogs import CSS, Ask, Rows, foot
from tui.text import inert
from tui.widgets.key_line import ALWAYS

if TYPE_CHECKING:
    from tui.app import MemGPTApp

Table = Sequence[dict[str, Any]]
Done = tuple[str, str]  # the agent that the cursor stands on afterwards, and what is told
SAID = "\nRoster #said { dock: top; height: auto; color: $warning; }"
FOOT = ("agent_new", "agent_rename", "agent_fork", "agent_archive", "agent_delete", "agent_undo")


class Roster(ModalScreen[str]):
    """Enter gives the name of the agent to go to; Esc gives nothing."""

    DEFAULT_CSS = CSS.replace("Dialog", "Roster") + SAID
    section = "roster"  # of the table of keys
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss('')", "close"), *bindings_of("roster")]

    def __init__(self, app: MemGPTApp, rows: Table) -> None:
        super().__init__()
        self._front = app
        self._rows: Table = rows
        self._doing = asyncio.Lock()
        self._typed: dict[str, str] = {}  # names that were refused, by what was asked for

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = "Agents"
            yield Static(id="said", markup=False)
            yield Rows()

    def on_mount(self) -> None:
        self._show(self._front.room.agent)
        self._say("")

    def _say(self, text: str) -> None:
        """Until the next key."""
        said = self.query_one("#said", Static)
        said.update(Content(inert(text)))
        said.display = bool(text)

    def on_key(self) -> None:
        self._say("")

    def on_resize(self) -> None:
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        keys = [f"{first_key(name, self._front.settings)} {BY_NAME[name].short}" for name in offered(self._front, FOOT)]
        foot(self.query_one("#box"), "Enter go", *keys, always=ALWAYS)

    def _show(self, marked: str) -> None:
        rows = self.query_one(Rows)
        self._rows = sorted(self._rows, key=lambda row: bool(row.get("archived")))
        rows.clear_options()
        rows.add_options(Option(self._line(row), id=str(place)) for place, row in enumerate(self._rows))
        places = [place for place, row in enumerate(self._rows) if row["name"] == marked]
        rows.highlighted = places[0] if places else 0 if self._rows else None

    @property
    def _longest(self) -> int:
        return min(20, max(len(inert(row["name"])) for row in self._rows))

    def _line(self, row: dict[str, Any]) -> Content:
        """Two lines: who, on what, how much, and the mark of what it does; then the last words."""
        room = self._front.rooms.find(row["name"])
        marks = [
            "here" if room is self._front.room else "open" if room or row.get("open") else "",
            "at work" if row.get("busy") or (room and room.busy) else "has answered" if room and room.news else "",
            "archived" if row.get("archived") else "",
        ]
        size = _shown_bytes(row.get("bytes"))
        told = row.get("messages")
        count = "" if told is None else f"{told:,} message{'' if told == 1 else 's'}"
        figures = [*marks, str(row.get("model") or ""), count, size]
        last = " ".join(inert(str(row.get("error") or row.get("last_words") or "")).split())
        return Content.assemble(
            (inert(row["name"]).ljust(self._longest), "bold"), "  ", (inert(" · ".join(part for part in figures if part)), "$muted"),
            ("\n  " if last else "", ""), (last[:160], "$foreground"),
        )  # fmt: skip

    @property
    def _marked(self) -> dict[str, Any] | None:
        place = self.query_one(Rows).highlighted
        return self._rows[place] if place is not None and self._rows else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(str(self._rows[int(event.option.id or 0)]["name"]))

    def action_roster(self, what: str) -> None:
        self.run_worker(self._do(what), group=OPENING, exit_on_error=False)

    async def _do(self, what: str) -> None:
        """Does one thing after the other; each is told of when the list shows it, so that the next key means what it
        says then."""
        async with self._doing:
            row = self._marked
            try:
                if self._front.options.read_only:
                    raise UserError(*LOOKING_ON)
                if row is not None or what in ("new", "undo"):
                    shown, said = await _DOES[what](self, str(row["name"]) if row else "", row or {})
                    self._typed.clear()
                    self._rows = await self._front.connection.ask("agents")
                    self._show(shown)
                    self._say(said)
            except UserError as error:
                self._say(str(error))

    async def _ask(self, op: str, **params: Any) -> dict[str, Any]:
        return dict(await self._front.connection.ask(op, **params) or {})

    async def _ask_name(self, what: str, proposal: str = "") -> str:
        """Asks for a name; one that was refused is proposed again."""
        wanted = await self._front.push_screen_wait(Ask(what, self._typed.pop(what, proposal))) or ""
        self._typed[what] = wanted or proposal
        return wanted

    async def _new(self, name: str, row: dict[str, Any]) -> Done:
        wanted = await self._ask_name("Name of the new agent")
        if not wanted:
            return name, ""
        made = await self._ask("create_agent", name=wanted, throw_if_exists=True)
        return str(made["name"]), f"{made['name']} is made; Enter goes there."

    async def _rename(self, name: str, row: dict[str, Any]) -> Done:
        wanted = await self._ask_name(f"Another name for {name}", name)
        if not wanted or wanted == name:
            return name, ""
        made = await self._ask("rename_agent", agent=name, name=wanted)
        self._front.rooms.renamed(name, str(made["name"]))
        return str(made["name"]), f"{name} is {made['name']} now."

    async def _fork(self, name: str, row: dict[str, Any]) -> Done:
        wanted = await self._ask_name(f"Name of the copy of {name}", f"{name} fork")
        if not wanted:
            return name, ""
        made = await self._ask("fork_agent", agent=name, name=wanted)
        return str(made["name"]), f"{made['name']} goes on from where {name} is."

    async def _archive(self, name: str, row: dict[str, Any]) -> Done:
        await self._ask("archive_agent", agent=name, away=not row.get("archived"))
        return (
            name,
            f"{name} is {'here again' if row.get('archived') else 'put away; the same key takes it out again'}.",
        )

    async def _delete(self, name: str, row: dict[str, Any]) -> Done:
        if self._front.room.agent == name:
            raise UserError("This agent is the one you are talking to.", "Go to another one first.")
        self._front.rooms.leave(name)
        await self._ask("delete_agent", name=name, keep=True)
        return (
            self._front.room.agent,
            f"{name} is deleted; {first_key('agent_undo', self._front.settings)} brings it back.",
        )

    async def _undo(self, name: str, row: dict[str, Any]) -> Done:
        back = await self._ask("undelete_agent")
        return str(back.get("name", "")), f"{back.get('name', 'It')} is back."


def _shown_bytes(size: Any) -> str:
    if not isinstance(size, int):
        return ""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} KB"


Do = Callable[[Roster, str, dict[str, Any]], Awaitable[Done]]
_DOES: dict[str, Do] = {
    "new": Roster._new, "rename": Roster._rename, "fork": Roster._fork, "archive": Roster._archive,
    "delete": Roster._delete, "undo": Roster._undo,
}  # fmt: skip
