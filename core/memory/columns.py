"""What ranking must know of every document, in arrays: loaded when a corpus is first searched, extended by what came
since at each search. Some seventy bytes a document.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
NEVER = 1 << 62  # a step that no journal comes to


class Growing:
    """An array that is appended to. What was given out of it stays as it is."""

    __slots__ = ("_held", "_size")

    def __init__(self, values: Any) -> None:
        self._held, self._size = values, len(values)

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> Any:
        return self._held[: self._size]

    def append(self, values: Any) -> None:
        size = self._size + len(values)
        if size > len(self._held):
            grown = numpy.empty(size + size // 8 + 64, self._held.dtype)
            grown[: self._size] = self.values
            self._held = grown
        self._held[self._size : size] = values
        self._size = size


@dataclass(slots=True, eq=False)
class Columns:
    """One row for each document, by rising id; ids may have gaps."""

    languages: frozenset[int] = frozenset()
    _columns: dict[str, Growing] = field(default_factory=dict)
    _views: dict[Scope, View] = field(default_factory=dict)
    _last_step: int = -1

    def refresh(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Reads the documents that have come since the last time."""
        found = {
            name: numpy.asarray(values) for name, values in connection.execute(QUERY, [self.last]).fetchnumpy().items()
        }
        if not len(found["id"]):
            return
        for name, values in found.items():
            if name in self._columns:
                self._columns[name].append(values)
            else:
                self._columns[name] = Growing(values)
        self.languages |= frozenset(numpy.flatnonzero(numpy.bincount(found["language"])).tolist())
        self._last_step = max(self._last_step, int(found["step"].max()))

    def __len__(self) -> int:
        return len(self._columns["id"]) if self._columns else 0

    @property
    def last(self) -> int:
        """The id of the newest document, -1 where there is none."""
        return int(self._columns["id"].values[-1]) if len(self) else -1

    def rows(self, first: int = 0) -> dict[str, Any]:
        """The columns from a row on."""
        return {name: column.values[first:] for name, column in self._columns.items()}

    def view(self, scope: Scope) -> View:
        """The documents that a search may find. The latest are kept: most searches have the same scope."""
        key = self._lasting(scope)
        found = self._views.pop(key, None)
        found = View.of(self, key) if found is None else found.extended(self, key)
        self._views[key] = found
        while len(self._views) > VIEWS:
            del self._views[next(iter(self._views))]
        return found

    def _lasting(self, scope: Scope) -> Scope:
        """The same scope with a path that stays as it is while its last branch grows, or a source does."""
        path = scope.path
        branches = tuple((branch, NEVER if last >= self._last_step else last) for branch, last in path.branches)
        last = path.last if path.last is not None and path.last < self.last else None
        return replace(scope, path=replace(path, branches=branches, last=last, embedded=None))

    def chosen(self, scope: Scope, first: int) -> Any:
        """The rows from one on that are in scope."""
        rows = self.rows(first)
        mask = rows["kind"] == (KINDS.index(scope.kind) if scope.kind in KINDS else 254)
        if scope.path.branches:
            on_path = numpy.zeros(len(mask), bool)
            for branch, last in scope.path.branches:
                on_path |= (rows["branch"] == branch) & (rows["step"] <= last)
            mask &= on_path
        if scope.path.hidden:
            mask &= ~numpy.isin(rows["id"], sorted(scope.path.hidden))
        if scope.path.last is not None:
            mask &= rows["id"] <= scope.path.last
        if scope.roles:
            mask &= numpy.isin(rows["role"], [ROLES.index(role) for role in scope.roles if role in ROLES])
        if scope.since is not None:
            mask &= rows["moment"] >= scope.since
        if scope.until is not None:
            mask &= rows["moment"] < scope.until
        if scope.among is not None:
            mask &= numpy.isin(rows["id"], sorted(scope.among))
        return first + numpy.flatnonzero(mask)


