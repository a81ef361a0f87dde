"""Measures speed and memory: `python -m benchmarks [NAME …]`; without a name, all that need no data of their own.

Each is also a command by itself, such as `python -m benchmarks.idle`. Ratios are of one run on one machine.
"""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = (
    "help", "first_frame", "own_time", "streaming", "slow_line", "idle", "stall", "exact", "hostile", "kill_store",
    "builtin", "remember", "scale", "walk", "peers", "ledger", "prefix", "summaries", "paging_through",
)  # fmt: skip


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        print(f"\n== {name}", flush=True)
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
