"""What is done in the background for one corpus: documents get their vectors, postings are sorted, and a file that was
written with other rules for words is indexed anew. All of it in small commits, so that it can end at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from core.ending import ended
from core.memory import documents
from core.memory.embedding import NotEmbedded, Refused, WorkerGone
from core.memory.terms import ANALYSIS

if TYPE_CHECKING:
    import duckdb

    from core.memory.corpus import Corpus

BATCH = 256  # texts of one request and one commit; the worker looks for queries every 32 of them
AHEAD = 2  # requests under way, so that the model does not wait for a commit
PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0  # without new documents before they are embedded, and however many come
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0  # before a worker that died, or cannot load its model, is asked again
GIVEN_UP_S = 4.0  # such a wait from which on nobody is kept waiting for vectors: it is the third
TOLD_S = 0.2  # between two words of how many have no vector yet
STRETCH = 8192  # document numbers that are looked through at once for those without a vector
REINDEXED_AT_ONCE = 2000
SORT_AT = 400_000  # postings in the tail: below, it costs a query less than two milliseconds
MOST_RUNS = 16  # sorted stretches of the main table: each costs a query some tenths of a millisecond for every word


class Backlog:
    """The background work of one corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._hurry = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()
        self._fault: NotEmbedded | None = None  # why no vectors come
        self._indexing = asyncio.Lock()
        self._whole_to = -1  # the document up to which all have their vector
        self._task: asyncio.Task[None] | None = None
        # Told of long work how many are done of how many, at its end 0 of 0.
        self.told: Callable[[int, int], None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._wake.set()
            self._task = asyncio.create_task(self._run())

    def added(self) -> None:
        if self._task is not None:
            self._idle.clear()
            self._wake.set()

    def anew(self) -> None:
        """Told when vectors are no longer those that are wanted."""
        self._whole_to = -1
        self.added()

    @property
    def paused(self) -> bool:
        return not self._go.is_set()

    def pause(self) -> None:
        """No further batch is embedded until `resume`; what is committed stays."""
        self._go.clear()

    def resume(self) -> None:
        self._go.set()

    async def progress(self) -> tuple[int, int]:
        """How many documents have their vector, and how many there are."""
        missing = await self._corpus.database.read(self._missing_count)
        total = await self._corpus.database.read(_count)
        return total - missing, total

    async def settled(self, progress: Callable[[int], None] | None) -> None:
        self._fault = None
        self.start()
        self.resume()
        self.added()
        self._hurry.set()
        try:
            while not self._idle.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TOLD_S):
                        await self._idle.wait()
                if progress:
                    progress(await self._corpus.database.read(self._missing_count))
        finally:
            self._hurry.clear()
        if self._fault:
            raise self._fault

    async def close(self) -> None:
        if self._task:
            await ended(self._task)

    async def _run(self) -> None:
        wait = FIRST_WAIT_S
        while True:
            await self._wake.wait()
            await self._pause()
            try:
                await self.reindexed()
                await self._sort_tail()
                await self._go.wait()
                await self._begun()
                await self._corpus.loaded()
                await self._embed_all()
                if await self._corpus.database.read(self._has_old):
                    await self._corpus.database.write(self._drop_old)
            except WorkerGone as error:
                if isinstance(error, Refused) or wait >= GIVEN_UP_S:
                    self._give_up(error)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._hurry.wait()
                wait = min(LONGEST_WAIT_S, wait * 2)
                self._wake.set()
                continue
            wait = FIRST_WAIT_S
            if not self._wake.is_set():
                self._idle.set()

    def _give_up(self, error: WorkerGone) -> None:
        """Tells those who wait for vectors why none come; in the background it is tried again all the same."""
        hint = "What went in is found by its words; set another embedding_model to find it by its meaning too."
        self._fault = NotEmbedded(self._corpus.model, error, hint)
        self._idle.set()
        self._hurry.clear()

    async def _pause(self) -> None:
        """Waits until nothing has been added for a moment: a turn under way needs the processor and the writer itself,
        and what was just said stands in main context."""
        until = time.monotonic() + LONGEST_PAUSE_S
        while self._wake.is_set() and time.monotonic() < until:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await self._hurry.wait()
        self._wake.clear()

    async def _begun(self) -> None:
        """Waits for somebody else to start the worker, which takes a processor for seconds that a first turn needs itself;
        not for long, and not at all where vectors are waited for."""
        begun = asyncio.ensure_future(self._corpus.embedder.begun.wait())
        hurry = asyncio.ensure_future(self._hurry.wait())
        try:
            await asyncio.wait({begun, hurry}, timeout=LONGEST_PAUSE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begun.cancel()
            hurry.cancel()

    # --- vectors ----------------------------------------------------------------------------------------------

    async def _embed_all(self) -> None:
        """Embeds what has no vector, oldest first; the next requests are sent before the last is committed."""
        under_way: list[tuple[list[tuple[Any, ...]], asyncio.Future[Any]]] = []
        after, model = self._whole_to, self._corpus.model
        done = total = 0
        try:
            while model == self._corpus.model:
                await self._go.wait()
                batch = await self._corpus.database.read(functools.partial(self._missing, after=after))
                if self.told and not total and len(batch) == BATCH:  # long work: how much is counted once
                    done, total = await self.progress()
                if batch:
                    after = batch[-1][0]
                    texts = [f"{title}\n{body}" if title else body for _, title, body in batch]
                    asking = self._corpus.embedder.vectors(model, texts)
                    under_way.append((batch, asyncio.ensure_future(asking)))
                if not under_way:
                    self._whole_to = after
                    return
                if len(under_way) == AHEAD or not batch:
                    first, asked = under_way.pop(0)
                    await self._keep([row[0] for row in first], await asked, model)
                    done += len(first)
                    if self.told and done < total and not self.paused:
                        self.told(done, total)
        finally:
            for _, asked in under_way:
                asked.cancel()
            if self.told and total:
                self.told(0, 0)

    async def _keep(self, docs: Sequence[int], vectors: Sequence[Sequence[bytes]], model: str) -> None:
        """Commits the vectors of documents, which the worker then searches too."""
        rows = [
            (doc, piece, vector) for doc, found in zip(docs, vectors, strict=True) for piece, vector in enumerate(found)
        ]

        def work(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int, bytes]]:
            listed = ",".join(map(str, docs))
            held = {row[0] for row in connection.execute(f"SELECT id FROM doc WHERE id IN ({listed})").fetchall()}
            kept = [row for row in rows if row[0] in held]  # the others were taken out meanwhile
            if kept:
                marks = ",".join(["(?,?,?,?)"] * len(kept))
                values = [value for row in kept for value in (row[0], row[1], model, row[2])]
                connection.execute(f"INSERT INTO vector (doc, piece, model, value) VALUES {marks}", values)
            return kept

        kept = await self._corpus.database.write(work)
        if model != self._corpus.model:
            return
        await self._corpus.embedder.add(self._corpus.name, [row[0] for row in kept], b"".join(row[2] for row in kept))

    def _has_old(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether there are vectors of another model: seldom, and the writer is not asked for nothing."""
        query = "SELECT 1 FROM vector WHERE model <> ? LIMIT 1"
        return connection.execute(query, [self._corpus.model]).fetchone() is not None

    def _drop_old(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Vectors of a model that was given up go when every document has one of the new."""
        if self._missing_count(connection) == 0:
            connection.execute("DELETE FROM vector WHERE model <> ?", [self._corpus.model])

    def _missing(self, connection: duckdb.DuckDBPyConnection, after: int) -> list[tuple[Any, ...]]:
        """The next documents without a vector, looked for stretch by stretch, so that a batch costs the same however
        many documents there are."""
        top = connection.execute("SELECT coalesce(max(id), -1) FROM doc").fetchone()
        query = """SELECT d.id, d.title, t.body FROM doc d JOIN text t ON t.id = d.text
                   ANTI JOIN (SELECT doc FROM vector WHERE doc > $1 AND doc <= $2 AND model = $3) v ON v.doc = d.id
                   WHERE d.id > $1 AND d.id <= $2 AND d.kind <> 'rewritten' ORDER BY d.id LIMIT $4"""
        while top and after < top[0]:
            values = [after, after + STRETCH, self._corpus.model, BATCH]
            if rows := connection.execute(query, values).fetchall():
                return rows
            after += STRETCH
        return []

    def _missing_count(self, connection: duckdb.DuckDBPyConnection) -> int:
        query = (
            "SELECT count(*) FROM doc d ANTI JOIN vector v ON v.doc = d.id AND v.model = ? WHERE d.kind <> 'rewritten'"
        )
        found = connection.execute(query, [self._corpus.model]).fetchone()
        return int(found[0]) if found else 0

    # --- words ------------------------------------------------------------------------------------------------

    async def reindexed(self) -> None:
        """Indexes the words of every document anew where that was done with other rules."""
        database = self._corpus.database
        async with self._indexing:
            if database.analysis == ANALYSIS:
                return
            done = 0
            last = await database.read(lambda connection: connection.execute("SELECT max(id) FROM doc").fetchone())
            while last and last[0] is not None and done <= last[0]:
                where = f"d.id >= {done} AND d.id < {done + REINDEXED_AT_ONCE}"
                await database.write(functools.partial(documents.reindex, where=where))
                done += REINDEXED_AT_ONCE
            await database.write(_mark_indexed)
            database.analysis = ANALYSIS

    async def _sort_tail(self) -> None:
        """Moves a long tail into the main table as one more sorted stretch, where a word's postings stand together. It is
        done beside the writer, which goes on appending to the tail."""
        await self._corpus.database.aside(_sort_tail)


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("SELECT count(*) FROM doc WHERE kind <> 'rewritten'").fetchone()
    return int(found[0]) if found else 0


def _mark_indexed(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("DELETE FROM meta WHERE name = 'analysis'")
    connection.execute("INSERT INTO meta VALUES ('analysis', ?)", [str(ANALYSIS)])


def _sort_tail(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute("SELECT count(*) FROM posting_tail").fetchone()
    if not found or found[0] < SORT_AT:
        return
    row = connection.execute("SELECT value FROM meta WHERE name = 'runs'").fetchone()
    runs = int(row[0]) if row else 0
    if runs >= MOST_RUNS:
        connection.execute(
            """CREATE TABLE sorted AS SELECT * FROM (SELECT * FROM posting UNION ALL SELECT * FROM posting_tail)
               ORDER BY term, doc"""
        )
        connection.execute("DROP TABLE posting")
        connection.execute("ALTER TABLE sorted RENAME TO posting")
        runs = 0
    else:
        connection.execute("INSERT INTO posting SELECT * FROM posting_tail ORDER BY term, doc")
    connection.execute("DELETE FROM posting_tail")
    connection.execute("DELETE FROM meta WHERE name = 'runs'")
    connection.execute("INSERT INTO meta VALUES ('runs', ?)", [str(runs + 1)])
