"""Paths as users write them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from memgpt.home import UserError


def absolute(written: str) -> Path:
    """A path from the folder that its user is in.

    Raises:
        UserError: nothing is written, which would be that folder itself.
    """
    if not written:
        raise UserError("The path is empty.", "Give the path of a file or folder.", status=2)
    return _expanded(written).absolute()


def exists(path: Path) -> bool:
    """Whether there is something at a path.

    Raises:
        UserError: it cannot be looked at, such as a name that is longer than names can be.
    """
    try:
        return path.exists()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Give the path of another.") from None


def names_something(written: str) -> bool:
    """Whether there is something at what may be meant as a path."""
    with contextlib.suppress(OSError):
        return _expanded(written).exists()
    return False


def _expanded(written: str) -> Path:
    with contextlib.suppress(RuntimeError):  # no such user, and no folder of theirs
        return Path(written).expanduser()
    return Path(written)
