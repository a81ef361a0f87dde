"""The terminal around the app: signals, a guard for stray output, what a slow line needs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FRAMES, SLOW_FRAMES = 30, 5  # a second


def prepare(low_bandwidth: bool) -> None:
    """Settings that Textual reads when it is imported."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    os.environ["TEXTUAL_FPS"] = str(SLOW_FRAMES if low_bandwidth else FRAMES)


def on_hang_up(leave: Callable[[], None]) -> None:
    """SIGTERM and SIGHUP end the app in good order; the turn under way goes on in the engine."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave)


@contextmanager
def quiet_stderr(log: Path) -> Iterator[None]:
    """File descriptor 2 into the log, so that no library can write into the picture. Textual draws on a copy of it."""
    sys.stderr.flush()
    kept = os.dup(2)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    drawn = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="replace")
    old = sys.__stderr__
    setattr(sys, "__stderr__", drawn)  # noqa: B010 - its stub calls it final
    os.dup2(descriptor, 2)
    os.close(descriptor)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        setattr(sys, "__stderr__", old)  # noqa: B010
        drawn.close()
