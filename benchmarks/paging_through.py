"""A conversation of 100,000 messages read by keys: how soon a page, a day and another agent are painted, and what the
screen's process holds meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import psutil

from benchmarks.support import model, program, quantile, row, server, settled, terminal
from core.store.database import Database
from core.store.journal import Draft, Journal
from tests.support.program import Program
from tests.support.terminal import Terminal

MESSAGES = 100_000
DAY = 86_400_000_000  # microseconds
FIRST_DAY = int(time.time()) * 1_000_000 + DAY  # after what the agent was told before
A_DAY = 500  # messages, in one commit
PAGE_UP, PAGE_DOWN, NEXT_AGENT = "\x1b[5~", "\x1b[6~", "\x1bn"
KEYS = 150
QUIET_S, REST_S = 0.15, 0.4  # without a byte, until the next key


async def written(found: Program, agent: str, count: int) -> None:
    """Puts that many messages of its own into an agent's journal, five hundred a day, and nothing of them into recall."""
    journal = await Journal.open(await Database.open(found.home.agent_file(agent), "agent"))
    for start in range(0, count, A_DAY):
        drafts = [_draft(number) for number in range(start, min(count, start + A_DAY))]
        await journal.append(*drafts, at=FIRST_DAY + start // A_DAY * DAY)
    await journal.database.close()


def _draft(number: int) -> Draft:
    """One message; its item stands in the queue at no cost, as nothing is asked of a model with it."""
    text = f"[{number}] " + " ".join(f"word{number * place % 97}" for place in range(1, 24))
    return Draft("user", {}, {"text": text}) if number % 2 else Draft("reply", {"calls": []}, {"said": text})


def main() -> None:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else MESSAGES
    with server("instant") as url, program() as found:
        for agent in ("deep", "other"):
            found.good("send", "--agent", agent, "--create", *model(url), "Hello", timeout=120)
        found.good("engine", "stop")
        asyncio.run(written(found, "deep", count))
        opened = terminal(found, "run", "--agent", "deep", "--first", *model(url))
        try:
            opened.shows("idle")
            settled(found.home)
            process = psutil.Process(opened.process.pid)
            row(f"{count:,} messages", "p50", "p95", "held")
            _turned(opened, process, "PageUp", PAGE_UP)
            _turned(opened, process, "PageDown", PAGE_DOWN)
            _gone_to_days(opened, process, count)
            _switched(opened, process)
        finally:
            opened.close()


def _painted(opened: Terminal, keys: str, shown: Callable[[], object], quiet: float = QUIET_S) -> float:
    """Seconds from the keys until `shown` is other than before."""
    before, took = shown(), 0.0
    began = time.perf_counter()
    opened.type(keys)
    for at, data in opened.recorded(quiet):
        opened.feed(data)
        if not took and shown() != before:
            took = at - began
    assert took, opened.text
    return took


def _turned(opened: Terminal, process: psutil.Process, what: str, key: str) -> None:
    took = [_painted(opened, key, lambda: opened.text) for _ in range(KEYS)]
    _told(what, took, process)


def _gone_to_days(opened: Terminal, process: psutil.Process, count: int) -> None:
    took = []
    for part in range(1, 21):
        further = part * 37 % max(1, count // A_DAY)
        day = time.strftime("%Y-%m-%d", time.gmtime(FIRST_DAY / 1e6 + further * 86400))
        opened.type(f"/go {day}")
        opened.shows(f"/go {day}")
        opened.read(0.2)
        took.append(_painted(opened, "\r", lambda: opened.text.split("\n")[1:20], REST_S))
    _told("to a day", took, process)


def _switched(opened: Terminal, process: psutil.Process) -> None:
    opened.type("/agents other\r")
    opened.until(lambda: "other" in opened.text.split("\n")[0])
    opened.read(1.0)
    took = [_painted(opened, NEXT_AGENT, lambda: opened.text.split("\n")[0], REST_S) for _ in range(20)]
    _told("to another open agent", took, process)


def _told(what: str, took: list[float], process: psutil.Process) -> None:
    held = f"{process.memory_info().rss / 1e6:.0f} MB"
    row(what, *(f"{1000 * quantile(took, share):.0f} ms" for share in (0.5, 0.95)), held)


if __name__ == "__main__":
    main()
