"""Python's search for garbage, put off while what is loaded is none: it takes a fifth of a large import."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator


def spared() -> None:
    """Looks for garbage again, and not in what is there now, until the end: DuckDB counts then what it has left."""
    gc.freeze()
    atexit.unregister(gc.unfreeze)
    atexit.register(gc.unfreeze)
    gc.enable()


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Looks for none meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        spared()
