"""Small screens over the conversation: yes or no, one of many, a text to read, a line to write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui.text import inert

CSS = """
Dialog { align: center middle; background: $background 60%; }
Dialog > #box { width: 90%; max-width: 92; height: auto; max-height: 90%; border: round $accent; padding: 0 1; background: $background; }
Dialog #body { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
Dialog #text { height: auto; }
Dialog OptionList { border: none; background: transparent; height: auto; max-height: 20; scrollbar-size-vertical: 1; }
Dialog Input { border: none; border-bottom: solid $line; background: transparent; }
Dialog:ansi { background: transparent; }
"""


class Confirm(ModalScreen[bool], inherit_css=True):
    """A question with what it is about above it. `y` or Enter on yes; everything else is no."""

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

    DEFAULT_CSS = CSS.replace("Dialog", "Pick")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "close")]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._choices = title, choices

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(inert(self._title))
            yield OptionList(*(self._option(name, note) for name, note in self._choices))

    def _option(self, name: str, note: str) -> Option:
        return Option(Content.assemble(inert(name).ljust(24), (f"  {inert(note)}", "$muted")), id=name)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id or "")


class Read(ModalScreen[None]):
    """A text to read, such as the help or what the model is sent. Scrolls; Esc closes."""

    DEFAULT_CSS = CSS.replace("Dialog", "Read")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,f2", "dismiss(None)", "close"),
        Binding("home", "jump(0)", show=False),
        Binding("end", "jump(1)", show=False),
    ]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(inert(self._title))
            box.border_subtitle = "Esc closes"
            with VerticalScroll(id="body"):
                yield Static(self._text, id="text", markup=False)

    def on_mount(self) -> None:
        self.query_one("#body").focus()

    def action_jump(self, end: int) -> None:
        body = self.query_one("#body", VerticalScroll)
        body.scroll_end(animate=False) if end else body.scroll_home(animate=False)


class Ask(ModalScreen[str]):
    """One line to write; Esc is nothing."""

    DEFAULT_CSS = CSS.replace("Dialog", "Ask")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", "close")]

    def __init__(self, title: str, proposal: str = "") -> None:
        super().__init__()
        self._title, self._proposal = title, proposal

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(inert(self._title))
            yield Input(self._proposal)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())
