"""Kills a writer of the store with SIGKILL, again and again: `python -m benchmarks.kill_store [TIMES]`, 1,000 by itself.

The writer prints a step when its commit has returned. Every printed step has to be there afterwards, and what is stored
beside the journal has to be what the journal comes to.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.support import row
from tests.store.test_journal import killed_writer, stored_steps

FRESH_EVERY = 50  # kills; then a new file, so that opening does not come to measure its length


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 1000
    began, lost, acknowledged_in_all, done = time.monotonic(), 0, 0, 0
    while done < times:
        with tempfile.TemporaryDirectory() as folder:
            acknowledged: set[int] = set()
            for _ in range(min(FRESH_EVERY, times - done)):
                acknowledged |= set(killed_writer(Path(folder)))
                done += 1
            lost += len(acknowledged - asyncio.run(stored_steps(Path(folder))))
            acknowledged_in_all += len(acknowledged)
    row("kills", done)
    row("steps acknowledged", acknowledged_in_all)
    row("steps lost", lost)
    row("seconds", f"{time.monotonic() - began:.0f}")
    assert lost == 0


if __name__ == "__main__":
    main()
