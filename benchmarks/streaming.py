"""Processor time and bytes to the terminal while an answer streams at 100 tokens a second, at 120 by 40: on a line as it
comes, and with `--low-bandwidth`."""

from __future__ import annotations

import time

from benchmarks.support import cpu, model, program, row, server, terminal
from tests.support.program import Program

SECONDS = 12
KINDS = ("prose100", "fence100", "table100", "list100", "mixed100")


def main() -> None:
    row("", "screen CPU", "engine CPU", "KB/s", "low: CPU", "low: KB/s")
    for mode in KINDS:
        with server(mode) as url, program() as found:
            found.good("send", "--agent", "a", "--create", *model(url, 200_000), "--json", "warm up", timeout=120)
            screen, engine, sent = streamed(found, url)
            slow_screen, _, slow_sent = streamed(found, url, "--low-bandwidth")
            shares = (f"{screen:.1f} %", f"{engine:.1f} %", f"{sent:.1f}", f"{slow_screen:.1f} %", f"{slow_sent:.1f}")
            row(mode, *shares)


def streamed(found: Program, url: str, *arguments: str) -> tuple[float, float, float]:
    """Percent of a core that screen and engine take, and KB/s to the terminal, while an answer comes."""
    opened = terminal(found, "run", "--agent", "a", "--first", *arguments, *model(url, 200_000))
    try:
        opened.shows("idle")
        opened.type("Tell me all\r")
        opened.shows("answering")
        opened.read(1)
        before, bytes_before, began = cpu(found.home), len(opened.bytes), time.monotonic()
        while time.monotonic() - began < SECONDS:
            opened.read(0.5)
        spent, seconds = cpu(found.home), time.monotonic() - began
        sent = (len(opened.bytes) - bytes_before) / seconds / 1000
        opened.until(lambda: "answering" in opened.text)  # else the answer was too short for this
        opened.type("\x1b")
        opened.shows("idle")
        screen, engine = (100 * (spent[name] - before[name]) / seconds for name in ("screen", "engine"))
        return screen, engine, sent
    finally:
        opened.close()


if __name__ == "__main__":
    main()
