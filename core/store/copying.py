"""A whole copy of a file, made by a child process: the engine itself must never open a database file by other means.

By itself, `python -m core.store.copying FROM TO`, it writes the bytes done so far as lines, and is gone when its input ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from core import children

PIECE = 16 * 1024 * 1024
CLONE = 0x40049409  # FICLONE of Linux: the copy shares its blocks with the file until one of them is written
Told = Callable[[int, int], None]


async def copy(source: Path, target: Path, told: Told) -> None:
    """Copies a file that nobody writes to meanwhile; `told` is given the bytes done and their number. The copy is on disk
    when this returns; when it fails or is cancelled there is none.

    Raises:
        OSError: it cannot be written.
    """
    size = source.stat().st_size
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "core.store.copying", str(source), str(target),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=children.environment(),
    )  # fmt: skip
    assert child.stdout and child.stderr
    try:
        async for line in child.stdout:
            told(int(line), size)
        wrong = (await child.stderr.read()).decode(errors="replace").strip()
        if await child.wait():
            raise OSError(wrong.splitlines()[-1] if wrong else f"the copy ended with {child.returncode}")
    except BaseException:
        await asyncio.shield(children.end(child))
        target.unlink(missing_ok=True)
        raise


def main(source: Path, target: Path) -> int:
    os.umask(0o077)
    threading.Thread(target=_gone_with_input, daemon=True).start()
    try:
        with source.open("rb") as old, target.open("wb") as new:
            if not _cloned(old.fileno(), new.fileno()):
                while piece := old.read(PIECE):
                    new.write(piece)
                    print(new.tell(), flush=True)
            new.flush()
            os.fsync(new.fileno())
    except OSError as error:
        print(error.strerror or str(error), file=sys.stderr)
        return 1
    print(target.stat().st_size, flush=True)
    return 0


def _cloned(old: int, new: int) -> bool:
    """Whether the file system let both share their blocks."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    try:
        fcntl.ioctl(new, CLONE, old)
    except OSError:
        return False
    return True


def _gone_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.flush()
    os._exit(code)  # the thread that reads the input must not keep it
