"""How long a test waits for what must come, on a machine that is busy with much else: it fails because something never
came, not because it came late. How quick things are is for `benchmarks/` to say."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

LONGEST_S = 100.0
SOON_S = 20.0  # what is sooner did not wait for what takes half a minute or longer


def until(true: Callable[[], Any]) -> Any:
    """What was waited for, as soon as it is true."""
    deadline = time.monotonic() + LONGEST_S
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
    return found
