"""The terminal around the app: signals, a guard for stray output, what a slow line needs."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from memgpt.home import Home
from tui.text import inert

LONGEST = 200  # characters of an error that are told
# A second at the most. With 30 a day that is gone to waited half of its time for the next frame.
FRAMES, SLOW_FRAMES = 120, 15


def prepare(low_bandwidth: bool) -> None:
    """Settings that Textual reads when it is imported."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    os.environ.pop("NO_COLOR", None)  # a theme of ours keeps to it; Textual's own filter cannot take unstyled cells
    os.environ["TEXTUAL_FPS"] = str(SLOW_FRAMES if low_bandwidth else FRAMES)


def log_failure(home: Home, error: BaseException) -> str:
    """Writes to the log how a program broke; a sentence about it for the user."""
    with home.log.open("a", encoding="utf-8") as log:
        log.writelines(traceback.format_exception(error))
    return (
        f"The app broke: {inert(f'{type(error).__name__}: {error}')[:LONGEST]}. Nothing is lost; {home.log} says more."
    )


def on_hang_up(leave: Callable[[], None]) -> None:
    """SIGTERM and SIGHUP end the app in good order; the turn under way goes on in the engine."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave)


@contextmanager
def title_kept(ours: bool) -> Iterator[None]:
    """The window's title as it was before, once the app is gone; terminals that keep no titles pass this over."""
    sys.stdout.write("\x1b[22;2t" if ours else "")
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write("\x1b[23;2t" if ours else "")
        sys.stdout.flush()


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
