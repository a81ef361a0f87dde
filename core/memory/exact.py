"""Makes the best of packed scores exact: whatever may be among the results, its errors being what they are, is scored
again from its row as it is, so that a smaller matrix changes no result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from core.memory.search import Evidence

GROUP = 256  # scores of which only the highest is looked at
MOST = 512  # documents that are scored again; beyond, nobody can tell them apart


async def certified(found: Sequence[Evidence], wanted: int, weight: float, shares: Sequence[tuple[int, float]]) -> None:
    """Corrects the totals of all documents that can be among the `wanted` best.

    `weight` is that of a document's nearness in its total, `shares` those of its neighbours' nearness. A total is wrong
    by at most the error of a cosine times these, in deviations, and errors of several add up by their squares, being
    independent (core/memory/matrix.py); what is further below the last of the best cannot be one of them.
    """
    for evidence in found:
        if evidence.near is None or not evidence.near.error or not len(evidence.view):
            continue
        reach = math.sqrt(1 + sum(share**2 for _, share in shares))
        margin = 2 * weight * evidence.near.error * reach / evidence.deviation
        places = numpy.flatnonzero(evidence.total >= least(evidence.total, wanted) - margin)
        if len(places) > MOST:
            places = places[numpy.argpartition(-evidence.total[places], MOST - 1)[:MOST]]
        await _correct(evidence, places, weight, shares)


def least(scores: Any, count: int) -> Any:
    """The lowest of the `count` highest scores. Where there are many, only those are sorted that the highest of small
    groups leave over."""
    count = min(count, len(scores))
    groups = scores[: len(scores) // GROUP * GROUP].reshape(-1, GROUP).max(1)
    if count * 4 < len(groups):
        scores = scores[scores >= numpy.partition(groups, -count)[-count]]
    return numpy.partition(scores, -count)[-count]


async def _correct(evidence: Evidence, places: Any, weight: float, shares: Sequence[tuple[int, float]]) -> None:
    view, near = evidence.view, evidence.near
    assert near is not None
    around = {int(place): [(int(place), 1.0)] for place in places}
    for distance, share in shares:
        for place, pairs in around.items():
            other = place - distance
            if 0 <= other < len(view) and view.talk[other] == view.talk[place]:
                pairs.append((other, share))
    docs = sorted({doc for pairs in around.values() for other, _ in pairs if near.has(doc := int(view.ids[other]))})
    exact = await evidence.corpus.cosines(docs, near.query)
    lost = {doc: cosine - float(near.cosines[doc]) for doc, cosine in exact.items()}
    for place, pairs in around.items():
        change = (
            sum(share * lost.get(int(view.ids[other]), 0.0) for other, share in pairs) * weight / evidence.deviation
        )
        evidence.total[place] += change
        evidence.meaning[place] += change / weight
