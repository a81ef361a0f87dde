"""The home of one user's agents: where everything lies, who may read it, and which names are names."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
NAME_BYTES = 200  # most file systems allow 255, and endings come to it
SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 108, macOS 104, each with a closing zero
KINDS = ("themes", "personas", "humans")


class UserError(Exception):
    """Something that the user can mend: one sentence that says what is wrong and what to do.

    `status` is the exit status: 1 failed, 2 wrong usage.
    """

    def __init__(self, message: str, hint: str = "", status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


LOOKING_ON = ("You are looking on, with --read-only.", "Open the app without it to take part.")


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under `$MEMGPT_HOME`, else `~/.memgpt`."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def config_lock(self) -> Path:
        """Held while settings are written; the file itself is replaced, so its own lock would hold nobody."""
        return self.path / "config.lock"

    @property
    def credentials(self) -> Path:
        return self.path / "credentials.toml"

    @property
    def agents(self) -> Path:
        return self.path / "agents"

    @property
    def models(self) -> Path:
        """What was found out about models: what each can do, by model and endpoint."""
        return self.path / "models.json"

    @property
    def spending(self) -> Path:
        """What models have cost today."""
        return self.path / "spending.json"

    @property
    def trash(self) -> Path:
        """Agents that were deleted, until an engine starts anew."""
        return self.path / "trash"

    @property
    def sources(self) -> Path:
        return self.path / "sources"

    @property
    def log(self) -> Path:
        return self.path / "logs" / "memgpt.log"

    @property
    def lock(self) -> Path:
        return self.path / "engine.lock"

    @property
    def pid(self) -> Path:
        return self.path / "engine.pid"

    @property
    def front(self) -> Path:
        """What front ends remember between runs: the last agent, the prompt's history, the first-run note."""
        return self.path / "front.json"

    @property
    def socket(self) -> Path:
        """In the home itself; in the runtime directory where that path is too long for a socket."""
        own = self.path / "engine.sock"
        return own if len(os.fsencode(own)) <= SOCKET_PATH_LIMIT else self.runtime_socket

    @property
    def runtime_socket(self) -> Path:
        """A short path of our own for homes that cannot hold a socket."""
        import hashlib
        import tempfile

        digest = hashlib.blake2b(os.fsencode(self.path), digest_size=8).hexdigest()
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        return base / f"memgpt-{os.getuid()}" / f"{digest}.sock"

    def agent_file(self, name: str) -> Path:
        return self.agents / self.folder_of(name) / "memory.duckdb"

    def source_file(self, name: str) -> Path:
        return self.sources / f"{self._existing(self.sources, name, '.duckdb')}.duckdb"

    def folder_of(self, name: str) -> str:
        """The folder of that agent as it is spelt on disk, or the name itself where there is none."""
        return self._existing(self.agents, name, "")

    def known_agent(self, name: str) -> str:
        """That agent as it is spelt on disk.

        Raises:
            UserError: there is none of that name.
        """
        if not self.agent_file(name).exists():
            raise UserError(f"There is no agent {name!r}.", "/agents lists them.")
        return self.folder_of(name)

    def agent_names(self) -> list[str]:
        if not self.agents.is_dir():
            return []
        return sorted((entry.name for entry in self.agents.iterdir() if (entry / "memory.duckdb").exists()), key=fold)

    def source_names(self) -> list[str]:
        if not self.sources.is_dir():
            return []
        return sorted((entry.stem for entry in self.sources.glob("*.duckdb")), key=fold)

    def _existing(self, folder: Path, name: str, suffix: str) -> str:
        wanted = fold(checked_name(name))
        if folder.is_dir():
            for entry in folder.iterdir():
                spelt = entry.name.removesuffix(suffix) if entry.name.endswith(suffix) else ""
                if spelt and fold(spelt) == wanted:
                    return spelt
        return checked_name(name)

    def create(self) -> None:
        """Makes the home and its folders, private whatever the umask.

        Raises:
            UserError: the home belongs to another user, or cannot be made.
        """
        try:
            for folder in (self.path, self.agents, self.sources, self.log.parent):
                folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
                make_private(folder)
        except PermissionError as error:
            raise UserError(
                f"The home {self.path} cannot be used: {error.strerror}.", "Set MEMGPT_HOME to a folder of yours."
            ) from None
        except (FileExistsError, NotADirectoryError):
            raise UserError(f"The home {self.path} is not a folder.", "Set MEMGPT_HOME to a folder of yours.") from None
        except OSError as error:
            why = (error.strerror or "it cannot be made").lower()
            raise UserError(
                f"The home {self.path} cannot be made: {why}.", "Set MEMGPT_HOME to a folder of yours."
            ) from None
        if self.path.stat().st_uid != os.getuid():
            raise UserError(f"The home {self.path} belongs to another user.", "Set MEMGPT_HOME to a folder of yours.")


