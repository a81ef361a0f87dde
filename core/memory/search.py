"""One ranking for recall, archival storage and sources.

A document's score is a sum of independent pieces of evidence: its words and those of its neighbours, how near it is in
meaning, who said it, when, and whether it can answer at all. `hybrid` adds all of them, `text` leaves the vectors out,
`vector` the words. What stands in a document to the letter comes before everything else.

Each constant was found on the conversations of LoCoMo with one left out in turn, and looked at on Natural Questions
(benchmarks/retrieval.md has the table): all of them may change by a third without moving recall@10 by half a point.

The total of an answer is the number of documents that share a word with the query, plus the hundred best of the others
by everything together.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import numpy

from core.memory.answers import Answer, Hit, by_date, hit_of
from core.memory.columns import View
from core.memory.corpus import Corpus, Row
from core.memory.dates import Span, spans
from core.memory.embedding import Nearness, WorkerGone
from core.memory.exact import certified, least
from core.memory.letters import to_the_letter
from core.memory.scope import BY_WORDS, Path, Query, Scope
from core.memory.terms import QueryTerm, as_speaker, language_of, query_terms

NEAREST = 100
K1, B, LONG = 0.5, 0.25, 200  # BM25 with presence for frequency; terms beyond which a text counts as no longer
WORDS, MEANING = 0.5, 0.85
# How much of a word that a message's neighbour says it says itself: those before it by distance, then those after it.
# A question before it counts for more, since it is the answer.
NEIGHBOURS = ((1, 0.3), (2, 0.3), (3, 0.1), (-1, 0.15), (-2, 0.1), (-3, 0.05))
ANSWERS = 0.6
NEAR_NEIGHBOURS = ((1, 0.4), (2, 0.25), (3, 0.1), (-1, 0.4), (-2, 0.1))
PART, FARTHEST = 32_768, max(abs(distance) for distance, _ in NEAR_NEIGHBOURS)  # documents at once; reach of nearness
SPREAD_MOST = 50_000  # documents that share a word; one as common as that says nothing about its neighbours
SPEAKER = 1.3  # the query names who said it
SAID_THEN, SAID_AFTER = 4.0, 0.7  # in the days that the query names, and what of it the next day has
LONG_SPAN, FADES = 40.0, 10.0  # days: a longer span says half as much; how fast the days after it fade
TELLS_WHEN = 1.1  # for each word of time, up to three, where the query asks when
ASKS = 1.0  # what a question costs: it seldom answers one
SAYS_MORE, ENOUGH = 1.0, 16.0  # for a longer text, by the logarithm of its terms, up to so many
IDENTIFIER = 8.0  # a word with digits or signs in it is meant to the letter, and stands above resemblance
RARE, RARER = 7.0, 1.0  # idf from which a word is a name (less than 1 document in 1,100), and what it gains beyond
USUAL, SPREAD, FEW = 0.1, 0.11, 50.0  # mean and deviation of cosines where few are known; weight of that, in documents
WHEN = re.compile(r"\s*(?:when|how long|what (?:date|day|month|year|time))\b", re.IGNORECASE)

__all__ = ["Answer", "Corpus", "Hit", "Path", "Query", "by_date", "find"]


@dataclass(slots=True)
class Evidence:
    """What is known of the documents of one corpus that may be found, each array by place."""

    corpus: Corpus
    view: View
    scope: Scope
    languages: frozenset[int]
    postings: list[tuple[QueryTerm, Any]] = field(default_factory=list)
    said_by: list[Any] = field(default_factory=list)
    near: Nearness | None = None
    words: Any = None
    shares: Any = None
    whole: Any = None
    meaning: Any = None
    other: Any = None
    total: Any = None
    deviation: float = 1.0


async def find(corpora: Sequence[tuple[Corpus, Path]], query: Query, zone: tzinfo | None = None) -> Answer:
    """The best documents of several corpora together, each searched with the embedding model of its own."""
    began = time.perf_counter()
    nearing = asyncio.ensure_future(_nearness(corpora, query))
    try:
        found = await asyncio.gather(*(_evidence(corpus, path, query) for corpus, path in corpora))
        await asyncio.to_thread(_weigh_words, found, query, zone)
        await to_the_letter(found, query, _best)
        near, embed_ms, note = await nearing
    finally:
        nearing.cancel()
    for evidence, nearness in zip(found, near, strict=True):
        evidence.near = nearness
    await asyncio.to_thread(_weigh_meaning, found, query)
    if query.mode != "text":
        await certified(found, query.offset + query.limit, MEANING, NEAR_NEIGHBOURS)
    chosen, total = await asyncio.to_thread(_chosen, found, query)
    hits = await _hits(found, chosen, query)
    taken = round((time.perf_counter() - began) * 1000, 3)
    embedded = tuple(BY_WORDS if nearness is None else len(nearness.cosines) for nearness in near)
    return Answer(hits, total, taken, min(embed_ms, taken), note, embedded)


# --- gathering ------------------------------------------------------------------------------------------------------


async def _evidence(corpus: Corpus, path: Path, query: Query) -> Evidence:
    scope = Scope.of(query, path)
    if query.tags:
        scope = scope.only(await corpus.tagged(query.tags))
    view, languages = await corpus.view(scope)
    evidence = Evidence(corpus, view, scope, languages)
    wanted = query_terms(query.text, languages)
    speakers = [as_speaker(term) for term in wanted]
    held = await corpus.postings({term for entry in wanted for term in entry.terms} | set(speakers))
    for entry in wanted:
        docs = [held[term] for term in entry.terms if term in held]
        known = (
            view.places(numpy.unique(numpy.concatenate(docs)) if len(docs) > 1 else docs[0]) if docs else _no_places()
        )
        evidence.postings.append((entry, known))
    evidence.said_by = [view.places(held[term]) if term in held else _no_places() for term in speakers]
    return evidence


async def _nearness(corpora: Sequence[tuple[Corpus, Path]], query: Query) -> tuple[list[Nearness | None], float, str]:
    """How near every document is to the query, by corpus; the milliseconds that embedding it took; and why not."""
    none: list[Nearness | None] = [None for _ in corpora]
    if query.mode == "text" or not query.text.strip():
        return none, 0.0, ""
    if any(path.embedded == BY_WORDS for _, path in corpora):
        return none, 0.0, "by words only, as the first page"
    try:
        async with asyncio.timeout(query.wait_s):
            found = await asyncio.gather(*(corpus.nearness(query.text) for corpus, _ in corpora))
        known = [near.until(path.embedded) for near, (_, path) in zip(found, corpora, strict=True)]
        return [*known], max((near.embed_ms for near in found), default=0.0), ""
    except TimeoutError:
        return none, 0.0, "by words only: the embedding model is still loading"
    except WorkerGone as error:
        return none, 0.0, f"by words only: {error}"


# --- weighing -------------------------------------------------------------------------------------------------------


def _weigh_words(found: Sequence[Evidence], query: Query, zone: tzinfo | None) -> None:
    """The evidence that needs no vector. How rare a word is, is counted over all corpora together."""
    count = sum(len(evidence.view) for evidence in found)
    mean = sum(evidence.view.words for evidence in found) / max(1, count) or 1.0
    heavy = (K1 * (1 - B + B * numpy.arange(LONG + 1) / mean)).astype(numpy.float32)
    present = datetime.now(zone) if zone else datetime.now().astimezone()
    named = spans(query.text, present, language_of(query.text))
    telling = _telling(found)
    for evidence in found:
        view = evidence.view
        evidence.words, evidence.shares = numpy.zeros(len(view), numpy.float32), numpy.zeros(len(view), bool)
        evidence.whole = numpy.full(len(view), bool(evidence.postings))
        for place, (term, places) in enumerate(evidence.postings):
            holding = sum(len(other.postings[place][1]) for other in found)
            _add_word(evidence, term, places, _idf(count, holding), heavy, telling[place])
        evidence.other = _other(view, evidence.said_by, named, bool(WHEN.match(query.text)))


def _telling(found: Sequence[Evidence]) -> list[bool]:
    """Which words of the query count: all, save that the name of somebody who speaks says who, not what."""
    words = len(found[0].postings) if found else 0
    names = [any(len(evidence.said_by[place]) for evidence in found) for place in range(words)]
    return [not name or all(names) for name in names]


def _idf(count: int, holding: int) -> float:
    return math.log(1 + (count - holding + 0.5) / (holding + 0.5))


def _add_word(evidence: Evidence, term: QueryTerm, places: Any, idf: float, heavy: Any, telling: bool) -> None:
    """What one word of the query says for every document that has it, or whose neighbours have."""
    held = numpy.zeros(len(evidence.whole), bool)
    held[places] = True
    evidence.shares |= held
    if not term.whole:  # `a/b` stands in `a/b/c` to the letter, which has its words alone
        evidence.whole &= held
    if not telling or not len(places):
        return
    weight = WORDS * idf * (K1 + 1)
    beyond = IDENTIFIER if term.identifier else RARER * max(0.0, idf - RARE)
    if len(places) > SPREAD_MOST or evidence.scope.kind != "recall":
        evidence.words[places] += weight / (1 + _heavy(evidence, places, heavy))
    else:
        _spread(evidence, places, weight, heavy)
    if beyond:
        evidence.words[places] += beyond


def _heavy(evidence: Evidence, places: Any, heavy: Any) -> Any:
    """What the lengths of documents weigh; `heavy` has it by length."""
    return heavy[numpy.minimum(evidence.view.lengths[places], LONG)]


def _spread(evidence: Evidence, places: Any, weight: float, heavy: Any) -> None:
    view = evidence.view
    heard = numpy.zeros(len(view), numpy.float32)
    heard[places] = 1.0
    reached = [places]
    for distance, share in NEIGHBOURS:
        near, origin = _neighbours(view, places, distance)
        heard[near] += share
        if distance == 1:
            heard[near[view.asks[origin]]] += ANSWERS
        reached.append(near)
    for near in reached:  # each document once: what was counted is cleared
        said = heard[near]
        evidence.words[near] += weight * said / (said + _heavy(evidence, near, heavy))
        heard[near] = 0.0


def _neighbours(view: View, places: Any, distance: int) -> tuple[Any, Any]:
    """The places so far after some others (before, where negative) in the same talk, and those that they follow."""
    near = places + distance
    inside = (near >= 0) & (near < len(view))
    near, origin = near[inside], places[inside]
    same = view.talk[near] == view.talk[origin]
    return near[same], origin[same]


def _other(view: View, said_by: Sequence[Any], named: Sequence[Span], when: bool) -> Any:
    """Who said it, when, and whether it can answer."""
    score = view.standing(_says)
    if when:
        score = score + TELLS_WHEN * view.times.astype(numpy.float32)
    if any(len(places) for places in said_by):
        speaks = numpy.zeros(len(view), numpy.float32)
        speaks[numpy.concatenate(said_by)] = SPEAKER
        score = score + speaks
    for span in named:
        score = score + (SAID_THEN * _said_then(view.moments, span)).astype(numpy.float32)
    return score


def _says(lengths: Any, asks: Any) -> Any:
    """How likely a text is to say something, by its length and whether it asks."""
    return (SAYS_MORE * numpy.log1p(numpy.minimum(lengths, ENOUGH)) - ASKS * asks).astype(numpy.float32)


def _said_then(moments: Any, span: Span) -> Any:
    inside = (moments >= span.start) & (moments < span.end)
    if span.days > LONG_SPAN:
        return 0.5 * inside
    days = (moments - span.end) / 86_400_000_000
    return inside + SAID_AFTER * (days >= 0) * numpy.exp(-numpy.maximum(days, 0) / FADES)


def _weigh_meaning(found: Sequence[Evidence], query: Query) -> None:
    """How near documents and their neighbours are, in deviations from the mean, so that a query which is near to nothing
    in particular leaves the word to the words; and the sum of it all."""
    known = [
        (evidence, evidence.view.by_place(evidence.near.cosines, -2.0))
        for evidence in found
        if evidence.near is not None
    ]
    held = [cosines[cosines > -1.5] if (cosines < -1.5).any() else cosines for _, cosines in known]
    count = sum(len(values) for values in held)
    mean = (sum(float(values.sum()) for values in held) + FEW * USUAL) / (count + FEW)
    square = sum(_square(values - numpy.float32(mean)) for values in held) + FEW * SPREAD**2
    deviation = math.sqrt(square / (count + FEW))
    for evidence, cosines in known:
        evidence.meaning, spread = _with_neighbours(cosines, mean, deviation, evidence.view.talk)
        evidence.deviation = deviation * spread
    for evidence in found:
        evidence.total = evidence.other + numpy.float32(0)
        if query.mode != "vector":
            evidence.total = evidence.total + evidence.words
        if evidence.meaning is not None:
            evidence.total = evidence.total + MEANING * evidence.meaning


def _with_neighbours(cosines: Any, mean: float, deviation: float, talk: Any) -> tuple[Any, float]:
    """In deviations, each with its neighbours; part by part, so that what is worked on stays near the processor."""
    total = numpy.empty(len(cosines), numpy.float32)
    square = 0.0
    for first in range(0, len(cosines), PART):
        start, end = max(0, first - FARTHEST), min(len(cosines), first + PART + FARTHEST)
        part = numpy.where(cosines[start:end] > -1.5, (cosines[start:end] - mean) / deviation, numpy.float32(0))
        spread = _spread_near(part, talk[start:end])[first - start : first - start + PART]
        total[first : first + PART] = spread
        square += _square(spread)
    known = int((cosines > -1.5).sum())  # those without a vector say nothing of how far apart the others are
    deviation = math.sqrt((square + FEW) / (known + FEW))
    total /= numpy.float32(deviation)
    return total, deviation


def _spread_near(z: Any, talk: Any) -> Any:
    total = z.copy()
    for distance, share in NEAR_NEIGHBOURS:
        later, earlier = slice(abs(distance), None), slice(None, -abs(distance))
        here, there = (later, earlier) if distance > 0 else (earlier, later)
        total[here] += share * z[there] * (talk[here] == talk[there])
    return total


def _square(values: Any) -> float:
    return float(numpy.dot(values, values))


# --- choosing -------------------------------------------------------------------------------------------------------


def _best(scores: Any, count: int) -> Any:
    """The places of the highest scores, best first; of equal ones the later."""
    if not len(scores) or count <= 0:
        return _no_places()
    top = numpy.flatnonzero(scores >= least(scores, count))
    return top[numpy.lexsort((-top, -scores[top]))][:count]


def _chosen(found: Sequence[Evidence], query: Query) -> tuple[list[tuple[Evidence, int]], int]:
    """The page that was asked for, as places of evidence, and how many results there are in all."""
    ranked: list[tuple[float, int, int]] = []
    shared = 0
    for number, evidence in enumerate(found):
        allowed = evidence.shares if query.mode != "vector" else numpy.zeros(len(evidence.view), bool)
        shared += int(allowed.sum())
        wanted = query.offset + query.limit
        held = numpy.flatnonzero(allowed)
        for place in held[_best(evidence.total[held], wanted)].tolist():
            ranked.append((-float(evidence.total[place]), number, -place))
    others = _others(found, query.mode)
    ranked += others
    ranked.sort()
    page = ranked[query.offset : query.offset + query.limit]
    return [(found[number], -place) for _, number, place in page], shared + len(others)


def _others(found: Sequence[Evidence], mode: str) -> list[tuple[float, int, int]]:
    """Of the best by everything together, those that share no word with the query."""
    if mode == "text":
        return []
    best: list[tuple[float, int, int, bool]] = []
    for number, evidence in enumerate(found):
        if evidence.meaning is None:
            continue
        for place in _best(evidence.total, NEAREST).tolist():
            shares = mode != "vector" and bool(evidence.shares[place])
            best.append((-float(evidence.total[place]), number, -place, shares))
    return [(score, number, place) for score, number, place, shares in sorted(best)[:NEAREST] if not shares]


async def _hits(found: Sequence[Evidence], chosen: Sequence[tuple[Evidence, int]], query: Query) -> tuple[Hit, ...]:
    rows: dict[int, dict[int, Row]] = {}
    for evidence in found:
        docs = [int(evidence.view.ids[place]) for owner, place in chosen if owner is evidence]
        rows[id(evidence)] = await evidence.corpus.fetch(docs)
    hits = []
    for evidence, place in chosen:
        row = rows[id(evidence)].get(int(evidence.view.ids[place]))
        if row is not None:
            ranks = _ranks(found, evidence, place) if query.explain else (None, None)
            hits.append(hit_of(row, evidence.corpus.source, float(evidence.total[place]), *ranks))
    return tuple(hits)


def _ranks(found: Sequence[Evidence], evidence: Evidence, place: int) -> tuple[int | None, int | None]:
    """The ranks of a document by its words and by its vector alone."""
    words = meaning = None
    if evidence.shares[place]:
        words = 1 + sum(int((other.words > evidence.words[place]).sum()) for other in found)
    if evidence.near is not None and evidence.near.has(int(evidence.view.ids[place])):
        near = evidence.meaning[place]
        meaning = 1 + sum(int((other.meaning > near).sum()) for other in found if other.meaning is not None)
    return words, meaning


def _no_places() -> Any:
    return numpy.zeros(0, numpy.int64)
