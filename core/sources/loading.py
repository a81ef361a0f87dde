"""Loading files into a source: what is there and unchanged is passed over, so a load that was cut off goes on."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import tempfile
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
from core.sources.names import shown
from core.sources.progress import Progress, embedding
from core.sources.reader import Reader
from core.sources.readers import reader_of
from core.sources.readers.sections import Binary, Unreadable
from core.store.faults import fault_in_use
from memgpt.home import UserError

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
            UserError: there is nothing at that path, or of the other kind.
        """
        if not path.exists():
            raise UserError(f"There is no file or folder {shown(str(path))}.", "Give the path of one.")
        if path.is_dir() != (kind == "directory"):
            other = "a folder" if path.is_dir() else "a file"
            hint = f"Write: memgpt load {'directory' if path.is_dir() else 'file'} NAME PATH."
            raise UserError(f"{shown(str(path))} is {other}.", hint, status=2)
        endings = frozenset(f".{ending.strip().lower().lstrip('.')}" for ending in extensions if ending.strip(". "))
        return cls(path.resolve(), endings, recursive)

    def covers(self, path: str) -> bool:
        """Whether a file of that stored path belongs to it."""
        root, file = shown(str(self.path)), Path(path)
        inside = str(file.parent) == root or (self.recursive and root in map(str, file.parents))
        return inside and (not self.extensions or file.suffix.lower() in self.extensions)


@dataclass(slots=True)
class LoadedFiles:
    """What became of a load. `other` counts the files of a folder that are no text, `vanished` names those that were
    loaded once and are gone; their passages stay. `empty` names those in which nothing to read was found."""

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
    here = {file.key for file in found.files}
    gone = [path for path in work.known if path not in here and order.covers(path) and _is_gone(Path(path))]
    work.loaded.vanished = sorted(gone)
    await corpus.settled(embedding(progress))
    return work.loaded


def _is_gone(path: Path) -> bool:
    with contextlib.suppress(OSError):  # what may not be looked at may well be there
        return not path.is_file()
    return False


class _Load:
    """One run over the files that were found."""

    def __init__(
        self, corpus: Corpus, found: Scan, known: dict[str, files.Known], reader: Reader, is_folder: bool
    ) -> None:
        self.corpus, self.found, self.known, self.reader = corpus, found, known, reader
        self.is_folder = is_folder
        self.loaded = LoadedFiles(bad=list(found.bad))
        self.removed = False

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
        digest = await self.reader.open(file.path, before.digest if before else "")
        if digest is None:
            await self.corpus.database.write(functools.partial(files.touched, file=file))
            self.loaded.unchanged += 1
            return
        try:
            await self._read(file, digest)
        except OSError as error:
            raise fault_in_use(self.corpus.database.path, error) or error from None
        self.loaded.read += 1
        self.loaded.replaced += before is not None

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
