"""A text of several lines to be changed, over whatever is shown."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import TextArea

from tui.keymap import bindings_of
from tui.screens.dialogs import CSS
from tui.text import inert


class Reword(ModalScreen[str]):
    """Ctrl+S gives the new text, Esc nothing: the keys of a block that is edited."""

    section = "block_editor"  # of the table of keys
    DEFAULT_CSS = (
        CSS.replace("Dialog", "Reword")
        + "\nReword TextArea, Reword TextArea:focus { border: none; }"
        + "\nReword TextArea { height: 12; background: $background; padding: 0; }"
    )
    AUTO_FOCUS = "TextArea"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("block_editor")

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._heading, self._given = title, text

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(inert(self._heading))
            box.border_subtitle = "Ctrl+S save · Esc leave"
            yield TextArea(inert(self._given))

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.move_cursor(area.document.end)

    def action_save(self) -> None:
        self.dismiss(self.query_one(TextArea).text.strip())

    def action_leave(self) -> None:
        self.dismiss("")

    def action_undo(self) -> None:
        self.query_one(TextArea).undo()
