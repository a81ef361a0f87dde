"""A long and narrow line: a program on a pseudo-terminal whose bytes come late and slowly, as over SSH from far away.

`python -m tests.support.slow_line --delay 0.15 --rate 30000 -- COMMAND …` runs a command so; the delay is there and back,
the rate that of what the command writes, and what is on its way waits in a buffer as it does in a server's.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections import deque

BUFFER = 256 * 1024  # bytes that may be on their way, as in the buffers of a server


class Way:
    """One direction: what was put in comes out after `delay_s`, at most `rate` bytes a second."""

    def __init__(self, target: int, delay_s: float, rate: float) -> None:
        self._target, self._delay_s, self._rate = target, delay_s, rate
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self.size = 0

    def put(self, data: bytes) -> None:
        for start in range(0, len(data), 512):
            piece = data[start : start + 512]
            self._free_at = max(time.monotonic(), self._free_at) + len(piece) / self._rate
            self._waiting.append((self._free_at + self._delay_s, piece))
            self.size += len(piece)

    def deliver(self) -> float:
        """Hands out what has arrived; seconds until the next will have."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, piece = self._waiting.popleft()
            self.size -= len(piece)
            while piece:
                piece = piece[os.write(self._target, piece) :]
        return self._waiting[0][0] - now if self._waiting else 1.0


def carry(command: list[str], delay_s: float, rate: float) -> int:
    """Runs a command at the other end of the line; its exit status."""
    master, slave = pty.openpty()

    def fit(*_: object) -> None:
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0)))

    fit()
    signal.signal(signal.SIGWINCH, fit)
    before = termios.tcgetattr(0)
    tty.setraw(0)
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
    )  # fmt: skip
    os.close(slave)
    down, up = Way(1, delay_s / 2, rate), Way(master, delay_s / 2, rate)
    try:
        _copy(master, down, up)
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)
    return process.wait()


def _copy(master: int, down: Way, up: Way) -> None:
    """Carries bytes both ways until the program has closed its end and all of it has arrived."""
    closed = False
    while not closed or down.size:
        pause = min(down.deliver(), up.deliver())
        reading = [0, *([master] if not closed and down.size < BUFFER else [])]
        for ready in select.select(reading, [], [], min(pause, 0.05))[0]:
            try:
                data = os.read(ready, 16384)
            except OSError:
                data = b""
            if not data:
                closed = True
            elif ready == 0:
                up.put(data)
            else:
                down.put(data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.15)
    parser.add_argument("--rate", type=float, default=30_000)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    return carry(options.command, options.delay, options.rate)


if __name__ == "__main__":
    sys.exit(main())
