"""Processor time and bytes while an answer streams at 100 tokens a second, at 120 by 40."""

from __future__ import annotations

import time

from benchmarks.support import cpu, model, program, row, server, terminal

SECONDS = 12


def main() -> None:
    row("", "screen CPU", "engine CPU", "KB/s")
    for mode in ("prose100", "fence100", "table100", "list100"):
        with server(mode) as url, program() as found:
            found.good("send", "--agent", "a", "--create", *model(url, 200_000), "--json", "warm up", timeout=120)
            opened = terminal(found, "run", "--agent", "a", "--first", *model(url, 200_000))
            try:
                opened.shows("idle")
                opened.type("Tell me all\r")
                opened.shows("answering")
                opened.read(1)
                before, bytes_before, began = cpu(found.home), len(opened.bytes), time.monotonic()
                while time.monotonic() - began < SECONDS:
                    opened.read(0.5)
                spent, seconds = cpu(found.home), time.monotonic() - began
                shares = [100 * (spent[name] - before[name]) / seconds for name in ("screen", "engine")]
                sent = (len(opened.bytes) - bytes_before) / seconds / 1000
                assert "answering" in opened.text, "the answer was too short for this"
                row(mode, *(f"{share:.1f} %" for share in shares), f"{sent:.1f}")
            finally:
                opened.close()


if __name__ == "__main__":
    main()
