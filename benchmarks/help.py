"""How long `memgpt --help` takes, beside an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.support import median, row

RUNS = 15


def timed(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    executable = str(Path(sys.executable).with_name("memgpt"))
    pairs = [(timed([sys.executable, "-c", "pass"]), timed([executable, "--help"])) for _ in range(RUNS)]
    nothing, ours = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
    row("", "seconds", "ratio")
    row("python -c pass", f"{nothing:.3f}", "1")
    row("memgpt --help (at most 0.20 s, 10 x)", f"{ours:.3f}", f"{ours / nothing:.1f}")


if __name__ == "__main__":
    main()
