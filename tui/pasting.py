"""What is pasted, made harmless before the terminal's own reader sees it.

Textual's parser takes an escape sequence inside a bracketed paste for keys: coloured output that is pasted then comes
in pieces and out of order. Here a paste is held until its end has come, and handed on without control characters.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

from tui.text import inert

BEGINNINGS = tuple(BRACKETED_PASTE_START[:length] for length in range(len(BRACKETED_PASTE_START) - 1, 2, -1))


def pasted(text: str) -> str:
    """Pasted text as it goes into the prompt: one line feed for each end of a line, nothing that controls."""
    return inert(text.replace("\r\n", "\n").replace("\r", "\n"))


class PasteParser(XTermParser):
    """Textual's parser, with pastes made inert in front of it."""

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._held: str | None = None  # of a paste that has begun
        self._begun = ""  # what may be the beginning of one, cut in two by a read

    def feed(self, data: str) -> Iterable[Message]:
        if not data:  # the end of the input
            yield from super().feed(data)
        elif ready := self._without_controls(data):
            yield from super().feed(ready)

    def _without_controls(self, data: str) -> str:
        """What can be handed on now."""
        data, self._begun, ready = self._begun + data, "", ""
        while True:
            if self._held is None:
                before, start, data = data.partition(BRACKETED_PASTE_START)
                ready += before
                if not start:
                    self._begun = next((part for part in BEGINNINGS if ready.endswith(part)), "")
                    return ready.removesuffix(self._begun)
                self._held = ""
            inside, end, data = (self._held + data).partition(BRACKETED_PASTE_END)
            if not end:
                self._held = inside
                return ready
            self._held = None
            ready += BRACKETED_PASTE_START + pasted(inside) + BRACKETED_PASTE_END


def install() -> None:
    """Has Textual's drivers for Unix terminals read by this parser."""
    from textual.drivers import linux_driver

    setattr(linux_driver, "XTermParser", PasteParser)  # noqa: B010 - it is not the module's to export
