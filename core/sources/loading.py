"""Loading files into a source: what is there and unchanged is passed over, so a load that was cut off goes on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import astuple, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from core.memory.corpus import Corpus
from core.memory.documents import Document
from core.sources import files
from core.sources.chunks import Chunk
from core.sources.folder import Found, Scan, scan
from core.sources.names import path_of, shown
from core.sources.progress import Progress, embedding
from core.sources.reader import Reader
from core.sources.readers import reader_of
from core.sources.readers.sections import Binary, Unreadable
from core.store.faults import fault_in_use
from memgpt.home import UserError
from memgpt.paths import exists

BATCH = 500  # passages of one transaction; most files are one
IN_MEMORY = 4_000_000  # bytes of a file's passages beyond which they wait on disk


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be loaded: a folder or a file, of a folder the files with these endings (all, where there are none)."""

    path: Path
    extensions: frozenset[str] = frozenset()
    recursive: bool = False

    @classmethod
    def of(cls, kind: str, path: Path, extensions: Collection[str] = (), recursive: bool = False) -> Order:
        """An order as it was given.

        Raises:
            UserError: there is nothing at that path, it is of the other kind, or cannot be looked at.
        """
        if not exists(path):
            raise UserError(f"There is no file or folder {shown(str(path))}.", "Give the path of one.")
        if path.is_dir() != (kind == "directory"):
            other = "a folder" if path.is_dir() else "a file"
            hint = f"Write: memgpt load {'directory' if path.is_dir() else 'file'} NAME PATH."
            raise UserError(f"{shown(str(path))} is {other}.", hint, status=2)
        endings = frozenset(f".{ending.strip().lower().lstrip('.')}" for ending in extensions if ending.strip(". "))
        return cls(path.resolve(), endings, recursive)


@dataclass(slots=True)
class LoadedFiles:
    """What became of a load. `other` counts the files of a folder that are no text, `vanished` names those that were
    loaded once, from wherever, and are gone; their passages stay. `empty` names those in which nothing to read was found."""

    passages: int = 0
    read: int = 0
    replaced: int = 0
    unchanged: int = 0
    other: int = 0
    vanished: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    bad: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "passages": self.passages, "read": self.read, "replaced": self.replaced, "unchanged": self.unchanged,
            "other": self.other, "vanished": self.vanished, "empty": self.empty,
            "bad": [{"file": name, "reason": reason} for name, reason in self.bad],
        }  # fmt: skip


async def load_files(corpus: Corpus, order: Order, log: Path, progress: Progress) -> LoadedFiles:
    """Makes or extends a source from files; a file that cannot be read is told of at the end and stops nothing."""
    found = await asyncio.to_thread(scan, order.path, order.extensions, order.recursive)
    work = _Load(corpus, found, await corpus.database.read(files.known), Reader(log), order.path.is_dir())
    try:
        await work.run(progress)
    finally:
        await work.reader.close()
        if work.removed:
            corpus.removed()
    work.loaded.vanished = await asyncio.to_thread(work.vanished)
    await corpus.settled(embedding(progress))
    return work.loaded


def _is_gone(path: Path) -> bool:
    with contextlib.suppress(OSError):  # what may not be looked at may well be there
        return not path.is_file()
    return False


def _has_no_folder(path: str) -> bool:
    with contextlib.suppress(OSError):
        return not path_of(path).exists()
    return False


def _last(path: str) -> str:
    return path.rpartition("/")[2]


class _Load:
    """One run over the files that were found."""

    def __init__(
        self, corpus: Corpus, found: Scan, known: dict[str, files.Known], reader: Reader, is_folder: bool
    ) -> None:
        self.corpus, self.found, self.known, self.reader = corpus, found, known, reader
        self.is_folder = is_folder
        self.loaded = LoadedFiles(bad=list(found.bad))
        self.removed = False
        self.called: defaultdict[str, list[str]] = defaultdict(list)  # what is known, by the last part of its path
        for path in known:
            self.called[_last(path)].append(path)

    def vanished(self) -> list[str]:
        """The files that were loaded once and are gone."""
        here = {file.key for file in self.found.files}
        return sorted(path for path in self.known if path not in here and _is_gone(path_of(path)))

    async def run(self, progress: Progress) -> None:
        total = len(self.found.files)
        self.corpus.start()
        for done, file in enumerate(self.found.files):
            progress("reading", done, total)
            try:
                await self._file(file)
            except Binary as error:
                if self.is_folder and reader_of(file.path) is None:
                    self.loaded.other += 1
                else:
                    self.loaded.bad.append((file.name, str(error)))
            except Unreadable as error:
                self.loaded.bad.append((file.name, str(error)))
        progress("reading", total, total)

    async def _file(self, file: Found) -> None:
        """One file. Its passages wait until it was read to its end, since they take the place of what was there of it.

        Raises:
            Unreadable: it cannot be read, or not to its end.
            UserError: there is no room for its passages.
        """
        before = self.known.get(file.key)
        if before and before.seems(file):
            self.loaded.unchanged += 1
            return
        path = file.key if before else self._former(file)
        old = self.known.get(path)
        digest = await self.reader.open(file.path, old.digest if old else "")
        if digest is None:
            await self.corpus.database.write(functools.partial(files.same, file=file, path=path))
            self.known[file.key] = self.known.pop(path)
            self.removed = self.removed or path != file.key
            self.loaded.unchanged += 1
            return
        try:
            await self._read(file, digest)
        except OSError as error:
            raise fault_in_use(self.corpus.database.path, error) or error from None
        self.loaded.read += 1
        self.loaded.replaced += before is not None

    def _former(self, file: Found) -> str:
        """The path of what may be the same file, below a folder that is gone as a whole, as one is that was moved; else its
        own. Whether it is the same is to be told by its content."""
        ending = f"/{file.name}"
        for path in self.called.get(_last(file.key), ()):
            alike = path in self.known and self.known[path].digest and self.known[path].size == file.size
            if alike and path.endswith(ending) and _has_no_folder(path.removesuffix(ending)):
                return path
        return file.key

    async def _read(self, file: Found, digest: str) -> None:
        with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self.corpus.database.path.parent)) as waiting:
            async for chunk in self.reader.chunks():
                waiting.write(json.dumps(astuple(chunk)).encode() + b"\n")
            waiting.seek(0)
            maker = files.Maker(file)
            await self._put_all(file, (maker.document(Chunk(*json.loads(line))) for line in waiting), digest)

    async def _put_all(self, file: Found, passages: Iterator[Document], digest: str) -> None:
        """The passages of a file in batches, so that none holds up the writer; the digest says that all are in."""
        batch, first = list(islice(passages, BATCH)), True
        if not batch:
            self.loaded.empty.append(file.name)
        while following := list(islice(passages, BATCH)):
            await self._put(file, batch, first, "")
            batch, first = following, False
        await self._put(file, batch, first, digest)

    async def _put(self, file: Found, batch: list[Document], first: bool, digest: str) -> None:
        work = functools.partial(files.put, file=file, passages=batch, first=first, digest=digest)
        gone = await self.corpus.database.write(work)
        self.loaded.passages += len(batch)
        self.removed = self.removed or gone > 0
        self.corpus.added()
