"""What the engine's child processes are given, and how they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import os

SECRET_MARKS = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def environment(**more: str) -> dict[str, str]:
    """Our own environment without anything that looks like a secret, and what a child needs beside."""
    kept = {name: value for name, value in os.environ.items() if not any(mark in name.upper() for mark in SECRET_MARKS)}
    return kept | more


async def end(process: asyncio.subprocess.Process) -> None:
    """Kills a child and waits until it is gone. What it still had to say is read: a full pipe that nobody reads is never
    seen to be closed, and the wait would have no end. Nobody else may be reading from it."""
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        process.kill()
    await process.communicate()
