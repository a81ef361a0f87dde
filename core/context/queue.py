"""The queue manager: when main context is under pressure, what leaves it, and what stands for it afterwards.

Pure decisions over counted items. The summariser is handed in as a callable by whoever evicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.messages import Item

RESERVE_MOST = 1024  # tokens; with window / 8 the smaller of the two
SUMMARY_SHARE = 10  # a summary may take a tenth of what the reply leaves
SUMMARY_MOST = 600  # tokens
RESULT_SHARE = 4  # one function result may take a quarter of what the reply leaves
Decision = Literal["fine", "pressure", "evict"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The lines of one window, in tokens. `room` is what the reply leaves; warn, flush and keep are shares of it."""

    window: int
    reserve: int
    warn: int
    flush: int
    keep: int

    @property
    def room(self) -> int:
        return self.window - self.reserve

    @property
    def summary(self) -> int:
        return min(SUMMARY_MOST, self.room // SUMMARY_SHARE)

    @property
    def result(self) -> int:
        return self.room // RESULT_SHARE

    @classmethod
    def of(cls, window: int, settings: Mapping[str, Any]) -> Limits:
        reserve = min(settings.get("paging.reserve") or min(RESERVE_MOST, window // 8), window // 2)
        room = window - reserve
        flush = int(room * settings.get("paging.flush", 1.0))
        warn = min(int(room * settings.get("paging.warn", 0.7)), flush)
        keep = min(int(room * settings.get("paging.keep", 0.5)), int(flush * 0.9))
        return cls(window, reserve, warn, flush, keep)


def decide(total: int, warning: int, limits: Limits, warned: bool, evicted: bool) -> Decision:
    """What has to happen before a prompt of `total` tokens is sent: one warning a period, none in an evicting turn,
    and none that would itself, with its `warning` tokens, fill the window."""
    if total > limits.flush:
        return "evict"
    if total > limits.warn and total + warning <= limits.flush and not warned and not evicted:
        return "pressure"
    return "fine"


def groups(queue: Sequence[Item]) -> list[list[Item]]:
    """The queue in pieces that leave together: a reply with all its returns, everything else alone."""
    found: list[list[Item]] = []
    for item in queue:
        if item.kind == "return" and found and found[-1][0].kind == "reply":
            found[-1].append(item)
        else:
            found.append([item])
    return found


def to_evict(queue: Sequence[Item], excess: int) -> list[Item]:
    """The oldest items that have to go so that `excess` tokens are freed, whole groups only.

    The last message of the user always stays, and so does the newest group, which the model has not seen yet. Fewer
    tokens may be freed than asked where nothing more may go.
    """
    pieces = groups(queue)
    pinned = max((index for index, piece in enumerate(pieces) if piece[0].kind == "user"), default=-1)
    gone: list[Item] = []
    freed = 0
    for index, piece in enumerate(pieces[:-1]):
        if freed >= excess:
            break
        if index != pinned:
            gone += piece
            freed += sum(item.tokens for item in piece)
    return gone


def last_turn(queue: Sequence[Item]) -> list[Item]:
    """The items from the last message of the user on."""
    start = max((index for index, item in enumerate(queue) if item.kind == "user"), default=0)
    return list(queue[start:])


def clipped(text: str, tokens: int, limit: int, note: str) -> str:
    """Head and tail of a text of `tokens` tokens, so that about `limit` are left, with a note between them."""
    if tokens <= limit:
        return text
    keep = max(80, int(len(text) * limit / tokens) - len(note))
    head = keep * 2 // 3
    left_out = len(text) - keep
    return f"{text[:head]}\n[… {left_out} characters left out; {note} …]\n{text[len(text) - (keep - head) :]}"
