"""Textual's driver for Unix terminals, for a line that may be slow or be dropped."""

from __future__ import annotations

import os
import selectors
import sys
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.line.painter import Painter
from tui.prompting.pasting import PasteParser

if TYPE_CHECKING:
    from tui.line.sheet import Sheet

READ = 4096  # bytes
LOOK_S = 0.1  # between two looks at whether the end has come


class LineDriver(LinuxDriver):
    """Sends what differs instead of what was repainted, never blocks the app, and knows when the line is gone.

    The app has a `line` (tui/line/slow.py), with its pace, which is told when nobody is at the other end any more.
    """

    def __init__(self, app: Any, **given: Any) -> None:
        super().__init__(app, **given)
        self._line = app.line
        self._painter: Painter | None = None
        self._wanted: Sheet | None = None

    def start_application_mode(self) -> None:
        if self._painter is None:
            self._painter = Painter(sys.__stderr__.fileno(), self._line.pace, self._wanted)  # type: ignore[union-attr]
            self._painter.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def resume_application_mode(self) -> None:
        """After SIGCONT; also where the stop had not been ours to prepare, as after SIGSTOP."""
        if self._painter is not None:
            self.suspend_application_mode()
        super().resume_application_mode()

    def write(self, data: str) -> None:
        if self._painter is not None:
            self._painter.write(data)

    def forget(self) -> None:
        """The terminal may show anything, as after a change of its size: everything is sent anew."""
        if self._painter is not None:
            self._painter.forget()

    def stop_application_mode(self) -> None:
        if self._painter is not None:
            self._painter.settle()
        super().stop_application_mode()

    def close(self) -> None:
        painter, self._painter = self._painter, None
        if painter is not None:
            self._wanted = painter.wanted
            painter.finish()
        super().close()

    def process_message(self, message: Message) -> None:
        if isinstance(message, events.CursorPosition):
            if self._painter is not None:
                self._painter.answered()
        else:
            super().process_message(message)

    def run_input_thread(self) -> None:
        """Reads keys until the end; a line that is gone is told of, where Textual would read on at full speed."""
        try:
            self._read_keys()
        except Exception as error:
            self._loop.call_soon_threadsafe(self._line.broke, error)

    def _read_keys(self) -> None:
        parser, decode = PasteParser(self._debug), getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(LOOK_S):
                    data = self._read()
                    if not data:
                        self._loop.call_soon_threadsafe(self._line.lost)
                        return
                    for message in parser.feed(decode(data)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, READ)
        except OSError:
            return b""
