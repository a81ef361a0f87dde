"""The panes of the main screen, where they stand, and how keys move them. What was arranged is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from tui.cli import front
from tui.footer import NARROW
from tui.keymap import first_key
from tui.theme import Look
from tui.view import View
from tui.widgets.context_map import ContextMap
from tui.widgets.memory_pane import MemoryPane
from tui.widgets.messages import Messages
from tui.widgets.pane import Pane
from tui.widgets.prompt import Prompt
from tui.widgets.slash_menu import SlashMenu
from tui.widgets.walked import Monologue

if TYPE_CHECKING:
    from tui.app import MemGPTApp

SIDE, LEAST_SIDE, LEAST_CHAT = 45, 24, 40  # columns
STEP = 4  # columns of a key press
SHARES = {"memory-pane": 4, "monologue-pane": 6}  # of the height that the map leaves
MOST_SHARE = 16
RIGHT = ("context-pane", "memory-pane", "monologue-pane")


def panes(look: Look, view: View, history: list[str], keys: Mapping[str, str], set_up: bool) -> ComposeResult:
    """Chat and prompt at the left, what the model has in mind at the right."""
    with Horizontal(id="columns"):
        yield Pane(
            Messages(look, id="chat"),
            *(_welcome() if set_up else ()),
            SlashMenu(),
            Prompt(history, keys),
            title="Chat",
            id="chat-pane",
        )
        with Vertical(id="side"):
            yield Pane(ContextMap(look, view), title="Context", id="context-pane")
            yield MemoryPane(look)
            yield Pane(Monologue(look, id="monologue"), title="Inner monologue", id="monologue-pane")


def _welcome() -> list[Widget]:
    """Loaded by a first run alone: what looks for keys and servers takes its time to import."""
    from tui.widgets.first_run import FirstRun

    return [FirstRun()]


@dataclass(slots=True)
class Arranged:
    """How the panes were arranged: the right column's width, shares of its height, and which are hidden."""

    side: int = SIDE
    shares: dict[str, int] = field(default_factory=lambda: dict(SHARES))
    hidden: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, value: Any) -> Arranged:
        """From what was kept; whatever of it makes no sense is as at first."""
        kept = value if isinstance(value, dict) else {}
        found = cls()
        if isinstance(kept.get("side"), int):
            found.side = max(LEAST_SIDE, kept["side"])
        for name, share in (kept.get("shares") or {}).items() if isinstance(kept.get("shares"), dict) else ():
            if name in SHARES and isinstance(share, int):
                found.shares[name] = max(1, min(MOST_SHARE, share))
        hidden = kept.get("hidden")
        found.hidden = [name for name in RIGHT if isinstance(hidden, list) and name in hidden]
        return found


