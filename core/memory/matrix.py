"""The vectors of one corpus in memory, in blocks that are never copied.

Up to `PACK_ABOVE` rows they are float32 and inner products are exact. Above, rows are kept as bytes with a scale, a
quarter of the size and faster where the processor multiplies bytes; every score then comes with a bound on its error, so
that whoever asked can make the best of them exact from the rows that are stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

BLOCK = 65_536  # rows; memory that no row has touched yet costs nothing
PACK_ABOVE = 300_000  # rows; there float32 would take half a gigabyte
NONE = numpy.float32(-2.0)  # less than any cosine: the document has no vector
COLUMNS = 8  # the narrowest right-hand side that byte products take
Array = Any


@dataclass(slots=True)
class Block:
    """Up to BLOCK rows of one corpus, as they are or packed into bytes."""

    docs: Array
    rows: Array
    filled: int = 0
    scales: Array = None
    packed: Any = None

    @classmethod
    def empty(cls, width: int) -> Block:
        return cls(numpy.empty(BLOCK, numpy.int32), numpy.empty((BLOCK, width), numpy.float32))

    def scores(self, vector: Array) -> Array:
        if self.packed is None:
            return self.rows[: self.filled] @ vector
        return self.packed(vector) * self.scales

    def into(self, found: Array, scores: Array) -> None:
        """Puts scores where their documents are; of a document in several pieces the best one counts."""
        docs = self.docs[: self.filled]
        if len(docs) and docs[-1] - docs[0] == len(docs) - 1 and (len(docs) < 2 or (numpy.diff(docs) == 1).all()):
            part = found[docs[0] : docs[-1] + 1]
            numpy.maximum(part, scores, out=part)
        else:
            numpy.maximum.at(found, docs, scores)

    def pack(self) -> float:
        """Turns the rows into bytes; the largest length of what that takes off a row."""
        rows = self.rows[: self.filled]
        scales = (numpy.abs(rows).max(1) / 127).clip(1e-9).astype(numpy.float32)
        small = numpy.rint(rows / scales[:, None]).astype(numpy.int8)
        lost = float(numpy.sqrt(((rows - small * scales[:, None]) ** 2).sum(1)).max()) if len(rows) else 0.0
        self.rows, self.scales, self.packed = None, scales, _byte_product(small)
        return lost


class Matrix:
    """Rows are appended; scores are given for every document at once, by its number."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._rows = 0
        self._top = -1
        self._lost = 0.0

    def add(self, docs: Array, vectors: Array) -> None:
        while len(docs):
            if not self._blocks or self._blocks[-1].filled == BLOCK:
                self._blocks.append(Block.empty(vectors.shape[1]))
            block = self._blocks[-1]
            taken = min(BLOCK - block.filled, len(docs))
            block.docs[block.filled : block.filled + taken] = docs[:taken]
            block.rows[block.filled : block.filled + taken] = vectors[:taken]
            block.filled += taken
            self._rows += taken
            self._top = max(self._top, int(docs[:taken].max()))
            docs, vectors = docs[taken:], vectors[taken:]
        if self._rows > PACK_ABOVE:
            for block in self._blocks:
                if block.packed is None and block.filled == BLOCK:
                    self._lost = max(self._lost, block.pack())

    def scores(self, vector: Array) -> tuple[Array, float]:
        """The cosine of every document up to the highest that has a vector, NONE where one has none; and the most by
        which a score may be wrong."""
        found = numpy.full(self._top + 1, NONE, numpy.float32)
        for block in self._blocks:
            block.into(found, block.scores(vector))
        if not self._lost:
            return found, 0.0
        small, scale = _packed_query(vector)
        return found, self._lost + 1.01 * float(numpy.linalg.norm(vector - small * scale))


def _packed_query(vector: Array) -> tuple[Array, float]:
    scale = float(numpy.abs(vector).max() / 127) or 1e-9
    return numpy.rint(vector / scale).astype(numpy.int8), scale


def _byte_product(rows: Array) -> Any:
    """What multiplies a query with rows of bytes. Both sides are bytes, so that the processor's own instructions for
    such products are used."""
    import torch

    held = torch.from_numpy(rows)

    def product(vector: Array) -> Array:
        small, scale = _packed_query(vector)
        right = torch.zeros((len(small), COLUMNS), dtype=torch.int8)
        right[:, 0] = torch.from_numpy(small)
        return torch._int_mm(held, right)[:, 0].numpy().astype(numpy.float32) * numpy.float32(scale)

    return product
