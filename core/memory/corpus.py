"""The searchable documents of one file: found by words from DuckDB, by meaning from the worker's matrix."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from core.memory.embedding import Candidates, Embedder, WorkerGone
from core.memory.scope import Scope
from core.memory.terms import query_terms, term_id
from core.store.database import Database

if TYPE_CHECKING:
    import duckdb

K1, B = 1.2, 0.75  # BM25's usual constants
BATCH = 64
LOAD_ROWS = 8192
PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0  # without new documents before they are embedded, and however many come
MERGE_TAIL_AT = 200_000  # postings; below, the tail costs a query less than sorting it would

WORDS = """
WITH found AS (
    SELECT p.term, p.doc, p.tf, p.dl FROM (
        SELECT * FROM posting WHERE term IN ({terms}) UNION ALL SELECT * FROM posting_tail WHERE term IN ({terms})
    ) p JOIN doc d ON d.id = p.doc WHERE {where}
), rare AS (SELECT term, ln(1 + ({count} - count(*) + 0.5) / (count(*) + 0.5)) AS idf FROM found GROUP BY term)
SELECT doc, sum(idf * tf * {k} / (tf + {k1} * (1 - {b} + {b} * dl / {mean}))) AS score
FROM found JOIN rare USING (term) GROUP BY doc ORDER BY score DESC, doc DESC
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Documents that share a word with the query, best first."""

    docs: Any
    scores: Any

    @classmethod
    def none(cls) -> Found:
        return cls(numpy.array([], int), numpy.array([], float))


class Corpus:
    """An agent's or a source's documents. `model` names their embedding model, empty for the shipped one."""

    def __init__(self, database: Database, embedder: Embedder, name: str, model: str, source: str = "") -> None:
        self.database, self.embedder = database, embedder
        self.name, self.model, self.source = name, model, source
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._generation = 0
        self._loaded = asyncio.Lock()

    def start(self) -> None:
        """Begins to embed, in the background, what has no vector yet."""
        if self._task is None:
            self._wake.set()
            self._task = asyncio.create_task(self._embed_all())

    def added(self) -> None:
        """Told after a commit that put documents in."""
        if self._task is not None:
            self._idle.clear()
            self._wake.set()

    def removed(self) -> None:
        """Told after commits that took documents out: the worker is given the rest anew before it searches again."""
        self._generation = 0
        self.added()

    async def settled(self, progress: Callable[[int], None] | None = None) -> None:
        """Waits until every document has its vector; `progress` is told how many still have none."""
        self.start()
        self.added()
        self._hurry.set()
        try:
            while not self._idle.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._idle.wait(), 0.2)
                if progress:
                    progress(await self.database.read(self._missing_count))
        finally:
            self._hurry.clear()

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(WorkerGone):  # a worker that is gone holds nothing
            await self.embedder.drop(self.name)

    # --- words ------------------------------------------------------------------------------------------------

    async def words(self, text: str, scope: Scope) -> Found:
        wanted = ",".join(str(term_id(term)) for term in query_terms(text))
        if not wanted:
            return Found.none()
        return await self.database.read(lambda connection: _by_words(connection, wanted, scope))

    async def between(self, scope: Scope, limit: int, offset: int) -> tuple[list[int], int]:
        """Documents in the order of their time, and how many there are in all."""
        where, values = scope.sql()

        def work(connection: duckdb.DuckDBPyConnection) -> tuple[list[int], int]:
            query = f"SELECT d.id, count(*) OVER () FROM doc d WHERE {where} ORDER BY d.moment, d.id LIMIT ? OFFSET ?"
            rows = connection.execute(query, [*values, limit, offset]).fetchall()
            if rows:
                return [row[0] for row in rows], rows[0][1]
            counted = connection.execute(f"SELECT count(*) FROM doc d WHERE {where}", values).fetchone()
            return [], counted[0] if counted else 0

        return await self.database.read(work)

    async def fetch(self, docs: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """Key, text, time, role, name, title, file and place of documents."""
        query = f"""SELECT d.id, d.key, t.body, d.moment, d.role, d.name, d.title, d.file, d.place
                    FROM doc d JOIN text t ON t.id = d.text
                    WHERE d.id IN ({",".join(map(str, docs))})"""
        rows = await self.database.read(lambda connection: connection.execute(query).fetchall())
        return {row[0]: row[1:] for row in rows}

    # --- vectors ----------------------------------------------------------------------------------------------

    async def nearest(self, text: str, scope: Scope, count: int) -> Candidates:
        self.start()
        await self._load()
        return await self.embedder.nearest(self.name, self.model, text, count, scope.where())

    async def _load(self) -> None:
        """Gives the worker the vectors that are stored, once for every worker that there has been."""
        async with self._loaded:
            await self.embedder.start()
            if self._generation == self.embedder.generation:
                return
            generation, last = self.embedder.generation, (0, -1)
            await self.embedder.drop(self.name)
            while rows := await self.database.read(functools.partial(_vectors, model=self.model, last=last)):
                await self._give(rows)
                last = (rows[-1][0], rows[-1][6])
            self._generation = generation

    async def _give(self, rows: Sequence[tuple[Any, ...]]) -> None:
        data = b"".join(row[7] for row in rows)
        await self.embedder.add(self.name, self.model, [row[:6] for row in rows], data)

    async def _embed_all(self) -> None:
        while True:
            await self._wake.wait()
            try:
                await self._load()
                await self._pause()
                while batch := await self.database.read(self._missing):
                    await self._embed(batch)
                await self._merge_tail()
            except WorkerGone:
                await asyncio.sleep(1)
                self._wake.set()
                continue
            if not self._wake.is_set():
                self._idle.set()

    async def _pause(self) -> None:
        """Waits until nothing has been added for a moment: a turn under way needs the processor and the writer itself,
        and what was just said stands in main context."""
        until = time.monotonic() + LONGEST_PAUSE_S
        while self._wake.is_set() and time.monotonic() < until:
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), PAUSE_S)
        self._wake.clear()

    async def _embed(self, batch: Sequence[tuple[Any, ...]]) -> None:
        """Embeds documents and commits their vectors, which the worker then searches too."""
        texts = [row[7] if not row[6] else f"{row[6]}\n{row[7]}" for row in batch]
        vectors = await self.embedder.vectors(self.model, texts)
        rows = [
            (*row[:6], piece, vector)
            for row, found in zip(batch, vectors, strict=True)
            for piece, vector in enumerate(found)
        ]

        def work(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
            listed = ",".join(str(row[0]) for row in batch)
            held = {row[0] for row in connection.execute(f"SELECT id FROM doc WHERE id IN ({listed})").fetchall()}
            kept = [row for row in rows if row[0] in held]  # the others were taken out meanwhile
            if kept:
                marks = ",".join(["(?,?,?,?)"] * len(kept))
                values = [value for row in kept for value in (row[0], row[6], self.model, row[7])]
                connection.execute(f"INSERT INTO vector VALUES {marks}", values)
            return kept

        await self._give(await self.database.write(work))

    def _missing(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
        query = """SELECT d.id, d.branch, d.step, d.kind, d.role, d.moment, concat_ws(' ', nullif(d.name, ''), nullif(d.title, '')),
                   t.body FROM doc d
                   JOIN text t ON t.id = d.text ANTI JOIN vector v ON v.doc = d.id AND v.model = ?
                   ORDER BY d.id LIMIT ?"""
        return connection.execute(query, [self.model, BATCH]).fetchall()

    def _missing_count(self, connection: duckdb.DuckDBPyConnection) -> int:
        query = "SELECT count(*) FROM doc d ANTI JOIN vector v ON v.doc = d.id AND v.model = ?"
        found = connection.execute(query, [self.model]).fetchone()
        return int(found[0]) if found else 0

    async def _merge_tail(self) -> None:
        """Sorts a long tail into the main table, where a term's postings stand together."""

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            found = connection.execute("SELECT count(*) FROM posting_tail").fetchone()
            if found and found[0] > MERGE_TAIL_AT:
                connection.execute(
                    """CREATE TABLE merged AS SELECT * FROM (SELECT * FROM posting UNION ALL SELECT * FROM posting_tail)
                       ORDER BY term, doc"""
                )
                connection.execute("DROP TABLE posting")
                connection.execute("ALTER TABLE merged RENAME TO posting")
                connection.execute("DELETE FROM posting_tail")

        await self.database.write(work)


def _by_words(connection: duckdb.DuckDBPyConnection, wanted: str, scope: Scope) -> Found:
    where, values = scope.sql()
    counted = connection.execute("SELECT count(*), avg(length) FROM doc WHERE kind = ?", [scope.kind]).fetchone()
    count, mean = counted if counted and counted[0] else (1, 1.0)
    query = WORDS.format(terms=wanted, where=where, count=count, mean=max(1.0, mean), k=K1 + 1, k1=K1, b=B)
    rows = connection.execute(query, values).fetchnumpy()
    return Found(rows["doc"], rows["score"])


def _vectors(connection: duckdb.DuckDBPyConnection, *, model: str, last: tuple[int, int]) -> list[tuple[Any, ...]]:
    query = """SELECT d.id, d.branch, d.step, d.kind, d.role, d.moment, v.piece, v.value FROM vector v
               JOIN doc d ON d.id = v.doc WHERE v.model = ? AND (d.id > ? OR (d.id = ? AND v.piece > ?))
               ORDER BY d.id, v.piece LIMIT ?"""
    return connection.execute(query, [model, last[0], last[0], last[1], LOAD_ROWS]).fetchall()