def find_home(path: str | os.PathLike[str] | None = None) -> Home:
    """The home at `path`, else at `$MEMGPT_HOME`, else `~/.memgpt`; nothing is created."""
    given = path or os.environ.get("MEMGPT_HOME") or "~/.memgpt"
    return Home(Path(given).expanduser().absolute())


def make_private(path: Path) -> None:
    """Takes every right of others away from a file or folder that is ours."""
    found = path.stat()
    wanted = PRIVATE_FOLDER if stat.S_ISDIR(found.st_mode) else PRIVATE_FILE
    if stat.S_IMODE(found.st_mode) != wanted and found.st_uid == os.getuid():
        path.chmod(wanted)


def read_stored(path: Path) -> dict[str, Any]:
    """The object in a JSON file of ours that may be lost; an empty one where there is none or it is broken: then it is
    written anew."""
    import json  # `memgpt --help` needs none

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_private(path: Path, text: str) -> None:
    """Replaces a file of ours whole or not at all: written beside it, flushed to disk, renamed."""
    import tempfile  # whoever only reads needs none

    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(".part", f".{path.name}.", path.parent)  # private; threads write at once
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds that lock file, for what is read, changed and written again: one process and one thread at a time."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def checked_name(name: str) -> str:
    """The name of an agent, persona, human or source in NFC.

    Raises:
        UserError: it is not 1 to 64 letters, digits, spaces, `-`, `_`, `.`, or begins with `.`, or no file can be called so.
    """
    plain = unicodedata.normalize("NFC", name)
    good = 1 <= len(plain) <= 64 and not plain.startswith(".") and plain.strip() == plain
    if good and all(_allowed(character) for character in plain):
        if len(os.fsencode(plain)) > NAME_BYTES:
            raise UserError(f"{name!r} is too long for the name of a file.", "Use fewer letters.", status=2)
        return plain
    raise UserError(
        f"{name!r} is not a name.",
        "Use 1 to 64 letters, digits, spaces, '-', '_' or '.', not beginning with '.'.",
        status=2,
    )


def fold(name: str) -> str:
    """Two names are the same when they fold to the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _allowed(character: str) -> bool:
    return character in " -_." or unicodedata.category(character)[0] in "LMN"


def texts(home: Home, kind: str) -> dict[str, Path]:
    """The texts of a kind (`personas`, `humans`, `themes`) by name; the user's own shadow those that are shipped."""
    suffix = ".toml" if kind == "themes" else ".txt"
    found: dict[str, Path] = {}
    for folder in (shipped(kind), home.path / kind):
        for path in _files(folder, suffix):
            found = {name: old for name, old in found.items() if fold(name) != fold(path.stem)}
            found[path.stem] = path
    return dict(sorted(found.items()))


def read_text(home: Home, kind: str, name: str) -> str:
    """One persona or human by name.

    Raises:
        UserError: there is none of that name.
    """
    for known, path in texts(home, kind).items():
        if fold(known) == fold(name):
            return path.read_text(encoding="utf-8").strip()
    singular = kind.removesuffix("s")
    raise UserError(f"There is no {singular} {name!r}.", f"`memgpt list {kind}` shows them.", status=2)


def shipped(kind: str) -> Path:
    """The folder of the texts that come with the program: in the wheel, else in the source tree."""
    here = Path(__file__).resolve().parent
    packaged = here / "data" / kind
    return packaged if packaged.is_dir() else here.parent / kind


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix == suffix and not path.name.startswith("."))
