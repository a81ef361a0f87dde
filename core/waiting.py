"""A turn that waits to begin."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from memgpt import events as e

if TYPE_CHECKING:
    from core.agent import Agent


@dataclass(slots=True, eq=False)
class Waiting:
    """A turn that has been asked for, and by whom. Its events are given as they happen; `None` ends them.

    `back` is set where another than its asker took the message back: the words that its asker is to have again, with
    those of its other messages that went with this one; none where the other has them.
    """

    text: str
    begin: Callable[[Agent], AsyncIterator[e.Event]]
    keys: Mapping[str, str]
    asker: object = None
    events: asyncio.Queue[e.Event | None] = field(default_factory=asyncio.Queue)
    back: list[str] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> e.Event:
        if (event := await self.events.get()) is None:
            raise StopAsyncIteration
        return event

    def orphaned(self) -> None:
        """Whoever asked for it is gone."""
        self.asker = None