@dataclass(slots=True)
class Held:
    """What a view is cut from: arrays by place, the place of each document, and how many rows were looked at."""

    first_id: int
    seen: int = 0
    in_order: bool = True  # by rising id, which is also the order in which it was said
    words: int = 0
    last: dict[str, Any] = field(default_factory=dict)  # the last row as it was read
    arrays: dict[str, Growing] = field(default_factory=dict)
    places: Growing = field(default_factory=lambda: Growing(numpy.zeros(0, numpy.int32)))
    standing: Any = field(default_factory=lambda: numpy.zeros(0, numpy.float32))

    def append(self, taken: dict[str, Any], passages: bool) -> None:
        """Puts documents at the next places."""
        conversation, moment = self.with_last("conversation", taken), self.with_last("moment", taken)
        same = (conversation[1:] == conversation[:-1]) & (not passages)
        apart = numpy.cumsum(~(same & (numpy.abs(numpy.diff(moment)) < APART)), dtype=numpy.int32)
        talk = self.arrays["talk"].values[-1:] + apart if self.last else numpy.concatenate([[numpy.int32(0)], apart])
        place, ids = len(self.arrays["id"]) if self.arrays else 0, taken["id"] - self.first_id
        fresh = {**taken, "talk": talk, "asks": (taken["marks"] & ASKS) > 0, "times": taken["marks"] & (ASKS - 1)}
        for name in SHOWN:
            if name in self.arrays:
                self.arrays[name].append(fresh[name])
            else:
                self.arrays[name] = Growing(fresh[name])
        self.last = {name: values[-1:].copy() for name, values in taken.items()}
        self.places.append(numpy.full(max(0, int(ids.max()) + 1 - len(self.places)), -1, numpy.int32))
        self.places.values[ids] = numpy.arange(place, place + len(ids), dtype=numpy.int32)
        self.words += int(taken["length"].sum())

    def with_last(self, name: str, taken: dict[str, Any]) -> Any:
        """What was read for documents, behind that of the last of those before them."""
        return numpy.concatenate([self.last[name], taken[name]]) if self.last else taken[name]

    def goes_on(self, taken: dict[str, Any]) -> bool:
        """Whether documents, after those before them, stand in the order in which they were said."""
        conversation, position = self.with_last("conversation", taken), self.with_last("position", taken)
        return not ((conversation[1:] == conversation[:-1]) & (position[1:] < position[:-1])).any()


SHOWN = ("id", "talk", "moment", "length", "asks", "times")
TAKEN = ("id", "conversation", "position", "moment", "length", "marks")


@dataclass(frozen=True, slots=True)
class View:
    """The documents in scope, each at a place; `talk` is equal where two lie in one stretch of one conversation, so the
    places before and after a message are its neighbours. Passages have none. `words` is how many terms all have
    together. A longer view leaves this one as it is."""

    ids: Any
    talk: Any
    moments: Any
    lengths: Any
    asks: Any
    times: Any
    words: int
    _places: Any
    _held: Held

    @classmethod
    def of(cls, columns: Columns, scope: Scope) -> View:
        chosen = columns.chosen(scope, 0) if len(columns) else numpy.zeros(0, numpy.int64)
        if not len(chosen):
            none = numpy.zeros(0, numpy.int64)
            return cls(none, none, none, none, none > 0, none, 0, none, Held(0, len(columns)))
        rows = columns.rows()
        taken = {name: rows[name][chosen] for name in TAKEN}
        held = Held(int(taken["id"].min()))
        held.in_order = held.goes_on(taken)
        if not held.in_order:
            order = numpy.lexsort((taken["id"], taken["position"], taken["conversation"]))
            taken = {name: values[order] for name, values in taken.items()}
        held.append(taken, scope.kind != "recall")
        return cls._cut(held, len(columns))

    def extended(self, columns: Columns, scope: Scope) -> View:
        """The same with the documents that have come since."""
        held = self._held
        chosen = columns.chosen(scope, held.seen) if held.seen < len(columns) else numpy.zeros(0, numpy.int64)
        if not len(chosen):
            held.seen = len(columns)
            return self
        taken = {name: values[chosen - held.seen] for name, values in columns.rows(held.seen).items() if name in TAKEN}
        if not len(self) or not held.in_order or not held.goes_on(taken):
            return View.of(columns, scope)
        held.append(taken, scope.kind != "recall")
        return self._cut(held, len(columns))

    @classmethod
    def _cut(cls, held: Held, seen: int) -> View:
        held.seen = seen
        ids, talk, moments, lengths, asks, times = (held.arrays[name].values for name in SHOWN)
        return cls(ids, talk, moments, lengths, asks, times, held.words, held.places.values, held)

    def __len__(self) -> int:
        return len(self.ids)

    def standing(self, made: Callable[[Any, Any], Any]) -> Any:
        """What is made of the lengths and of who asks, the same for every search, and kept."""
        held = self._held.standing
        if len(held) < len(self):
            fresh = made(self.lengths[len(held) :], self.asks[len(held) :])
            held = self._held.standing = numpy.concatenate([held, fresh])
        return held[: len(self)]

    def places(self, docs: Any) -> Any:
        """The places of documents; those out of scope are left out."""
        offsets = docs - self._held.first_id
        found = self._places[offsets[(offsets >= 0) & (offsets < len(self._places))]]
        return found[found >= 0]

    def by_place(self, values: Any, missing: float) -> Any:
        """Values that are given by document id, in the order of places."""
        if not len(self):
            return numpy.zeros(0, numpy.float32)
        first, last = int(self.ids[0]), int(self.ids[-1])
        if self._held.in_order and last < len(values):
            return values[first : last + 1] if last - first == len(self) - 1 else values[self.ids]
        found = numpy.full(len(self), missing, numpy.float32)
        held = self.ids < len(values)
        found[held] = values[self.ids[held]]
        return found
