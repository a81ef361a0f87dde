"""The vectors of one corpus in memory, in blocks that are never copied.

Up to `PACK_ABOVE` rows they are float32 and inner products are exact. Above, rows are kept as bytes with a scale, a
quarter of the size and faster where the processor multiplies bytes; every score then comes with a bound on its error, so
that whoever asked can make the best of them exact from the rows that are stored. A query is taken by all cores, each a
part of the rows at a time, so that one that is busy elsewhere holds up nobody.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy

BLOCK = 65_536  # rows; memory that no row has touched yet costs nothing
PART = 16_384  # rows that one core takes at a time
PACK_ABOVE = 300_000  # rows; there float32 would take half a gigabyte
NONE = numpy.float32(-2.0)  # less than any cosine: the document has no vector
CERTAIN = 8.0  # deviations
COLUMNS = 8  # the narrowest right-hand side that byte products take
Array = Any


@dataclass(slots=True)
class Block:
    """Up to BLOCK rows of one corpus, as they are or packed into bytes; `running` says that their documents are
    numbered without a gap, each with one row."""

    docs: Array
    rows: Array
    filled: int = 0
    running: bool = True
    scales: Array = None

    @classmethod
    def empty(cls, width: int) -> Block:
        return cls(numpy.empty(BLOCK, numpy.int32), numpy.empty((BLOCK, width), numpy.float32))

    def put(self, docs: Array, vectors: Array) -> None:
        end = self.filled + len(docs)
        self.docs[self.filled : end] = docs
        self.rows[self.filled : end] = vectors
        fresh = self.docs[max(0, self.filled - 1) : end]
        self.running = self.running and bool((numpy.diff(fresh) == 1).all())
        self.filled = end

    def into(self, found: Array, first: int, scores: Array) -> None:
        """Puts the scores of rows where their documents are; of a document in several pieces the best one counts."""
        docs = self.docs[first : first + len(scores)]
        if self.running:
            part = found[docs[0] : docs[-1] + 1]
            numpy.maximum(part, scores, out=part)
        else:
            numpy.maximum.at(found, docs, scores)

    def pack(self) -> float:
        """Turns the rows of a full block into bytes; the largest step between two bytes."""
        small = numpy.empty(self.rows.shape, numpy.int8)
        self.scales = (numpy.abs(self.rows).max(1) / 127).clip(1e-9).astype(numpy.float32)
        for first in range(0, len(small), PART):
            part = slice(first, first + PART)
            small[part] = numpy.rint(self.rows[part] / self.scales[part, None])
        self.rows = small
        return float(self.scales.max())


class Matrix:
    """Rows are appended; scores are given for every document at once, by its number."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._rows = 0
        self._top = -1
        self._step = 0.0

    def add(self, docs: Array, vectors: Array) -> None:
        while len(docs):
            if not self._blocks or self._blocks[-1].filled == BLOCK:
                self._blocks.append(Block.empty(vectors.shape[1]))
            taken = min(BLOCK - self._blocks[-1].filled, len(docs))
            self._blocks[-1].put(docs[:taken], vectors[:taken])
            self._rows += taken
            self._top = max(self._top, int(docs[:taken].max()))
            docs, vectors = docs[taken:], vectors[taken:]
        if self._rows > PACK_ABOVE:
            for block in self._blocks:
                if block.scales is None and block.filled == BLOCK:
                    self._step = max(self._step, block.pack())

    def scores(self, vector: Array) -> tuple[Array, float]:
        """The cosine of every document up to the highest that has a vector, NONE where one has none; and the most by
        which a score may be wrong.

        What rounding takes off a component is spread evenly over a step, and that of one says nothing about another's; of
        their sum, weighted by a query of length 1, the deviation is a step by the root of 12, and it is beyond eight of
        these once in 10^13 rows. Two rows' errors are as independent.
        """
        found = numpy.full(self._top + 1, NONE, numpy.float32)
        query = Packed.of(vector)
        parts = [(block, first) for block in self._blocks for first in range(0, block.filled, PART)]
        made = _cores().map(lambda part: _scores(part[0], part[1], vector, query), parts)
        for (block, first), scores in zip(parts, made, strict=True):
            block.into(found, first, scores)
        return found, CERTAIN * self._step / math.sqrt(12) + query.lost if self._step else 0.0


@dataclass(frozen=True, slots=True)
class Packed:
    """A query as bytes: two columns of them, the second what the first takes off, so that nearly nothing is lost."""

    columns: Any
    scales: tuple[Any, Any]
    lost: float

    @classmethod
    def of(cls, vector: Array) -> Packed:
        import torch

        columns, scales, rest = torch.zeros((len(vector), COLUMNS), dtype=torch.int8), [], vector
        for place in range(2):
            scale = numpy.float32(float(numpy.abs(rest).max() / 127) or 1e-9)
            small = numpy.rint(rest / scale)
            columns[:, place] = torch.from_numpy(small.astype(numpy.int8))
            scales.append(scale)
            rest = rest - small * scale
        return cls(columns, (scales[0], scales[1]), 1.01 * float(numpy.linalg.norm(rest)) + 1e-6)


def _scores(block: Block, first: int, vector: Array, query: Packed) -> Array:
    import torch

    part = slice(first, min(first + PART, block.filled))
    rows = torch.from_numpy(block.rows[part])
    if block.scales is None:
        return torch.mv(rows, torch.from_numpy(vector)).numpy()
    products = torch._int_mm(rows, query.columns).numpy()
    return (products[:, 0] * query.scales[0] + products[:, 1] * query.scales[1]) * block.scales[part]


@cache
def _cores() -> ThreadPoolExecutor:
    import torch

    return ThreadPoolExecutor(os.cpu_count() or 1, "scores", torch.set_num_threads, (1,))
