"""How tasks are ended for certain."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_S = 0.2


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancels a task and waits until it is over, however it ends. Once may not be enough: `asyncio.wait_for` loses a
    cancellation where what it waits for is done in the same instant (https://github.com/python/cpython/issues/86296).
    We wait with `asyncio.timeout`, which does not; libraries may."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)
    if not task.cancelled():
        task.exception()  # or it would be complained of that nobody looked at it
