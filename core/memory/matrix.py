"""The vectors of one corpus in memory: exact inner products over float32 rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

FIELDS = ("doc", "branch", "step", "kind", "role", "at")


class Matrix:
    """Rows are appended in chunks and joined when they are searched; columns beside them say which may be found."""

    def __init__(self) -> None:
        self._vectors: list[Any] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in FIELDS}

    def add(self, rows: Sequence[Sequence[Any]], vectors: Any) -> None:
        self._vectors.append(vectors)
        for name, values in zip(FIELDS, zip(*rows, strict=True), strict=True):
            self._columns[name].append(numpy.array(values))

    def nearest(self, vector: Any, count: int, where: Mapping[str, Any]) -> tuple[list[int], list[float]]:
        """The best `count` documents, each once with its best piece."""
        self._join()
        scores = self._vectors[0] @ vector
        scores = numpy.where(self._mask(where), scores, -2.0)
        docs = self._columns["doc"][0]
        best: dict[int, float] = {}
        wanted = min(len(scores), count * 3)
        order = numpy.argpartition(-scores, wanted - 1)[:wanted]
        for place in order[numpy.argsort(-scores[order], kind="stable")]:
            if scores[place] > -2.0 and len(best) < count:
                best.setdefault(int(docs[place]), float(scores[place]))
        return list(best), list(best.values())

    def _join(self) -> None:
        if len(self._vectors) > 1:
            self._vectors = [numpy.concatenate(self._vectors)]
            self._columns = {name: [numpy.concatenate(parts)] for name, parts in self._columns.items()}

    def _mask(self, where: Mapping[str, Any]) -> Any:
        column = {name: parts[0] for name, parts in self._columns.items()}
        mask = numpy.ones(len(column["doc"]), bool)
        if path := where.get("path"):
            on_path = numpy.zeros(len(mask), bool)
            for branch, last in path:
                on_path |= (column["branch"] == branch) & (column["step"] <= last)
            mask &= on_path
        if where.get("kind"):
            mask &= column["kind"] == where["kind"]
        if where.get("roles"):
            mask &= numpy.isin(column["role"], where["roles"])
        if where.get("since") is not None:
            mask &= column["at"] >= where["since"]
        if where.get("until") is not None:
            mask &= column["at"] < where["until"]
        if where.get("hidden"):
            mask &= ~numpy.isin(column["doc"], where["hidden"])
        return mask
