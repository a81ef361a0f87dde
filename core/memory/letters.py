"""What stands to the letter comes before everything else: as it is, then with another case, then with other accents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from core.memory.scope import Query

if TYPE_CHECKING:
    from core.memory.search import Evidence

LOOKED_AT = 64  # documents with all the words of a query that are compared with it
LISTED = 50_000  # with more, naming them takes longer than reading all texts
CLOSE = 5  # as it stands or with another case, and no part of longer words
TO_THE_LETTER = 1000.0  # more than any other evidence adds up to
Best = Callable[[Any, int], Any]


async def to_the_letter(found: Sequence[Evidence], query: Query, best: Best) -> None:
    """Puts first what holds the query as it stands. Words are enough to say which texts to look at, so that this is done
    while the query is embedded."""
    words = " ".join(query.text.split())
    if query.mode == "vector" or not query.letters or not words:
        return
    for evidence in found:
        holding = await _holding(evidence, words, best)
        places = evidence.view.places(numpy.array(list(holding), numpy.int64))
        evidence.words[places] += [TO_THE_LETTER * holding[doc] for doc in evidence.view.ids[places].tolist()]
        evidence.shares[places] = True


async def _holding(evidence: Evidence, words: str, best: Best) -> dict[int, int]:
    """The documents in which the query stands, and how closely. Those with all of its words are looked at, the best of
    them first, and where that leaves it open the others. All texts are where the query has no word, or is a single one that
    no text has: it may be a part of one."""
    corpus, view = evidence.corpus, evidence.view
    holding: dict[int, int] = {}
    whole: list[int] = []
    if evidence.postings:
        places = numpy.flatnonzero(evidence.whole)
        docs = view.ids[places[best(evidence.words[places] + evidence.other[places], LOOKED_AT)]].tolist()
        holding = await corpus.holding(docs, words)
        alone = not docs and " " not in words
        if (len(docs) < LOOKED_AT and not alone) or any(level >= CLOSE for level in holding.values()):
            return holding
        whole = view.ids[places].tolist() if len(places) <= LISTED else []
    containing = await corpus.containing(evidence.scope, words, LOOKED_AT, whole)
    return holding | await corpus.holding(containing, words)
