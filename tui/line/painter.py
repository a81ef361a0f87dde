"""The thread that writes to the terminal: always what was drawn last, in one step however much was drawn before it."""

from __future__ import annotations

import os
import shutil
import textwrap
import threading

from textual._ansi_sequences import SYNC_END, SYNC_START

from tui.line.pace import Pace
from tui.line.sheet import Sheet, difference
from tui.line.styles import Look

ASK = "\x1b[6n"  # where the cursor is: every terminal answers, when its turn has come
LEAST = (40, 12)  # columns and rows in which the app can be used
TORN = 200  # bytes from which a frame is worth being shown as a whole
LAST_S = 1.0  # in which what is still to be sent must have gone
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"  # the app's own screen; the other one is the shell's, and stays as it is


def size_of(descriptor: int) -> tuple[int, int]:
    """Columns and rows of a terminal, as Textual takes them where it does not tell."""
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        columns = rows = 0
    return (columns, rows) if columns and rows else shutil.get_terminal_size()


def fits(sheet: Sheet) -> bool:
    return sheet.columns >= LEAST[0] and sheet.rows >= LEAST[1]


def notice(columns: int, rows: int) -> Sheet:
    """What is shown in place of a picture that has no room."""
    sheet = Sheet(columns, rows)
    words = f"This window is {columns} × {rows}. MemGPT needs {LEAST[0]} × {LEAST[1]}: make it larger."
    for row, line in enumerate(textwrap.wrap(words, columns)):
        sheet.put(f"\x1b[{row + 1};1H{line}", set())
    sheet.put("\x1b[H", set())
    return sheet


class Painter(threading.Thread):
    """Takes in what the app writes, and sends what of it the terminal does not show. Nothing waits in a queue: where the
    line is slow, what was overtaken is never sent."""

    def __init__(self, descriptor: int, pace: Pace, wanted: Sheet | None) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._descriptor, self._pace = descriptor, pace
        self._change = threading.Condition()
        self.wanted = wanted or Sheet(*size_of(descriptor))
        self._controls: list[str] = []
        self._syncs = self._settled = self._ending = self._entered = False
        self.lost = threading.Event()
        self._forget()

    def write(self, data: str) -> None:
        """What the app writes."""
        with self._change:
            self._fit()
            rest = self.wanted.put(data, self._touched)
            if SYNC_START in rest or SYNC_END in rest:
                self._syncs, rest = True, rest.replace(SYNC_START, "").replace(SYNC_END, "")
            if rest:
                self._controls.append(rest)
            if ENTER in rest or LEAVE in rest:
                self._entered = rest.rfind(ENTER) > rest.rfind(LEAVE)
            self._change.notify()

    def forget(self) -> None:
        """The terminal may show anything: all is sent anew."""
        with self._change:
            self._fit()
            self._forget()
            self._change.notify()

    def answered(self) -> None:
        """The terminal has shown what it was sent."""
        with self._change:
            self._pace.answered()
            self._change.notify_all()

    def settle(self) -> None:
        """Asks nothing more, and waits for the answer that is on its way: whoever reads next would take it for keys."""
        with self._change:
            self._settled = True
            if self._pace.answers is not False and not self.lost.is_set():
                self._change.wait_for(lambda: not self._pace.waiting, LAST_S)

    def finish(self) -> None:
        """Sends the rest, as far as the line takes it, and ends."""
        with self._change:
            self._ending = True
            self._change.notify()
        if threading.current_thread() is not self:
            self.join(LAST_S)

    def _fit(self) -> None:
        columns, rows = size_of(self._descriptor)
        if (columns, rows) != (self.wanted.columns, self.wanted.rows):
            self.wanted = self.wanted.resized(columns, rows)
            self._forget()

    def _forget(self) -> None:
        self._sent = Sheet(self.wanted.columns, self.wanted.rows, known=False)
        self._touched = set(range(self.wanted.rows))
        self._look: Look | None = None

    # --- the thread -------------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            while data := self._next():
                while data:
                    data = data[os.write(self._descriptor, data) :]
        except OSError:  # the line is gone
            self.lost.set()

    def _next(self) -> bytes:
        """What is to be sent now; nothing at the end."""
        with self._change:
            while not self._ending:
                draws = self._entered and bool(self._touched)
                pause = self._pace.wait() if draws else 0.0
                if data := self._due(pause):
                    return self._counted(data)
                self._change.wait(pause if draws else None)
            data, self._controls = "".join(self._controls), []
            return data.encode()

    def _due(self, pause: float) -> str:
        """Control sequences at once; the picture when the line can take it, save for the row that is written in."""
        controls, self._controls = "".join(self._controls), []
        if not self._entered:
            return controls
        shown = self.wanted if fits(self.wanted) else notice(self.wanted.columns, self.wanted.rows)
        rows = self._touched & {shown.cursor.row} if pause else self._touched
        self._touched = self._touched - rows
        frame, self._look = difference(self._sent, shown, rows, self._look)
        if frame or shown.cursor != self._sent.cursor:
            row, column = self._sent.cursor = shown.cursor
            frame += f"\x1b[{row + 1};{column + 1}H"
        if self._syncs and len(frame) > TORN:
            frame = f"{SYNC_START}{frame}{SYNC_END}"
        return controls + frame

    def _counted(self, data: str) -> bytes:
        encoded = data.encode("utf-8", errors="replace")
        self._pace.sent(len(encoded))
        return encoded + (ASK.encode() if self._entered and not self._settled and self._pace.asks() else b"")
