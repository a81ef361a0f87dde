"""What waits for the model: changed, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.screens.dialogs import CSS, Rows, foot
from tui.text import inert


class Queue(ModalScreen[int]):
    """Gives the place of the message that is to come back into the prompt; -1 is none."""

    section = "list"  # of the table of keys
    DEFAULT_CSS = CSS.replace("Dialog", "Queue")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(-1)", "close")]

    def __init__(self, waiting: Sequence[str]) -> None:
        super().__init__()
        self._waiting = waiting

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = "Waits for the model"
            yield Rows(*(Option(Content(f"{place}  {inert(' '.join(text.split()))[:200]}"))
                            for place, text in enumerate(self._waiting, 1)))  # fmt: skip

    def on_resize(self) -> None:
        self.call_after_refresh(
            foot, self.query_one("#box"), "Enter takes it back", "Esc closes", "it comes into the prompt"
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)
