"""A front end as the engine has it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memgpt import wire

OUTBOX = 1024 * 1024  # bytes that may wait for one front end
PATIENCE_S = 2.0  # with one that leaves more than that unread


@dataclass(slots=True, eq=False)
class FrontEnd:
    """One connection: its keys, what waits to be written to it, and what runs for it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    role: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    tasks: dict[asyncio.Task[None], str] = field(default_factory=dict)
    leaving: list[Callable[[], None]] = field(default_factory=list)
    _full_since: float = 0.0

    def put(self, line: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(line)

    async def flushed(self) -> None:
        """Waits until what was put is mostly read: a slow reader of its own request slows that request alone."""
        with contextlib.suppress(ConnectionError):  # a turn goes on when its reader is gone
            await self.writer.drain()

    def deliver(self, agent: str, event: dict[str, Any]) -> None:
        """Sends what happened to an agent that is looked on at. Whoever does not read loses what will be drawn anew,
        then, after some patience, the link; attaching again gives what was missed."""
        if self._is_full():
            if event["type"] in ("delta", "context"):
                return
            if time.monotonic() - self._full_since > PATIENCE_S:
                self.writer.transport.abort()
                return
        self.put(wire.encode({"attached": agent, "event": event}))

    def _is_full(self) -> bool:
        if self.writer.transport.get_write_buffer_size() <= OUTBOX:
            self._full_since = 0.0
            return False
        self._full_since = self._full_since or time.monotonic()
        return True
