"""What the benchmarks share: homes, long conversations, processes and their processor time, tables."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from memgpt.home import Home
from tests.support.program import Program
from tests.support.terminal import Terminal

WORDS = [
    "the",
    "launch",
    "of",
    "a",
    "small",
    "boat",
    "on",
    "a",
    "quiet",
    "lake",
    "was",
    "seen",
    "by",
    "many",
    "people",
    "who",
    "had",
    "come",
    "to",
    "talk",
    "about",
    "weather",
]


@contextmanager
def program() -> Iterator[Program]:
    """The command line on a home of its own; at the end its engine is stopped."""
    with tempfile.TemporaryDirectory(prefix="memgpt-bench-") as folder:
        home = Home(Path(folder) / "home")
        home.create()
        found = Program(home)
        try:
            yield found
        finally:
            found("engine", "stop", "--now")


@contextmanager
def server(mode: str, window: int | None = None) -> Iterator[str]:
    """A scripted model server in a process of its own; its URL."""
    command = [sys.executable, "-m", "tests.support.model_server", "--mode", mode]
    command += ["--window", str(window)] if window else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def model(url: str, window: int = 8192) -> tuple[str, ...]:
    """Arguments that put an agent on a scripted server."""
    return ("--model", "openai/scripted", "--model-endpoint", url, "--context-window", str(window))


def conversation(path: Path, count: int) -> str:
    """A JSONL file of that many messages."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = " ".join(WORDS[(number * 7 + place * (number % 5 + 1)) % len(WORDS)] for place in range(14))
            row = {"id": f"i{number}", "role": "user" if number % 2 else "assistant", "text": f"{number}: {text}"}
            file.write(json.dumps(row) + "\n")
    return str(path)


def deep(found: Program, agent: str, count: int, url: str) -> None:
    """An agent with that many messages behind it, and one turn of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = conversation(Path(folder) / "talk.jsonl", count)
        found.good("import", "messages", path, "--agent", agent, "--no-embed", timeout=600)
    found.good("send", "--agent", agent, *model(url), "Hello")


def terminal(found: Program, *arguments: str) -> Terminal:
    return Terminal(found.command(*arguments), found.environment())


def processes(home: Home) -> list[psutil.Process]:
    """Every process of a home."""
    kept = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("MEMGPT_HOME") == str(home.path) and process.pid != os.getpid():
                kept.append(process)
    return kept


def kind(process: psutil.Process) -> str:
    """What a process of ours is."""
    line = " ".join(process.cmdline())
    names = {"core.engine": "engine", "memory.worker": "embeddings", "builtin_server": "llama.cpp"}
    return next((name for mark, name in names.items() if mark in line), "screen")


def cpu(home: Home) -> dict[str, float]:
    """Processor seconds so far, by what the process is."""
    spent: dict[str, float] = {}
    for process in processes(home):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            spent[kind(process)] = spent.get(kind(process), 0.0) + times.user + times.system
    return spent


def settled(home: Home) -> None:
    """Waits until nothing of a home is at work, loading included."""
    before = sum(cpu(home).values())
    while True:
        time.sleep(1)
        now = sum(cpu(home).values())
        if now - before < 0.05:
            return
        before = now


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def row(*cells: object) -> None:
    print("  ".join(f"{cell:<46}" if place == 0 else f"{cell:>14}" for place, cell in enumerate(cells)), flush=True)
