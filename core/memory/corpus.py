"""The searchable documents of one file: their words in DuckDB, what ranking must know of them in arrays, their vectors
in the worker's matrix."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy
import regex

from core.memory.backlog import Backlog
from core.memory.columns import Columns, View
from core.memory.embedding import Embedder, Nearness, WorkerGone
from core.memory.scope import Path, Query, Scope
from core.memory.terms import ANALYSIS, loosely, verbatim, whole_words
from core.store.database import Database

if TYPE_CHECKING:
    import duckdb

LOAD_ROWS = 8192
FEW = 24  # documents beyond which two threads read their vectors
FETCHED = "d.id, d.key, t.body, d.moment, d.role, d.name, d.title, d.file, d.place, d.tags, d.step"


@dataclass(frozen=True, slots=True)
class Row:
    """A document as it is shown."""

    doc: int
    key: str
    text: str
    at: int
    role: str
    name: str
    title: str
    file: str
    place: str
    tags: str
    step: int


class Corpus:
    """An agent's or a source's documents. `model` names their embedding model, empty for the shipped one; `made` tells a
    source from others that were or will be called the same."""

    def __init__(
        self, database: Database, embedder: Embedder, name: str, model: str, source: str = "", made: str = ""
    ) -> None:
        self.database, self.embedder = database, embedder
        self.name, self.model, self.source, self.made = name, model, source, made
        self.backlog = Backlog(self)
        # The latest searches, and what their first page was found on: its own path, and those of the sources by name.
        self.asked: dict[Query, dict[str, Path]] = {}
        self._columns = Columns()
        self._seen: tuple[Columns, int] | None = None  # what was read last, and how much had been written by then
        self._looking = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._generation = 0
        self._load: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begins to embed, in the background, what has no vector yet."""
        self.backlog.start()

    def added(self) -> None:
        """Told after a commit that put documents in."""
        self.backlog.added()

    def removed(self) -> None:
        """Told after commits that took documents out: what was known of them is read anew."""
        self._columns = Columns()
        self._generation = 0
        self.backlog.anew()

    def use(self, model: str) -> None:
        """Embeds with another model from now on, everything anew in the background; until that is done a search finds by
        words, and by the vectors that are there."""
        if model != self.model:
            self.model, self._generation = model, 0
            self.backlog.anew()

    async def settled(self, progress: Callable[[int], None] | None = None) -> None:
        """Waits until every document has its vector; `progress` is told how many still have none."""
        await self.backlog.settled(progress)

    async def close(self) -> None:
        await self.backlog.close()
        if self._load:
            self._load.cancel()
            await asyncio.gather(self._load, return_exceptions=True)
        with contextlib.suppress(WorkerGone):  # a worker that is gone holds nothing
            await self.embedder.drop(self.name)

    # --- words ------------------------------------------------------------------------------------------------

    async def view(self, scope: Scope) -> tuple[View, frozenset[int]]:
        """The documents that may be found, and the languages that are spoken in the file."""
        async with self._looking:
            columns = await self._refreshed()
            return await asyncio.to_thread(columns.view, scope), columns.languages

    async def last(self) -> int:
        """The number of the newest document that may be found."""
        async with self._looking:
            return (await self._refreshed()).last

    async def _refreshed(self) -> Columns:
        columns, changes = self._columns, self.database.changes
        if (columns, changes) != self._seen:
            await self.database.read(columns.refresh)
            self._seen = columns, changes
        return columns

    async def postings(self, terms: Collection[int]) -> dict[int, Any]:
        """For each term the documents that it stands in."""
        await self.indexed()
        if not terms:
            return {}
        wanted = _wanted(terms)
        query = f"""SELECT term, doc FROM {wanted} JOIN posting ON term = wanted
                    UNION ALL SELECT term, doc FROM {wanted} JOIN posting_tail ON term = wanted"""
        return await self.database.read(lambda connection: _by_term(connection.execute(query).fetchnumpy()))

    async def indexed(self) -> None:
        """Waits until the words of a file that was written with other rules are indexed anew; mostly they are."""
        if self.database.analysis != ANALYSIS:
            await self.backlog.reindexed()

    async def holding(self, docs: Sequence[int], words: str) -> dict[int, int]:
        """Those of some documents in which the words stand to the letter: 3 as they are, 2 with another case, 1 with other
        accents or forms; and 3 more where they are no part of longer words."""
        found, closeness_of = await self.fetch(docs), _closeness(words)
        closeness = {row.doc: closeness_of(f"{row.title}\n{row.text}") for row in found.values()}
        return {doc: level for doc, level in closeness.items() if level}

    async def containing(self, scope: Scope, words: str, limit: int, among: Sequence[int] = ()) -> list[int]:
        """The documents in which a string stands, with whatever white space, case and accents; those first in which it is no
        part of longer words, of these the ones that have it as it is, then the newest. Without `among` all texts in scope are read: for a string that has no term, such
        as `:-)`."""
        where, values = ("d.id IN (SELECT unnest(?::INTEGER[]))", [list(among)]) if among else scope.sql()
        # Materialized, or DuckDB would look into every text of the file before it takes those that are asked for.
        query = f"""WITH held AS {"MATERIALIZED" if among else "NOT MATERIALIZED"}
                    (SELECT d.id, t.body FROM doc d JOIN text t ON t.id = d.text WHERE {where})
                    SELECT id FROM held WHERE regexp_matches(body, ?, 'i') OR
                    (strlen(body) > length(body) AND regexp_matches(strip_accents(body), strip_accents(?), 'i'))"""
        closest = """ORDER BY regexp_matches(body, ?, 'i') DESC, regexp_matches(body, ?) DESC, contains(body, ?) DESC,
                     id DESC"""
        whole, loose = whole_words(words), loosely(words)

        def work(connection: duckdb.DuckDBPyConnection) -> list[tuple[int]]:
            found = connection.execute(f"{query} LIMIT ?", [*values, loose, loose, limit + 1]).fetchall()
            if len(found) <= limit:  # mostly; to make patterns of Unicode's classes takes ten milliseconds
                return found
            return connection.execute(
                f"{query} {closest} LIMIT ?", [*values, loose, loose, whole, whole, words, limit]
            ).fetchall()

        return [row[0] for row in await self.database.read(work)]

    async def by_key(self, scope: Scope, key: str) -> Row | None:
        """The document with that id, if it may be found."""
        where, values = scope.sql()
        query = (
            f"SELECT {FETCHED} FROM doc d JOIN text t ON t.id = d.text WHERE d.key = ? AND {where} ORDER BY d.id DESC"
        )
        row = await self.database.read(lambda connection: connection.execute(query, [key, *values]).fetchone())
        return Row(*row) if row else None

    async def same_text(self, scope: Scope, text: str) -> str | None:
        """The id of a document with the very same words."""
        where, values = scope.sql()
        query = f"SELECT d.key FROM doc d JOIN text t ON t.id = d.text WHERE t.body = ? AND {where} LIMIT 1"
        row = await self.database.read(lambda connection: connection.execute(query, [text, *values]).fetchone())
        return str(row[0]) if row else None

    async def tagged(self, tags: Sequence[str]) -> frozenset[int]:
        """The documents that have all of those tags."""
        query = "SELECT id FROM doc WHERE list_has_all(string_split(tags, chr(10)), ?)"
        rows = await self.database.read(lambda connection: connection.execute(query, [list(tags)]).fetchall())
        return frozenset(row[0] for row in rows)

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

    async def fetch(self, docs: Sequence[int]) -> dict[int, Row]:
        """Documents as they are shown, by number."""
        if not docs:
            return {}
        rows = await self.database.read(functools.partial(_fetched, docs=docs))
        return {row[0]: Row(*row) for row in rows}

    # --- vectors ----------------------------------------------------------------------------------------------

    async def nearness(self, text: str) -> Nearness:
        """How near every document is to a query."""
        self.start()
        await self.loaded()
        return await self.embedder.near(self.model, text, self.name)

    async def cosines(self, docs: Sequence[int], query: bytes) -> dict[int, float]:
        """The exact cosines of documents, given by rising number, to a query's vector: of a document in several pieces
        that of the nearest."""
        found: dict[int, float] = {}
        with contextlib.suppress(WorkerGone):  # all of them stand in the file
            held = await self.embedder.exact(self.name, docs, query)
            found = {doc: cosine for doc, cosine in zip(docs, held.tolist(), strict=True) if cosine >= -1.5}
        vector = numpy.frombuffer(query, numpy.float32)
        for doc, value in await self._vectors([doc for doc in docs if doc not in found]):
            found[doc] = max(found.get(doc, -2.0), float(numpy.frombuffer(value, numpy.float32) @ vector))
        return found

    async def _vectors(self, docs: Sequence[int]) -> list[tuple[int, bytes]]:
        """The stored vectors of documents, one for each piece."""
        half = len(docs) // 2 if len(docs) > FEW else 0
        parts = (part for part in (docs[:half], docs[half:]) if part)
        read = (self.database.read(functools.partial(_vectors, docs=part, model=self.model)) for part in parts)
        return list(chain.from_iterable(await asyncio.gather(*read)))

    async def loaded(self) -> None:
        """Gives the worker the vectors that are stored, once for every worker that there has been. Who gives up waiting
        does not stop it."""
        if self._load is None or self._load.done():
            self._load = asyncio.ensure_future(self._loaded())
        await asyncio.shield(self._load)

    async def _loaded(self) -> None:
        async with self._loading:
            await self.embedder.start()
            if self._generation == self.embedder.generation:
                return
            generation = self.embedder.generation
            await self.embedder.drop(self.name)
            last = await self.database.read(_last_vector)
            reading = self._reading(0)
            for first in range(LOAD_ROWS, last + 1 + LOAD_ROWS, LOAD_ROWS):  # the next are read while these are sent
                (docs, data), reading = await reading, self._reading(first)
                if docs:
                    await self.embedder.add(self.name, docs, data)
            await reading
            self._generation = generation

    def _reading(self, first: int) -> asyncio.Future[tuple[list[int], bytes]]:
        return asyncio.ensure_future(self.database.read(functools.partial(self._stored, first=first)))

    def _stored(self, connection: duckdb.DuckDBPyConnection, first: int) -> tuple[list[int], bytes]:
        query = "SELECT doc, value FROM vector WHERE doc >= ? AND doc < ? AND model = ? ORDER BY doc"
        found = connection.execute(query, [first, first + LOAD_ROWS, self.model]).fetchnumpy()
        return found["doc"].tolist(), b"".join(found["value"].tolist())


