"""What ranking must know of every document, in arrays: loaded when a corpus is first searched, extended by what came
since at each search. Some forty bytes a document.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy

from core.memory.documents import ASKS
from core.memory.scope import Scope

if TYPE_CHECKING:
    import duckdb

ROLES = ("user", "assistant", "inner_monologue", "passage")
KINDS = ("recall", "archival")
VIEWS = 4
APART = 3 * 3600 * 1_000_000  # microseconds of silence after which what is said no longer belongs to what was before
QUERY = f"""
SELECT id, CASE kind {" ".join(f"WHEN '{kind}' THEN {n}" for n, kind in enumerate(KINDS))} ELSE 255 END::UTINYINT AS kind,
       CASE role {" ".join(f"WHEN '{role}' THEN {n}" for n, role in enumerate(ROLES))} ELSE 255 END::UTINYINT AS role,
       branch, step, moment, (hash(conversation) >> 1)::BIGINT AS conversation, position, length, marks, language
FROM doc WHERE id > ? ORDER BY id
"""


@dataclass(slots=True)
class Columns:
    """One row for each document, by rising id; ids may have gaps."""

    rows: dict[str, Any] = field(default_factory=dict)
    _views: dict[Scope, View] = field(default_factory=dict)

    def refresh(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Reads the documents that have come since the last time."""
        found = connection.execute(QUERY, [int(self.ids[-1]) if len(self) else -1]).fetchnumpy()
        if not len(found["id"]):
            return
        fresh = {name: numpy.asarray(values) for name, values in found.items()}
        rows = {name: numpy.concatenate([self.rows[name], fresh[name]]) if self.rows else fresh[name] for name in fresh}
        self.rows, self._views = rows, {}

    def __len__(self) -> int:
        return len(self.rows["id"]) if self.rows else 0

    @property
    def ids(self) -> Any:
        return self.rows["id"]

    def languages(self) -> frozenset[int]:
        return frozenset(numpy.unique(self.rows["language"]).tolist()) if len(self) else frozenset()

    def view(self, scope: Scope) -> View:
        """The documents that a search may find. The latest are kept: most searches have the same scope."""
        found = self._views.get(scope)
        if found is None:
            found = View.of(self, scope)
            self._views = dict([*list(self._views.items())[1 - VIEWS :], (scope, found)])
        return found

    def mask(self, scope: Scope) -> Any:
        rows = self.rows
        mask = rows["kind"] == (KINDS.index(scope.kind) if scope.kind in KINDS else 254)
        if scope.path.branches:
            on_path = numpy.zeros(len(mask), bool)
            for branch, last in scope.path.branches:
                on_path |= (rows["branch"] == branch) & (rows["step"] <= last)
            mask &= on_path
        if scope.path.hidden:
            mask &= ~numpy.isin(rows["id"], sorted(scope.path.hidden))
        if scope.roles:
            mask &= numpy.isin(rows["role"], [ROLES.index(role) for role in scope.roles if role in ROLES])
        if scope.since is not None:
            mask &= rows["moment"] >= scope.since
        if scope.until is not None:
            mask &= rows["moment"] < scope.until
        if scope.among is not None:
            mask &= numpy.isin(rows["id"], sorted(scope.among))
        return mask


@dataclass(frozen=True, slots=True)
class View:
    """The documents in scope, each at a place; `talk` is equal where two lie in one stretch of one conversation, so the
    places before and after a message are its neighbours. Passages have none."""

    ids: Any
    talk: Any
    moments: Any
    lengths: Any
    asks: Any
    times: Any
    first_id: int
    _places: Any

    @classmethod
    def of(cls, columns: Columns, scope: Scope) -> View:
        if not len(columns):
            none = numpy.zeros(0, numpy.int64)
            return cls(none, none, none, none, none, none, 0, none)
        rows = columns.rows
        chosen = numpy.flatnonzero(columns.mask(scope))
        taken = {name: rows[name][chosen] for name in ("id", "conversation", "position", "moment", "length", "marks")}
        same = taken["conversation"][1:] == taken["conversation"][:-1]
        if (same & (taken["position"][1:] < taken["position"][:-1])).any():  # not in the order in which it was said
            order = numpy.lexsort((taken["id"], taken["position"], taken["conversation"]))
            taken = {name: values[order] for name, values in taken.items()}
            same = taken["conversation"][1:] == taken["conversation"][:-1]
        apart = ~(same & (numpy.abs(numpy.diff(taken["moment"])) < APART))
        if scope.kind != "recall":
            apart[:] = True
        talk = numpy.concatenate([numpy.zeros(1, numpy.int32), numpy.cumsum(apart, dtype=numpy.int32)])[: len(chosen)]
        first = int(rows["id"][0])
        places = numpy.full(int(rows["id"][-1]) - first + 1, -1, numpy.int32)
        places[taken["id"] - first] = numpy.arange(len(chosen), dtype=numpy.int32)
        asks, times = (taken["marks"] & ASKS) > 0, (taken["marks"] & (ASKS - 1)).astype(numpy.float32)
        return cls(
            taken["id"], talk, taken["moment"], taken["length"].astype(numpy.float32), asks, times, first, places
        )

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, docs: Any) -> Any:
        """The places of documents; those out of scope are left out."""
        offsets = docs - self.first_id
        found = self._places[offsets[(offsets >= 0) & (offsets < len(self._places))]]
        return found[found >= 0]

    def by_place(self, values: Any, missing: float) -> Any:
        """Values that are given by document id, in the order of places."""
        found = numpy.full(len(self), missing, numpy.float32)
        held = self.ids < len(values)
        found[held] = values[self.ids[held]]
        return found
