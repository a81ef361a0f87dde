"""Loaded sources: one file each, searched by the agents that attach them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.ending import ended
from core.memory import documents
from core.memory.corpus import Corpus
from core.memory.documents import Analysis, Document, Held, analysed
from core.memory.embedding import Embedder
from core.messages import State
from core.sources.jsonl import Bad, origin_of, read
from core.sources.progress import Progress, embedding
from core.store.database import Database
from core.store.journal import now
from memgpt import config
from memgpt.events import rfc3339
from memgpt.home import Home, UserError, fold

if TYPE_CHECKING:
    import duckdb

    from core.sources.loading import LoadedFiles, Order

L = TypeVar("L")
BATCH = 2048  # lines of one commit, some fifty milliseconds of the writer
LET_GO_S = 0.5  # that a worker at work may take to forget a source's vectors


@dataclass(slots=True)
class Loaded:
    """What became of a file: how many documents went in, how many of them took the place of what the same line said
    before, how many were there already, which lines were bad."""

    imported: int = 0
    replaced: int = 0
    skipped: int = 0
    bad: list[Bad] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        bad = [{"line": entry.line, "reason": entry.reason} for entry in self.bad]
        return {"imported": self.imported, "replaced": self.replaced, "skipped": self.skipped, "bad": bad}


@dataclass(slots=True)
class Library:
    """The sources of a home, opened when they are first needed, and embedded with the model that its settings name."""

    home: Home
    embedder: Embedder
    model: str  # that the settings named when they could last be read
    _open: dict[str, Corpus] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)
    _loads: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _closing: bool = False

    async def corpus(self, name: str, create: bool = False) -> Corpus:
        """The source of that name.

        Raises:
            UserError: there is none, or the engine is about to end.
        """
        async with self._lock:
            return await self._corpus(name, create)

    async def _corpus(self, name: str, create: bool = False) -> Corpus:
        if self._closing:
            raise UserError("The engine is stopping.", "Try again.")
        corpus = self._open.get(fold(name)) or await self._opened(name, create)
        with contextlib.suppress(UserError):
            self.model = str(config.load(self.home)["embedding_model"])
        corpus.use(self.model)
        return corpus

    async def _opened(self, name: str, create: bool) -> Corpus:
        path = self.home.source_file(name)
        fresh = not path.exists()
        if fresh and not create:
            raise UserError(
                f"There is no source {name!r}.", "`memgpt list sources` shows them; `memgpt load` makes one."
            )
        database = await Database.open(path, "source")
        if fresh:
            await database.note("made", str(now()))
        made = await database.noted("made") or ""
        corpus = Corpus(database, self.embedder, f"source:{fold(path.stem)}", self.model, path.stem, made)
        if fresh:
            await corpus.indexed()
        self._open[fold(name)] = corpus
        return corpus

    def opened(self, state: State) -> list[Corpus]:
        """The sources that an agent has attached, without those that were made after one of that name was deleted."""
        found = ((name, self._open.get(fold(name))) for name in state.sources)
        return [corpus for name, corpus in found if corpus and state.made.get(name, corpus.made) == corpus.made]

    async def load_files(self, name: str, order: Order, progress: Progress) -> LoadedFiles:
        """Makes or extends a source from files; what is there and unchanged is skipped, so it can be resumed.

        Raises:
            UserError: the source was deleted meanwhile.
        """
        from core.sources.loading import load_files

        return await self._loading(name, lambda corpus: load_files(corpus, order, self.home.log, progress))

    async def load_jsonl(self, name: str, path: Path, progress: Progress) -> Loaded:
        """Makes or extends a source from a JSONL file; what is there already is skipped, so it can be resumed. A line that
        was changed is replaced.

        Raises:
            UserError: the file cannot be read, or the source was deleted meanwhile.
        """
        return await self._loading(name, lambda corpus: self._load_jsonl(corpus, path, progress))

    async def _loading(self, name: str, work: Callable[[Corpus], Awaitable[L]]) -> L:
        """One load of a source after the other; deleting the source ends the one under way. One that would be new and
        holds nothing is not made."""
        async with self._turns.setdefault(fold(name), asyncio.Lock()):
            fresh = not self.home.source_file(name).exists()
            corpus = await self.corpus(name, create=True)
            task: asyncio.Future[L] = asyncio.ensure_future(work(corpus))
            self._loads[fold(name)] = task
            try:
                result = await task
            except asyncio.CancelledError:
                if self._open.get(fold(name)) is corpus:
                    raise
                raise UserError(f"The source {name!r} was deleted while it was being loaded.") from None
            finally:
                del self._loads[fold(name)]
            if fresh and not await self.passages(name):
                await self.delete(name)
            return result

    async def _load_jsonl(self, corpus: Corpus, path: Path, progress: Progress) -> Loaded:
        loaded, seen = Loaded(), set[str]()
        try:
            async with contextlib.aclosing(batches(read(path, "archival", now()), loaded)) as found:
                async for batch in found:
                    fresh = batch.without(seen)
                    seen.update(fresh.keys)
                    came, gone = await corpus.database.write(functools.partial(put, batch=fresh, path=path))
                    loaded.imported += came
                    loaded.replaced += gone
                    progress("reading", loaded.imported)
        finally:
            if loaded.replaced:
                corpus.removed()
        loaded.skipped -= loaded.imported
        await corpus.settled(embedding(progress))
        return loaded

    async def passages(self, name: str) -> int:
        """How many passages a source has."""
        corpus = await self.corpus(name)
        row = await corpus.database.read(lambda connection: connection.execute("SELECT count(*) FROM doc").fetchone())
        return int(row[0]) if row else 0

    async def listed(self) -> list[dict[str, Any]]:
        found = []
        for name in self.home.source_names():
            corpus = await self.corpus(name)
            rows = await corpus.database.read(
                lambda connection: connection.execute("SELECT count(*), coalesce(min(moment), 0) FROM doc").fetchall()
            )
            made = int(corpus.made or rows[0][1])
            found.append(
                {
                    "name": name,
                    "passages": rows[0][0],
                    "created_at": rfc3339(made),
                    "embedding_model": corpus.model or "MiniLM",
                }
            )
        return found

    async def delete(self, name: str) -> str:
        """Deletes a source at once, also one that is being loaded or searched; its name as it was spelt.

        Raises:
            UserError: there is none.
        """
        async with self._lock:  # or whoever looks for it meanwhile opens the file, and makes it anew
            corpus = await self._corpus(name)
            del self._open[fold(name)]
            if load := self._loads.get(fold(name)):
                await ended(load)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LET_GO_S):
                    await corpus.close()
            await corpus.database.close()
            corpus.database.path.unlink()
            return corpus.source

    async def close(self) -> None:
        """Ends the loads under way, which go on when they are asked for again, and closes every file."""
        self._closing = True
        await asyncio.gather(*map(ended, self._loads.values()))
        for corpus in self._open.values():
            await corpus.close()
            await corpus.database.close()
        self._open.clear()


@dataclass(frozen=True, slots=True)
class Batch:
    """Documents of a file with what their words come to."""

    documents: list[Document]
    analyses: list[Analysis]

    @property
    def keys(self) -> list[str]:
        return list(dict.fromkeys(document.key for document in self.documents))

    def without(self, held: Collection[str]) -> Batch:
        """What of it has none of those ids, each id once."""
        kept: dict[str, tuple[Document, Analysis]] = {}
        for document, analysis in zip(self.documents, self.analyses, strict=True):
            if document.key not in held:
                kept.setdefault(document.key, (document, analysis))
        return Batch([document for document, _ in kept.values()], [analysis for _, analysis in kept.values()])


async def batches(entries: Iterator[Document | Bad], loaded: Loaded) -> AsyncGenerator[Batch]:
    """The documents in batches; bad lines go to `loaded`, whose `skipped` counts all that were offered. They are read
    and taken apart in a thread, the next batch while the last is stored."""
    reading = asyncio.ensure_future(asyncio.to_thread(_read_batch, entries, loaded))
    try:
        while (batch := await reading) is not None:
            reading = asyncio.ensure_future(asyncio.to_thread(_read_batch, entries, loaded))
            if batch.documents:
                yield batch
    finally:
        await asyncio.gather(reading, return_exceptions=True)


def _read_batch(entries: Iterator[Document | Bad], loaded: Loaded) -> Batch | None:
    part = list(islice(entries, BATCH))
    if not part:
        return None
    loaded.bad += [entry for entry in part if isinstance(entry, Bad)]
    good = [entry for entry in part if isinstance(entry, Document)]
    loaded.skipped += len(good)
    return Batch(good, [analysed(entry.name, entry.title, entry.text, entry.file) for entry in good])


def put(connection: duckdb.DuckDBPyConnection, batch: Batch, path: Path) -> tuple[int, int]:
    """Puts those of a batch in, each of another id, that are not there yet in the same words: in the place of what their
    file said under that id, and beside what another one says. How many those are, and how many took such a place."""
    origin = origin_of(path)
    held = documents.held(connection, [*batch.keys, *(_beside(key, origin) for key in batch.keys)])
    fresh, analyses, gone = [], [], []
    for document, analysis in zip(batch.documents, batch.analyses, strict=True):
        key = document.key
        before = held.get(_beside(key, origin)) or held.get(key)
        if before and (before.title, before.text) == (document.title, document.text):
            continue
        if before and _is_of(before, origin, document.file):
            gone.append(before.number)
            key = before.key
        elif before:
            key = _beside(key, origin)
        fresh.append(replace(document, key=key))
        analyses.append(analysis)
    if gone:
        documents.remove(connection, f"id IN ({','.join(map(str, gone))})", [])
    insert(connection, fresh, analyses)
    return len(fresh), len(gone)


def _beside(key: str, origin: str) -> str:
    """The id of a line whose own is that of another file's."""
    return f"{key}-{hashlib.blake2b(origin.encode(), digest_size=4).hexdigest()}"


def _is_of(held: Held, origin: str, file: str) -> bool:
    """Whether a passage is from that file; of those that were loaded once, only the name of theirs is known."""
    return held.conversation.startswith(origin) or (held.file == file and not held.conversation.startswith("/"))


def insert(
    connection: duckdb.DuckDBPyConnection, fresh: Sequence[Document], analyses: Sequence[Analysis] | None = None
) -> None:
    """Puts documents into a source under numbers that were never given before."""
    row = connection.execute("SELECT doc + 1, text + 1 FROM given").fetchone()
    assert row is not None
    documents.insert(connection, fresh, 0, 0, row[0], row[1], analyses=analyses)
    connection.execute("UPDATE given SET doc = doc + ?, text = text + ?", [len(fresh)] * 2)
