"""Small screens over the conversation: yes or no, one of many, a text to read, a line to write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.footer import fitted
from tui.keymap import bindings_of
from tui.screens.erased import Erased
from tui.text import inert

CSS = """
Dialog { align: center middle; background: $background 60%; }
Dialog > #box { width: 90%; max-width: 92; height: auto; max-height: 90%; border: round $accent; padding: 0 1; background: $background; }
Dialog #body { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
Dialog #text { height: auto; }
Dialog OptionList { border: none; background: transparent; height: auto; max-height: 100%; scrollbar-size-vertical: 1;
    text-wrap: nowrap; text-overflow: ellipsis; }
Dialog.-short > #box { width: 100%; max-height: 100%; }
Dialog OptionList:focus { border: none; }
Dialog OptionList > .option-list--option-highlighted, Dialog OptionList:focus > .option-list--option-highlighted {
    background: $panel; color: $foreground; text-style: bold;
}
Dialog:ansi OptionList > .option-list--option-highlighted { text-style: reverse; }
Dialog > #box { border-subtitle-align: left; border-subtitle-color: $muted; border-title-color: $foreground; }
Dialog Input { height: 2; border: none; border-bottom: solid $line; background: transparent; }
Dialog Input:focus { border: none; border-bottom: solid $line; }
Dialog:ansi { background: transparent; }
"""


def foot(box: Widget, *hints: str, always: Sequence[str] = ()) -> None:
    """As many of the hints as there is room for, in the lower border of a box."""
    box.border_subtitle = Content(fitted(hints, box.outer_size.width - 6, always))


class Laid(Static):
    """A text that is laid out for the width it has."""

    def __init__(self, lay: Callable[[int], Content]) -> None:
        super().__init__(id="text", markup=False)
        self._lay = lay

    def on_resize(self, event: Resize) -> None:
        self.update(self._lay(event.size.width))


class Body(VerticalScroll):
    """A text that scrolls, by vi's keys too."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("reader")


class Rows(OptionList):
    """A list, with vi's keys too."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("list")


class Confirm(ModalScreen[bool], inherit_css=True):
    """A question with what it is about above it. `y` or Enter on yes; everything else is no."""

    section = ""  # it has no keys of its own in the table
    DEFAULT_CSS = CSS.replace("Dialog", "Confirm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,enter", "answer(False)", "no"),
    ]

    def __init__(self, question: str, about: str = "") -> None:
        super().__init__()
        self._question, self._about = inert(question), inert(about)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = "Sure?"
            with VerticalScroll(id="body"):
                yield Static(Content(self._about), id="text", markup=False)
            yield Static(Content(f"{self._question}  [y/N]"), markup=False)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class Pick(ModalScreen[str]):
    """One of several; Esc is none."""

    section = "list"  # of the table of keys
    DEFAULT_CSS = CSS.replace("Dialog", "Pick")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "close")]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._choices = title, choices

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title, box.border_subtitle = Content(inert(self._title)), "Enter takes it · Esc nothing"
            yield Rows(*(self._option(name, note) for name, note in self._choices))

    def _option(self, name: str, note: str) -> Option:
        longest = max(len(each) for each, _ in self._choices)
        return Option(Content.assemble(inert(name).ljust(longest), (f"  {inert(note)}", "$muted")), id=name)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id or "")


class Read(ModalScreen[None]):
    """A text to read, such as the help or what the model is sent; one that is laid out by width is a function of it.
    Scrolls; Esc closes."""

    DEFAULT_CSS = CSS.replace("Dialog", "Read")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,f2", "dismiss(None)", "close"),
        Binding("home", "jump(0)", show=False),
        Binding("end", "jump(1)", show=False),
    ]

    def __init__(
        self, title: str, text: Content | Callable[[int], Content], at_end: bool = False, hints: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._title, self._text, self._at_end = title, text, at_end
        self._hints = hints

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(inert(self._title))
            with Body(id="body"):
                yield Laid(self._text) if callable(self._text) else Static(self._text, id="text", markup=False)

    def on_mount(self) -> None:
        self.query_one("#body").focus()
        if self._at_end:
            self.call_after_refresh(self.action_jump, 1)

    def on_resize(self) -> None:
        self.call_after_refresh(foot, self.query_one("#box"), "Esc closes", *self._hints)

    @on(Erased)
    def _erased(self) -> None:
        """What stands here may be what was erased; help is laid out by width, and stays."""
        if not callable(self._text):
            self.query_one("#text", Static).update("Something was erased meanwhile. Close this and open it again.")

    def action_jump(self, end: int) -> None:
        body = self.query_one("#body", VerticalScroll)
        body.scroll_end(animate=False) if end else body.scroll_home(animate=False)


class Ask(ModalScreen[str | None]):
    """One line to write; Esc gives None."""

    section = ""  # it has no keys of its own in the table
    DEFAULT_CSS = CSS.replace("Dialog", "Ask")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "close")]

    def __init__(self, title: str, proposal: str = "") -> None:
        super().__init__()
        self._title, self._proposal = title, proposal

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title, box.border_subtitle = Content(inert(self._title)), "Enter takes it · Esc nothing"
            yield Input(inert(self._proposal))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
