"""How long a typed key takes to be seen while the engine starts, models load and a backlog is embedded."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.support import conversation, model, program, quantile, row, server, terminal
from tests.support.terminal import Terminal

BACKLOG, SECONDS = 4000, 25.0
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def main() -> None:
    with server("instant") as url, program() as found, tempfile.TemporaryDirectory() as folder:
        path = conversation(Path(folder) / "talk.jsonl", BACKLOG)
        found.good("import", "messages", path, "--agent", "a", "--no-embed", timeout=300)
        found.good("engine", "stop", "--now")
        opened = terminal(found, "run", "--agent", "a", "--first", *model(url))
        try:
            opened.type("!")
            opened.until(lambda: "!" in opened.text, 60)
            taken, began, typed = [], time.monotonic(), "!"
            while time.monotonic() - began < SECONDS:
                typed += ALPHABET[len(typed) % 26]
                opened.type(typed[-1])
                at = time.perf_counter()
                opened.shows(typed[-20:])
                taken.append((time.perf_counter() - at) * 1000)
                if len(typed) > 40:
                    written, typed = typed[-20:], ""
                    opened.type("\x03")
                    _gone(opened, written)
                opened.read(0.03)
            row("keys typed", len(taken))
            for share in (0.5, 0.9, 0.99, 1.0):
                row(f"ms until seen, p{share * 100:.0f}", f"{quantile(taken, share):.1f}")
        finally:
            opened.close()


def _gone(opened: Terminal, words: str) -> None:
    opened.until(lambda: words not in opened.text)


if __name__ == "__main__":
    main()
