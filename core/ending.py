"""How work is stopped, and how tasks are ended for certain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

T = TypeVar("T")
AGAIN_S = 0.2


class Stopped(Exception):
    """The user stopped the turn."""


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancels a task and waits until it is over, however it ends. Once may not be enough: `asyncio.wait_for` loses a
    cancellation where what it waits for is done in the same instant (https://github.com/python/cpython/issues/86296).
    We wait with `asyncio.timeout`, which does not; libraries may."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)
    if not task.cancelled():
        task.exception()  # or it would be complained of that nobody looked at it


async def raced(work: Awaitable[T], cancel: asyncio.Event) -> T:
    """The result of `work`, unless `cancel` is set before it is there; it is cancelled then.

    Raises:
        Stopped: it was.
    """
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(cancel.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Stopped
    finally:
        stop.cancel()
        await ended(task)


async def until(pieces: AsyncIterator[T], cancel: asyncio.Event) -> AsyncIterator[T]:
    """The pieces as they come, until `cancel` is set; the source is closed in every case.

    Raises:
        Stopped: it was.
    """
    try:
        while True:
            try:
                yield await raced(anext(pieces), cancel)
            except StopAsyncIteration:
                return
    finally:
        close = getattr(pieces, "aclose", None)
        if close:
            await close()
