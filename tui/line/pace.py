"""How much is sent, and whether the line is slow. A terminal answers a question when it has shown what came before it:
from how long that takes follows how quick the line is, and nothing is sent behind what has not arrived."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SLOW_RATE, SLOW_BURST = 8_000, 4_000  # bytes a second on a slow line, and at once after a rest
ASKED_AFTER = 800  # bytes
BIG = 2_000  # bytes from which an answer tells something of the line's rate
SLOW_LINE = 64_000  # bytes a second; below it, a line is slow
LOOKED_AT = 5  # of the last big ones, so many as are needed of which show a slow line
NEEDED = 3
PATIENCE_S = 1.5  # without an answer; then it is sent on, and a terminal that never answered is asked no more


@dataclass(slots=True)
class Budget:
    """Bytes that may be sent: `rate` a second, and what was not used up to `burst`."""

    rate: float
    burst: float
    left: float = 0.0
    _at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until something may be sent."""
        self.left = min(self.burst, self.left + (now - self._at) * self.rate)
        self._at = now
        return 0.0 if self.left > 0 else -self.left / self.rate

    def spend(self, count: int) -> None:
        self.left -= count


@dataclass(slots=True)
class Pace:
    """What is known of one line. `chosen`: low bandwidth was asked for; `seen`: the line was seen to be slow."""

    chosen: bool = False
    on_change: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    seen: bool = False
    answers: bool | None = None
    _budget: Budget = field(default_factory=lambda: Budget(SLOW_RATE, SLOW_BURST, SLOW_BURST))
    _asked_at: float = 0.0
    _asked_for: int = 0
    _unasked: int = 0
    _quickest: float = float("inf")
    _big: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))

    @property
    def slow(self) -> bool:
        return self.chosen or self.seen

    def wait(self) -> float:
        """Seconds until the next frame may be sent: a slow line is not filled, and what was sent has arrived."""
        now = self.clock()
        pause = self._budget.wait(now) if self.slow else 0.0
        if self._asked_at:
            left = self._asked_at + PATIENCE_S - now
            if left > 0:
                return max(pause, left) if self.answers else pause
            self._asked_at, self.answers = 0.0, bool(self.answers)
        return pause

    def sent(self, count: int) -> None:
        self._budget.spend(count)
        self._unasked += count

    def asks(self) -> bool:
        """Whether to ask the terminal now: behind so much that its answer tells something."""
        if self.answers is False or self._asked_at or self._unasked < ASKED_AFTER:
            return False
        self._asked_at, self._asked_for, self._unasked = self.clock(), self._unasked, 0
        return True

    @property
    def waiting(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._asked_at)

    def answered(self) -> None:
        """The terminal has shown everything before the question."""
        self.answers = True
        if not self._asked_at:
            return
        took, self._asked_at = self.clock() - self._asked_at, 0.0
        self._quickest = min(self._quickest, took)
        if self._asked_for >= BIG:
            self._big.append((self._asked_for, took))
            self._judge()

    def _judge(self) -> None:
        """From what big frames took beyond the quickest answer."""
        slow = sum(count < SLOW_LINE * (took - self._quickest) for count, took in self._big)
        seen = slow >= (NEEDED if not self.seen else 1)
        if seen != self.seen:
            self.seen = seen
            self.on_change()
