"""What an open app costs when nothing happens."""

from __future__ import annotations

import time

from benchmarks.support import cpu, model, program, row, server, terminal

SECONDS = 20


def main() -> None:
    with server("instant") as url, program() as found:
        opened = terminal(found, "run", "--agent", "a", "--first", *model(url))
        try:
            opened.shows("idle")
            opened.type("Hello\r")
            opened.shows("Yes.")
            opened.read(15)  # until the models are loaded
            before, sent = cpu(found.home), len(opened.bytes)
            began = time.monotonic()
            while time.monotonic() - began < SECONDS:
                opened.read(1)
            spent = cpu(found.home)
            row("", "CPU")
            for name, seconds in spent.items():
                row(name, f"{100 * (seconds - before.get(name, 0)) / SECONDS:.2f} %")
            total = sum(spent.values()) - sum(before.values())
            row(f"together, {SECONDS} s", f"{100 * total / SECONDS:.2f} %")
            row("bytes to the terminal", len(opened.bytes) - sent)
        finally:
            opened.close()


if __name__ == "__main__":
    main()
