"""Which files of a folder are documents."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.sources.names import shown

SIZE_LIMIT = 200_000_000  # bytes of one file
LONGEST_TIME = 2**63 - 1  # nanoseconds: to the year 2262
PASSED_OVER = frozenset(("node_modules", "bower_components", "__pycache__", "site-packages"))
VIRTUAL_ENVIRONMENT = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class Found:
    """A file: where it is, its name below the folder that is loaded, its size, and when it was modified and last
    changed in any way (which no program can set back), in nanoseconds."""

    path: Path
    name: str
    size: int
    modified: int
    changed: int

    @property
    def key(self) -> str:
        """Its path as it is stored."""
        return shown(str(self.path))


@dataclass(slots=True)
class Scan:
    """The files of a folder, and what is wrong with those that are none: name and reason."""

    files: list[Found] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)


def scan(root: Path, extensions: Collection[str], recursive: bool) -> Scan:
    """The documents of a folder in the order of their names, or the one file that `root` is.

    What is hidden is left out, and what programs keep for themselves. Links to folders are not followed, so no loop can
    be entered; links to files are.
    """
    found = Scan()
    if not root.is_dir():
        _look(root, root.name, found)
        return found
    for path in _walk(root, recursive, lambda path, error: found.bad.append((_below(path, root), _why(error)))):
        if not extensions or path.suffix.lower() in extensions:
            _look(path, _below(path, root), found)
    found.files.sort(key=lambda file: file.name)
    return found


def _walk(root: Path, recursive: bool, failed: Callable[[Path, OSError], None]) -> Iterator[Path]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            failed(folder, error)
            continue
        if folder != root and any(entry.name == VIRTUAL_ENVIRONMENT for entry in entries):
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if recursive and entry.name not in PASSED_OVER:
                    waiting.append(Path(entry.path))
            elif not (entry.is_symlink() and Path(entry.path).is_dir()):
                yield Path(entry.path)


def _look(path: Path, name: str, found: Scan) -> None:
    try:
        state = path.stat()
    except OSError as error:
        found.bad.append((name, _why(error)))
        return
    if not stat.S_ISREG(state.st_mode):
        return  # sockets, pipes and devices hold no documents
    if state.st_size > SIZE_LIMIT:
        found.bad.append((name, f"it is larger than {SIZE_LIMIT // 1_000_000} MB"))
        return
    found.files.append(Found(path, name, state.st_size, _storable(state.st_mtime_ns), _storable(state.st_ctime_ns)))


def _storable(nanoseconds: int) -> int:
    """A time as the database holds it: file systems know more of them than 64 bits do."""
    return min(max(nanoseconds, -LONGEST_TIME), LONGEST_TIME)


def _below(path: Path, root: Path) -> str:
    return shown(str(path.relative_to(root)) if path != root else path.name)


def _why(error: OSError) -> str:
    return f"it cannot be read: {error.strerror}"
