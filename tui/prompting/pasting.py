"""What comes from the keyboard, put right before Textual's parser sees it.

It takes an escape sequence inside a bracketed paste for keys: coloured output that is pasted then comes in pieces and out
of order. Here a paste is held until its end has come, and handed on without control characters; an end that was lost on
the way keeps no further keys: after a while without more, what has come is the paste. And it takes a key with Alt for a
sequence that goes on, and waits a tenth of a second for the rest: here it is known at once.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.events import Key
from textual.message import Message

from tui.text import inert

LOST_S = 3.0  # without more of a paste, and its end is not waited for any longer
KEYS = 8  # characters at once, up to which they may be keys, pressed by someone who wonders, and no more of the paste
BEGINNINGS = tuple(BRACKETED_PASTE_START[:length] for length in range(len(BRACKETED_PASTE_START) - 1, 0, -1))
WITH_ALT = re.compile(r"(?<!\x1b)\x1b(\r|[^\x00-\x20\x7f-\x9f\[\]\\OPX^_])")
"""A key with Alt: what no longer sequence begins with, and no reply of a terminal ends with. Alt+Enter among them, which
Textual takes for Enter: it would send what is to have another line."""


def pasted(text: str) -> str:
    """Pasted text as it goes into the prompt: one line feed for each end of a line, nothing that controls."""
    return inert(text.replace("\r\n", "\n").replace("\r", "\n"))


class PasteParser(XTermParser):
    """Textual's parser, with pastes made inert and keys with Alt known in front of it."""

    def __init__(self, debug: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(debug)
        self._clock = clock
        self._begun = ""  # what was handed on last and may be the beginning of a paste, cut in two by a read
        self._held: str | None = None  # of a paste that has begun
        self._held_at = 0.0  # when the last of it came

    def feed(self, data: str) -> Iterable[Message]:
        if self._held is None or len(data) > KEYS:
            self._held_at = self._clock()
        if not data:  # the end of the input
            yield from super().feed(data)
        elif ready := self._without_controls(data):
            place = 0
            for key in WITH_ALT.finditer(ready) if BRACKETED_PASTE_START not in ready else ():
                if key.start() > place:
                    yield from super().feed(ready[place : key.start()])
                yield from (
                    [Key("alt+enter", None)] if key[1] == "\r" else self._sequence_to_key_events(key[1], alt=True)
                )
                place = key.end()
            if place < len(ready):
                yield from super().feed(ready[place:])

    def tick(self) -> Iterable[Message]:
        if self._held is not None and self._clock() - self._held_at > LOST_S:
            held, self._held = self._held, None
            yield from super().feed(pasted(held) + BRACKETED_PASTE_END)
        yield from super().tick()

    def _without_controls(self, data: str) -> str:
        """What can be handed on now."""
        ready = ""
        while data:
            if self._held is None:
                seen = self._begun + data
                before, start, rest = seen.partition(BRACKETED_PASTE_START)
                ready += f"{before}{start}"[len(self._begun) :]
                if not start:
                    self._begun = next((part for part in BEGINNINGS if seen.endswith(part)), "")
                    return ready
                self._begun, self._held, data = "", "", rest
            inside, end, data = (self._held + data).partition(BRACKETED_PASTE_END)
            if not end:
                self._held = inside
                return ready
            self._held = None
            ready += pasted(inside) + BRACKETED_PASTE_END
        return ready
