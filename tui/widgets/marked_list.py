"""The list that a pane holds: no frame of its own, the marked row told in every theme, movement by vi's keys too."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import OptionList

from tui.keymap import bindings_of


class MarkedList(OptionList):
    """A plain list; the marked row stands out more where the list has the focus."""

    DEFAULT_CSS = """
    MarkedList { border: none; height: 1fr; background: transparent; padding: 0; scrollbar-size-vertical: 1;
        text-wrap: nowrap; text-overflow: ellipsis; }
    MarkedList:focus { border: none; }
    MarkedList > .option-list--option-highlighted { background: $panel; color: $foreground; text-style: none; }
    MarkedList:focus > .option-list--option-highlighted { background: $panel; color: $foreground; text-style: bold; }
    MarkedList:ansi > .option-list--option-highlighted { background: ansi_default; color: $foreground; text-style: bold; }
    MarkedList:ansi:focus > .option-list--option-highlighted { background: ansi_default; color: $accent; text-style: bold underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("list")
