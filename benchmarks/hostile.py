"""Ten thousand hostile turns: `python -m benchmarks.hostile [--turns N] [--seed S] [--processes P]`.

Giant messages and results, many tools, any script, windows and models that change, core memory at its limit. Counted are
prompts over the window by the server's count, results without their call, last messages lost, and loops without progress.
A conversation that breaks something is named by its seed: `--seed S --turns 25` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.support import row
from tests.support import hostile
from tests.support.agents import open_roster
from tests.support.model_server import ModelServer

TURNS = 10_000
A_CONVERSATION = 25
SHOWN = 20


def several(seeds: Sequence[int]) -> hostile.Findings:
    """The conversations of those seeds, in one process."""
    os.nice(10)
    return asyncio.run(_several(seeds))


async def _several(seeds: Sequence[int]) -> hostile.Findings:
    found = hostile.Findings()
    with ModelServer() as server, tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            for seed in seeds:
                found.add(await hostile.conversation(roster, server, seed, A_CONVERSATION))
    return found


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + max(1, options.turns // A_CONVERSATION))
    began, found = time.monotonic(), hostile.Findings()
    shares = [seeds[place : place + 8] for place in range(0, len(seeds), 8)]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, spawned) as pool:
        for done in pool.map(several, shares):
            found.add(done)
            print(f"{found.turns:,} turns", *done.broken, sep="\n", file=sys.stderr, flush=True)
    row("turns, prompts", f"{found.turns:,}", f"{found.prompts:,}")
    row("evictions, cut to fit", f"{found.evictions:,}", f"{found.cut:,}")
    row("edits of core memory refused for room", f"{found.refused:,}")
    row("turns that a window was too small for, said so", f"{found.too_small:,}")
    row("broken", len(found.broken))
    row("seconds", round(time.monotonic() - began))
    for line in found.broken[:SHOWN]:
        print(f"  {line}")


if __name__ == "__main__":
    main(sys.argv[1:])
