"""Who is the engine of a home: whoever has its lock."""

from __future__ import annotations

import fcntl
import os

from memgpt.home import Home, UserError
from memgpt.link import refuse_foreign


def take_lock(home: Home) -> int | None:
    """The home's lock, or None where another process has it. The flock alone decides who is engine.

    Raises:
        UserError: locks mean nothing on this file system, or an engine of another machine holds the home.
    """
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        refuse_foreign(home)
        return None
    second = os.open(home.lock, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return descriptor
    finally:
        os.close(second)
    raise UserError(f"File locks do nothing in {home.path}.", "Set MEMGPT_HOME to a folder on a local disk.")
