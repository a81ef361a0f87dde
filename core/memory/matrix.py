"""The vectors of one corpus in memory, in blocks that are never copied.

Up to `PACK_ABOVE` rows they are float32 and inner products are exact. Above, a query is multiplied with rows as bytes with
a scale: a quarter of the size, and half the time where the processor multiplies bytes. Every score then comes with a bound
on its error, so that whoever asked can have the best of them exact, from the rows as they are: these are kept up to `KEEP`
of them, beyond they are those in the file. A query is taken by all cores, each a block at a time, so that one that is busy
elsewhere holds up nobody.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy

BLOCK = 16_384  # rows that one core takes at a time
PACK_ABOVE = 50_000  # rows; with fewer, making the best exact takes longer than bytes save
KEEP = 200_000  # rows; both take 390 MB there, and a million as bytes no more
NONE = numpy.float32(-2.0)  # less than any cosine: the document has no vector
CERTAIN = 8.0  # deviations
COLUMNS = 8  # the narrowest right-hand side that byte products take
Array = Any


@dataclass(slots=True)
class Block:
    """Up to BLOCK rows of one corpus: as they are, as bytes with `scales`, or both; `running` says that their documents are
    numbered without a gap, each with one row."""

    docs: Array
    rows: Array = None
    bytes: Array = None
    scales: Array = None
    filled: int = 0
    running: bool = True

    @classmethod
    def empty(cls, width: int, kept: bool, packed: bool) -> Block:
        found = cls(numpy.empty(BLOCK, numpy.int32))
        if kept:
            found.rows = numpy.empty((BLOCK, width), numpy.float32)
        if packed:
            found.make_bytes(width)
        return found

    def make_bytes(self, width: int) -> None:
        self.bytes, self.scales = numpy.empty((BLOCK, width), numpy.int8), numpy.empty(BLOCK, numpy.float32)
        if self.filled:
            self.bytes[: self.filled], self.scales[: self.filled] = packed(self.rows[: self.filled])

    def put(self, docs: Array, vectors: Array) -> None:
        end = self.filled + len(docs)
        self.docs[self.filled : end] = docs
        if self.rows is not None:
            self.rows[self.filled : end] = vectors
        if self.bytes is not None:
            self.bytes[self.filled : end], self.scales[self.filled : end] = packed(vectors)
        fresh = self.docs[max(0, self.filled - 1) : end]
        self.running = self.running and bool((numpy.diff(fresh) == 1).all())
        self.filled = end

    def into(self, found: Array, scores: Array) -> None:
        """Puts the scores of rows where their documents are; of a document in several pieces the best one counts."""
        docs = self.docs[: len(scores)]
        if self.running:
            part = found[docs[0] : docs[-1] + 1]
            numpy.maximum(part, scores, out=part)
        else:
            numpy.maximum.at(found, docs, scores)

    def places(self, docs: Array) -> Array:
        """The rows of some documents, given by rising number."""
        held = self.docs[: self.filled]
        if not self.running:
            return numpy.flatnonzero(numpy.isin(held, docs))
        first, last = numpy.searchsorted(docs, (held[0], held[-1] + 1))
        return docs[first:last] - held[0]


def packed(vectors: Array) -> tuple[Array, Array]:
    """Rows as bytes, and the step between two bytes of each."""
    scales = (numpy.abs(vectors).max(1) / 127).clip(1e-9).astype(numpy.float32)
    return numpy.rint(vectors / scales[:, None]).astype(numpy.int8), scales


class Matrix:
    """Rows are appended; scores are given for every document at once, by its number."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._rows = 0
        self._top = -1
        self._kept, self._packed = True, False

    def add(self, docs: Array, vectors: Array) -> None:
        self._rows += len(docs)
        self._top = max(self._top, int(docs.max(initial=-1)))
        if self._rows > PACK_ABOVE and not self._packed:
            self._packed = True
            for block in self._blocks:
                block.make_bytes(vectors.shape[1])
        if self._rows > KEEP and self._kept:
            self._kept = False
            for block in self._blocks:
                block.rows = None
        while len(docs):
            if not self._blocks or self._blocks[-1].filled == BLOCK:
                self._blocks.append(Block.empty(vectors.shape[1], self._kept, self._packed))
            taken = min(BLOCK - self._blocks[-1].filled, len(docs))
            self._blocks[-1].put(docs[:taken], vectors[:taken])
            docs, vectors = docs[taken:], vectors[taken:]

    def exact(self, docs: Array, vector: Array) -> Array:
        """The cosines of some documents, given by rising number, from their rows as they are; NONE without those."""
        found = numpy.full(len(docs), NONE, numpy.float32)
        for block in self._blocks:
            if block.rows is not None:
                places = block.places(docs)
                numpy.maximum.at(found, numpy.searchsorted(docs, block.docs[places]), block.rows[places] @ vector)
        return found

    def _step(self) -> float:
        """The largest step between two bytes."""
        return max((float(block.scales[: block.filled].max()) for block in self._blocks), default=0.0)

    def scores(self, vector: Array) -> tuple[Array, float]:
        """The cosine of every document up to the highest that has a vector, NONE where one has none; and the most by
        which a score may be wrong.

        What rounding takes off a component is spread evenly over a step, and that of one says nothing about another's; of
        their sum, weighted by a query of length 1, the deviation is a step by the root of 12, and it is beyond eight of
        these once in 10^13 rows. Two rows' errors are as independent.
        """
        found = numpy.full(self._top + 1, NONE, numpy.float32)
        query = Packed.of(vector)
        made = _cores().map(lambda block: _scores(block, vector, query), self._blocks)
        for block, scores in zip(self._blocks, made, strict=True):
            block.into(found, scores)
        return found, CERTAIN * self._step() / math.sqrt(12) + query.lost if self._packed else 0.0


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


def _scores(block: Block, vector: Array, query: Packed) -> Array:
    import torch

    if block.bytes is None:
        return torch.mv(torch.from_numpy(block.rows[: block.filled]), torch.from_numpy(vector)).numpy()
    products = torch._int_mm(torch.from_numpy(block.bytes[: block.filled]), query.columns).numpy()
    return (products[:, 0] * query.scales[0] + products[:, 1] * query.scales[1]) * block.scales[: block.filled]


@cache
def _cores() -> ThreadPoolExecutor:
    import torch

    return ThreadPoolExecutor(os.cpu_count() or 1, "scores", torch.set_num_threads, (1,))
