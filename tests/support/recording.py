"""Records the guided tour in a pseudo-terminal as an asciinema v2 file: `python -m tests.support.recording docs/tour.cast`."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from memgpt.home import Home
from tests.support.program import Program
from tests.support.terminal import COLOURS, Terminal
from tui.tour.script import STAGES

COLUMNS, ROWS = 100, 30
LONGEST_S = 2.0  # of a pause in the recording: what took longer was this machine's business
READING_S = 3.0  # at each stage, before the next one
STEP_S = 0.02


class Recorder:
    """What a terminal was sent, each part with its time."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.events: list[tuple[float, str]] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._seen, self._at, self._last = 0, 0.0, time.monotonic()

    def watch(self, enough: Callable[[], object], least_s: float = 0.0) -> None:
        """Records until something is true, and for that long at least."""
        began = time.monotonic()
        while not enough() or time.monotonic() - began < least_s:
            assert time.monotonic() - began < 120, self.terminal.text
            self.terminal.read(STEP_S)
            self._take()

    def _take(self) -> None:
        fresh = self._decoder.decode(self.terminal.bytes[self._seen :])
        self._seen = len(self.terminal.bytes)
        if fresh:
            now = time.monotonic()
            self._at += min(now - self._last, LONGEST_S)
            self._last = now
            self.events.append((self._at, fresh))

    def write(self, path: Path, title: str) -> None:
        head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": title, "env": COLOURS}
        lines = [head, *([round(at, 3), "o", text] for at, text in self.events)]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def record(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="memgpt-recording-") as folder:
        home = Home(Path(folder) / "home")
        home.create()
        program = Program(home)
        given = program.command("run", "--agent", "ada", "--yes", "--first", "--tour")
        terminal = Terminal(given, program.environment(TZ="UTC"), COLUMNS, ROWS)
        try:
            _walk(Recorder(terminal), path)
        finally:
            terminal.close()
            subprocess.run(program.command("engine", "stop", "--now"), env={**os.environ, "MEMGPT_HOME": str(home.path)}, check=False)  # fmt: skip


def _walk(recorder: Recorder, path: Path) -> None:
    terminal = recorder.terminal
    for place, stage in enumerate(STAGES, 1):
        mark, does = f"{place} of {len(STAGES)}", "Enter closes" if place == len(STAGES) else "Enter goes on"
        recorder.watch(lambda mark=mark, does=does: mark in terminal.text and does in terminal.text, READING_S)  # type: ignore[misc]
        print(f"{mark}: {stage.title}", file=sys.stderr)
        terminal.type("\r")
    recorder.watch(lambda: "New here?" in terminal.text, 1.0)
    terminal.type("\x11")
    recorder.watch(lambda: terminal.process.poll() is not None)
    recorder.write(path, "MemGPT in the terminal: the guided tour")


if __name__ == "__main__":
    record(Path(sys.argv[1]))
