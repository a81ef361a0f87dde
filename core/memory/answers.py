"""What a search gives: results as they are shown, in pages."""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.memory.corpus import Corpus, Row
from core.memory.scope import Path, Query, Scope


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `source` is the name of the source that it came from, empty for the agent's own; `file` and `place`
    say where it stands in what was loaded, `step` which step made it. `words` and `nearness` are its ranks by words and
    by vector among all that was found, counted from 1, where that was asked for."""

    doc: int
    key: str
    text: str
    at: int
    role: str
    name: str
    title: str
    source: str
    score: float
    file: str = ""
    place: str = ""
    tags: tuple[str, ...] = ()
    step: int = 0
    words: int | None = None
    nearness: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of results. `ms` is what the query took, `embed_ms` the part of it that embedding it took; `note` says
    where only words were searched, and `embedded` how far the vectors of each corpus were, as a `Path` has it."""

    hits: tuple[Hit, ...]
    total: int
    ms: float
    embed_ms: float
    note: str = ""
    embedded: tuple[int, ...] = ()


async def by_date(
    corpus: Corpus, kind: str, since: int, until: int, path: Path, limit: int, offset: int, roles: tuple[str, ...] = ()
) -> Answer:
    """Documents from `since` until before `until` (UTC microseconds), oldest first."""
    began = time.perf_counter()
    query = Query("", kind, since=since, until=until, roles=roles)
    docs, total = await corpus.between(Scope.of(query, path), limit, offset)
    rows = await corpus.fetch(docs)
    hits = tuple(hit_of(rows[doc], corpus.source, 0.0) for doc in docs if doc in rows)
    return Answer(hits, total, round((time.perf_counter() - began) * 1000, 3), 0.0)


def hit_of(row: Row, source: str, score: float, words: int | None = None, nearness: int | None = None) -> Hit:
    tags = tuple(row.tags.split("\n")) if row.tags else ()
    return Hit(
        row.doc, row.key, row.text, row.at, row.role, row.name, row.title, source, score, row.file, row.place, tags,
        row.step, words, nearness,
    )  # fmt: skip
