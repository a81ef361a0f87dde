"""A line of 150 ms and 30 KB a second: how soon a key is seen while an answer streams, and what goes over the line."""

from __future__ import annotations

import sys
import time

from benchmarks.support import model, program, quantile, row, server
from tests.support.terminal import Terminal

KEYS = 20
DELAY_S, RATE = 0.15, 30_000


def main() -> None:
    row(f"{DELAY_S * 1000:.0f} ms, {RATE // 1000} KB/s", "KB/s", "key p50", "key p95", "quit")
    for mode in ("prose100", "mixed100"):
        for more in ((), ("--low-bandwidth",)):
            with server(mode) as url, program() as found:
                line = [
                    sys.executable,
                    "-m",
                    "tests.support.slow_line",
                    "--delay",
                    str(DELAY_S),
                    "--rate",
                    str(RATE),
                    "--",
                ]
                found.good("send", "--agent", "a", "--create", *model(url, 200_000), "warm up", timeout=120)
                command = [*line, *found.command("run", "--agent", "a", "--first", *more, *model(url, 200_000))]
                opened = Terminal(command, found.environment())
                try:
                    row(f"{mode} {' '.join(more)}", *_measured(opened))
                finally:
                    opened.close()


def _measured(opened: Terminal) -> list[str]:
    opened.shows("idle")
    opened.type("Tell me all\r")
    opened.shows("answering")
    opened.read(1)
    took, began, before = [], time.monotonic(), len(opened.bytes)
    for number in range(KEYS):
        words, at = f"<{number}>", time.monotonic()
        opened.type(words)
        opened.shows(words)
        took.append(time.monotonic() - at)
        while time.monotonic() < at + 0.4:
            opened.read(0.02)
    sent = (len(opened.bytes) - before) / (time.monotonic() - began) / 1000
    opened.until(lambda: "answering" in opened.text)
    opened.type("\x11")
    at = time.monotonic()
    opened.until(lambda: opened.process.poll() is not None)
    times = (quantile(took, 0.5), quantile(took, 0.95), time.monotonic() - at)
    return [f"{sent:.1f}", *(f"{1000 * seconds:.0f} ms" for seconds in times)]


if __name__ == "__main__":
    main()
