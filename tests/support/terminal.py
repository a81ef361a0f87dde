"""A program on a pseudo-terminal, its screen read by pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyte

from tests.support.patience import LONGEST_S

ASKED = b"\x1b[6n"  # where the cursor is
COLOURS = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


class Terminal:
    """A program on a pseudo-terminal with a screen that can be read."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], columns: int = 120, rows: int = 40
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.screen.write_process_input = self.type  # type: ignore[assignment] # it answers, as terminals do
        self._stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self._master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        quiet = termios.tcgetattr(self.slave)
        quiet[3] &= ~termios.ECHO  # what is typed is seen when the program shows it, not before
        termios.tcsetattr(self.slave, termios.TCSANOW, quiet)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, env={**environment, **COLOURS},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
        )  # fmt: skip

    def read(self, seconds: float = 0.05) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._master], [], [], left)[0]:
                return
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """Shows what the program sent."""
        self.bytes += data
        self._stream.feed(data)

    def recorded(self, quiet: float, most: float = 5.0) -> list[tuple[float, bytes]]:
        """What the program sends, with the moments at which it came (`time.perf_counter`), until it has sent nothing for
        `quiet` seconds, or for `most` at all. It is not shown yet, as showing takes longer than sending; but where the
        program asks for it, it is told at once that it was."""
        found: list[tuple[float, bytes]] = []
        end = time.perf_counter() + most
        while time.perf_counter() < end and select.select([self._master], [], [], quiet)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                break
            found.append((time.perf_counter(), data.replace(ASKED, b"")))
            if ASKED in data:
                self.type("\x1b[1;1R")
        return found

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Another size, of which the program is told by SIGWINCH."""
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wiped(self) -> None:
        """Another program has written over the screen."""
        self._stream.feed(b"\x1b[0m\x1b[2J\x1b[H")

    def hang_up(self) -> None:
        """Drops the line: nobody is at the other end any more."""
        os.close(self.slave)
        os.close(self._master)
        self._master = self.slave = -1

    def until(self, true: Callable[[], Any], seconds: float = LONGEST_S) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"it did not come true; the screen shows:\n{self.text}"
            self.read(0.004)

    def shows(self, *words: str) -> None:
        self.until(lambda: all(word in self.text for word in words))

    def ended(self, seconds: float = LONGEST_S) -> int:
        """Waits for the end; the terminal must be as it was before."""
        self.until(lambda: self.process.poll() is not None, seconds)
        self.read(0.2)
        assert termios.tcgetattr(self.slave) == self.before
        return int(self.process.returncode)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self._master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
