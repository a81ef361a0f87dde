"""From the start of the process to the first frame in which a typed key stands in the prompt; and to the last screenful
of chat with true figures, the engine started from nothing."""

from __future__ import annotations

import sys
import time

from benchmarks.support import deep, median, model, program, row, server, settled, terminal
from tests.support.program import Program
from tests.support.terminal import Terminal

RUNS, DEEP = 7, 50_000
KEY = "§"


def until_key(opened: Terminal, began: float) -> float:
    """Seconds until a key that was typed at once is seen."""
    opened.type(KEY)
    opened.until(lambda: KEY in opened.text, 60)
    return time.perf_counter() - began


def baseline() -> float:
    began = time.perf_counter()
    opened = Terminal([sys.executable, "-P", "-m", "benchmarks.baseline"], Program.environment(_anywhere()))
    try:
        return until_key(opened, began)
    finally:
        opened.close()


def _anywhere() -> Program:
    from memgpt.home import find_home

    return Program(find_home())


def app(found: Program, agent: str, url: str, cold: bool) -> tuple[float, float]:
    """Seconds to the first key, and to the last screenful with figures."""
    if cold:
        found.good("engine", "stop", "--now")
    settled(found.home)
    began = time.perf_counter()
    opened = terminal(found, "run", "--agent", agent, "--first", *model(url))
    try:
        key = until_key(opened, began)
        opened.until(lambda: "idle" in opened.text and " / 8,192" in opened.text, 60)
        return key, time.perf_counter() - began
    finally:
        opened.close()


def main() -> None:
    with server("instant") as url, program() as found:
        found.good("send", "--agent", "empty", "--create", *model(url), "Hello")
        deep(found, "deep", DEEP, url)
        cases = (("empty agent", "empty"), (f"{DEEP:,} messages", "deep"))
        times: dict[str, list[float]] = {"baseline": []}
        for _ in range(RUNS):
            times["baseline"].append(baseline())
            for label, agent in cases:
                for cold in (False, True):
                    state = "from nothing" if cold else "running"
                    key, whole = app(found, agent, url, cold)
                    times.setdefault(f"first key, {label}, engine {state}", []).append(key)
                    times.setdefault(f"last screenful, {label}, engine {state}", []).append(whole)
    base = median(times["baseline"])
    row("", "seconds", "ratio")
    for name, values in times.items():
        row(name, f"{median(values):.2f}", f"{median(values) / base:.2f}")


if __name__ == "__main__":
    main()
