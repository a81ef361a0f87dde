"""A process that journals and says so, made to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from core.messages import Item
from core.store.database import Database
from core.store.journal import Draft, Journal


async def write(folder: Path) -> None:
    journal = await Journal.open(await Database.open(folder / "ada" / "memory.duckdb", "agent"))
    if not journal.state.name:
        await journal.append(Draft("born", {"name": "ada", "settings": {}, "limits": {"human": 20}}, {"human": "x"}))
    while True:
        item = Item(0, 0, "user", 3, {"role": "user", "content": "x" * 50})
        (step,) = await journal.append(Draft("user", {}, {"text": "x" * 50}, (item,)))
        print(step.id, flush=True)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
