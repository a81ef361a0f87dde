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
QUIET_S, MOST_S = 1.0, 3.0  # without a byte, and in all; the baseline's cursor blinks on and on
SHOWN = ("idle", " / 8,192")  # in the status line, when the figures are the engine's


def moments(opened: Terminal, began: float, *wanted: tuple[str, ...]) -> list[float]:
    """Seconds until the words of each are shown, a key having been typed at once."""
    opened.type(KEY)
    found: list[float] = []
    for at, data in opened.recorded(QUIET_S, MOST_S):
        opened.feed(data)
        while len(found) < len(wanted) and all(word in opened.text for word in wanted[len(found)]):
            found.append(at - began)
    assert len(found) == len(wanted), opened.text
    return found


def baseline() -> float:
    began = time.perf_counter()
    opened = Terminal([sys.executable, "-P", "-m", "benchmarks.baseline"], Program.environment(_anywhere()))
    try:
        return moments(opened, began, (KEY,))[0]
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
        key, whole = moments(opened, began, (KEY,), SHOWN)
        return key, whole
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
