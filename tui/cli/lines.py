"""The end of a text file."""

from __future__ import annotations

from pathlib import Path

from memgpt.home import UserError

MOST_BYTES = 1_000_000  # of the end of the file that are read


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
