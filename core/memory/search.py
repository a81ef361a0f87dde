"""One hybrid search for recall and archival: words and vectors, fused by score.

The total of an answer is the number of documents that share a word with the query, plus the hundred nearest by
vector, without doubles.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.memory.corpus import Corpus, Found
from core.memory.embedding import Candidates, WorkerGone
from core.memory.scope import Path, Query, Scope

NEAREST = 100
WORDS_WEIGHT, VECTOR_WEIGHT = 0.5, 0.5
__all__ = ["Answer", "Corpus", "Hit", "Path", "Query", "by_date", "find"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `source` is the name of the source that it came from, empty for the agent's own; `file` and `place`
    say where it stands in what was loaded."""

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


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of results. `ms` is what the query took, `embed_ms` the part of it that embedding it took; `note` says
    where only words were searched."""

    hits: tuple[Hit, ...]
    total: int
    ms: float
    embed_ms: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Ranked:
    corpus: int
    doc: int
    score: float


async def find(corpora: Sequence[tuple[Corpus, Path]], query: Query) -> Answer:
    """The best documents of several corpora together, each searched with the embedding model of its own."""
    began = time.perf_counter()
    asked = [(corpus, Scope.of(query, path)) for corpus, path in corpora]
    words, nearest = await asyncio.gather(_all_words(asked, query), _all_nearest(asked, query))
    candidates, note = nearest
    ranked = _fused(words, candidates, query.mode)
    page = ranked[query.offset : query.offset + query.limit]
    hits = await _hits([corpus for corpus, _ in corpora], page)
    embed_ms = sum(entry.embed_ms for entry in candidates)
    return Answer(hits, len(ranked), round((time.perf_counter() - began) * 1000, 3), embed_ms, note)


async def by_date(
    corpus: Corpus, kind: str, since: int, until: int, path: Path, limit: int, offset: int, roles: tuple[str, ...] = ()
) -> Answer:
    """Documents from `since` until before `until` (UTC microseconds), oldest first."""
    began = time.perf_counter()
    query = Query("", kind, since=since, until=until, roles=roles)
    docs, total = await corpus.between(Scope.of(query, path), limit, offset)
    hits = await _hits([corpus], [_Ranked(0, doc, 0.0) for doc in docs])
    return Answer(hits, total, round((time.perf_counter() - began) * 1000, 3), 0.0)


async def _all_words(asked: Sequence[tuple[Corpus, Scope]], query: Query) -> list[Found]:
    if query.mode == "vector":
        return [Found.none() for _ in asked]
    return list(await asyncio.gather(*(corpus.words(query.text, scope) for corpus, scope in asked)))


async def _all_nearest(asked: Sequence[tuple[Corpus, Scope]], query: Query) -> tuple[list[Candidates], str]:
    none = [Candidates((), (), 0.0) for _ in asked]
    if query.mode == "text" or not query.text.strip():
        return none, ""
    wanted = max(NEAREST, query.offset + query.limit) if query.mode == "vector" else NEAREST
    try:
        work = asyncio.gather(*(corpus.nearest(query.text, scope, wanted) for corpus, scope in asked))
        return list(await asyncio.wait_for(work, query.wait_s)), ""
    except TimeoutError:
        return none, "by words only: the embedding model is still loading"
    except WorkerGone as error:
        return none, f"by words only: {error}"


def _fused(words: Sequence[Found], nearest: Sequence[Candidates], mode: str) -> list[_Ranked]:
    """Scores of both kinds on one scale, best first. What only one of them found has the other's least."""
    best_word = max((float(found.scores[0]) for found in words if len(found.scores)), default=0.0) or 1.0
    best_near = max((entry.scores[0] for entry in nearest if entry.scores), default=0.0) or 1.0
    ranked: list[_Ranked] = []
    for place, (found, near) in enumerate(zip(words, nearest, strict=True)):
        by_word = dict(zip(found.docs.tolist(), (found.scores / best_word).tolist(), strict=True))
        by_near = {doc: max(0.0, score) / best_near for doc, score in zip(near.docs, near.scores, strict=True)}
        least = min(by_near.values(), default=0.0)
        for doc in dict.fromkeys((*by_near, *by_word)):
            score = _score(by_word.get(doc, 0.0), by_near.get(doc, least), mode, bool(by_near))
            ranked.append(_Ranked(place, doc, score))
    return sorted(ranked, key=lambda entry: (-entry.score, entry.corpus, -entry.doc))


def _score(word: float, near: float, mode: str, has_vectors: bool) -> float:
    if mode == "vector":
        return near
    return WORDS_WEIGHT * word + VECTOR_WEIGHT * near if has_vectors else word


async def _hits(corpora: Sequence[Corpus], page: Sequence[_Ranked]) -> tuple[Hit, ...]:
    rows: list[dict[int, tuple[Any, ...]]] = []
    for place, corpus in enumerate(corpora):
        wanted = [entry.doc for entry in page if entry.corpus == place]
        rows.append(await corpus.fetch(wanted) if wanted else {})
    return tuple(
        _hit(entry, rows[entry.corpus][entry.doc], corpora[entry.corpus].source)
        for entry in page
        if entry.doc in rows[entry.corpus]
    )


def _hit(entry: _Ranked, row: tuple[Any, ...], source: str) -> Hit:
    key, text, at, role, name, title, file, place = row
    return Hit(entry.doc, key, text, at, role, name, title, source, entry.score, file, place)