def _wanted(numbers: Iterable[int]) -> str:
    """Numbers as a table, to join with: DuckDB then skips what cannot match, and with `IN` it reads whole row groups. Of
    a million documents ten are fetched in 7 instead of 26 ms, and the postings of 60 words in 14 instead of 36."""
    return f"(VALUES {','.join(f'({number}::BIGINT)' for number in numbers)}) AS listed(wanted)"


def _fetched(connection: duckdb.DuckDBPyConnection, docs: Sequence[int]) -> list[tuple[Any, ...]]:
    """Documents with their texts."""
    query = f"SELECT {FETCHED} FROM {_wanted(set(docs))} JOIN doc d ON d.id = wanted JOIN text t ON t.id = d.text"
    return connection.execute(query).fetchall()


def _vectors(connection: duckdb.DuckDBPyConnection, docs: Sequence[int], model: str) -> list[tuple[int, bytes]]:
    query = f"SELECT doc, value FROM {_wanted(set(docs))} JOIN vector ON doc = wanted WHERE model = ?"
    return connection.execute(query, [model]).fetchall()


def _closeness(words: str) -> Callable[[str], int]:
    """How closely a text holds the words: see `holding`."""
    forms: tuple[tuple[int, Callable[[str], str]], ...] = ((3, str), (2, str.casefold), (1, verbatim))
    wanted = [(level, form, form(words), regex.compile(whole_words(form(words)))) for level, form in forms]

    def of(text: str) -> int:
        text = " ".join(text.split())
        held = ((level, form(text), part, whole) for level, form, part, whole in wanted)
        return max(level + 3 * bool(whole.search(said)) if part in said else 0 for level, said, part, whole in held)

    return of


def _by_term(found: dict[str, Any]) -> dict[int, Any]:
    if not len(found["term"]):
        return {}
    order = numpy.argsort(found["term"], kind="stable")
    terms, docs = found["term"][order], found["doc"][order]
    starts = numpy.flatnonzero(numpy.concatenate([[True], terms[1:] != terms[:-1]]))
    return {int(terms[start]): part for start, part in zip(starts, numpy.split(docs, starts[1:]), strict=True)}


def _last_vector(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute("SELECT coalesce(max(doc), -1) FROM vector").fetchone()
    return int(found[0]) if found else -1