class Layout:
    """The arrangement of the app's panes."""

    def __init__(self, app: MemGPTApp) -> None:
        self.app = app
        self.kept = Arranged.of(front.read(app.home).get("layout"))
        self.zoomed = ""

    @property
    def wide(self) -> bool:
        """Whether the panes stand side by side. The size says it: the classes of the screen follow it later."""
        return self.app.size.width >= NARROW

    def apply(self) -> None:
        """Arranges the panes as they should stand; on a narrow screen the style sheet decides the sizes."""
        base, wide = self.app.base, self.wide
        self._settle_drawer()
        for name in RIGHT:
            pane = base.query_one(f"#{name}")
            pane.display = name not in self.kept.hidden and self.zoomed in ("", name)
            share = self.kept.shares.get(name)
            pane.styles.height = "1fr" if self.zoomed == name else f"{share}fr" if share and wide else None
        base.query_one("#chat-pane").display = self.zoomed in ("", "chat-pane")
        base.set_class(self.zoomed in RIGHT, "-zoomed")
        self._place_side()

    def _place_side(self) -> None:
        """The right column: beside the chat, or the drawer; nowhere if nothing is in it."""
        app, wide = self.app, self.wide
        side = app.base.query_one("#side")
        empty = not any(app.base.query_one(f"#{name}").display for name in RIGHT)
        if wide or empty:
            side.display = not empty
        else:
            side.styles.clear_rule("display")
        width = max(LEAST_SIDE, min(self.kept.side, app.size.width - LEAST_CHAT))
        side.styles.width = "100%" if self.zoomed in RIGHT else width if wide else None
        app.status.meter = not wide or empty or not app.base.query_one("#context-pane").display

    def _settle_drawer(self) -> None:
        """It is there on a narrow screen alone, and opens where the window became narrow around what has the focus."""
        if self.wide:
            self.app.base.remove_class("-drawer")
        elif self._here() in RIGHT:
            self.app.base.add_class("-drawer")

    def _changed(self) -> None:
        self.apply()
        self.app.run_worker(
            self.app.kept(_remember, self.app.home, asdict(self.kept)), group="drafts", exit_on_error=False
        )
        self.app.call_after_refresh(self.app.hint)

    # --- the drawer -------------------------------------------------------------------------------------------

    def drawer(self) -> None:
        """Opens and closes the drawer. It lies over the prompt: the focus goes into it, and back to the prompt."""
        if self.app.base.has_class("-drawer"):
            self.to_prompt()
        elif not self.wide:
            self.open_drawer()
            self.app.base.set_focus(self._first_of_drawer(), scroll_visible=False)

    def open_drawer(self) -> None:
        """Has the panes at the right over the chat; those that were hidden come back where nothing would be in it."""
        self.zoomed = ""
        if set(RIGHT) <= set(self.kept.hidden):
            self.kept.hidden = []
        self.app.base.add_class("-drawer")
        self._changed()

    def _first_of_drawer(self) -> Widget:
        panes = [self.app.base.query_one(f"#{name}") for name in ("memory-pane", *RIGHT)]
        shown = next(pane for pane in panes if pane.display)
        return next(widget for widget in shown.children if widget.display)

    def to_prompt(self) -> None:
        """Goes to the prompt and has it in view: out of the drawer, and out of a pane that stands alone."""
        self.app.base.set_focus(self.app.prompt)
        if self.app.base.has_class("-drawer") or self.zoomed in RIGHT:
            self._show_chat()

    def left(self, widget: Widget) -> None:
        """The focus has gone away from this widget: a drawer from which it went to what lies under it closes."""
        base = self.app.base
        was_in_it = base.has_class("-drawer") and base.query_one("#side") in widget.ancestors
        if was_in_it and base.focused is not None and self._here() not in RIGHT:
            self._show_chat()

    def _show_chat(self) -> None:
        self.app.base.remove_class("-drawer")
        self.zoomed = ""
        self.apply()
        self.app.call_after_refresh(self.app.hint)

    # --- keys -------------------------------------------------------------------------------------------------

    def zoom(self) -> None:
        """The pane with the focus alone, or all of them again."""
        here = self._here()
        self.zoomed = "" if self.zoomed else here
        self.apply()
        self.app.call_after_refresh(self.app.hint)

    def hide(self) -> None:
        """Hides the pane with the focus; from the chat the whole right column, or brings everything back."""
        here = self._here()
        if here in RIGHT:
            self.kept.hidden.append(here)
            self.zoomed = ""
            self.app.prompt.focus()
            self.app.status.flash("hidden; the same key in the prompt brings it back")
        elif self.kept.hidden:
            self.kept.hidden = []
        elif not self.wide:
            self.app.status.flash(f"{first_key('drawer', self.app.settings)} has the memory panes")
            return
        else:
            self.kept.hidden = list(RIGHT)
        self._changed()

    def reset(self) -> None:
        self.kept, self.zoomed = Arranged(), ""
        self._changed()

    def wider(self, columns: int) -> None:
        width = max(LEAST_SIDE, min(self.kept.side, self.app.size.width - LEAST_CHAT))
        self.kept.side = max(LEAST_SIDE, min(width + columns, self.app.size.width - LEAST_CHAT))
        self._changed()

    def taller(self, share: int) -> None:
        here = self._here()
        if here in self.kept.shares:
            self.kept.shares[here] = max(1, min(MOST_SHARE, self.kept.shares[here] + share))
            self._changed()
        else:
            self.app.status.flash("go to core memory or inner monologue first; the map and the chat have their height")

    def show(self, name: str) -> None:
        """Has a pane on the screen that is to be gone to."""
        if name in self.kept.hidden or self.zoomed not in ("", name):
            self.kept.hidden = [each for each in self.kept.hidden if each != name]
            self.zoomed = ""
            self._changed()

    def _here(self) -> str:
        focused: Widget | None = self.app.base.focused
        found = [each for each in focused.ancestors_with_self if isinstance(each, Pane)] if focused else []
        return (found[0].id or "chat-pane") if found else "chat-pane"


def _remember(home: Any, layout: dict[str, Any]) -> None:
    front.remember(home, layout=layout)
