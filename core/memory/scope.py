"""What is asked of a search, and what of a corpus it may find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SAID = ("user", "assistant")  # what recall finds unless other roles are asked for


@dataclass(frozen=True, slots=True)
class Path:
    """The part of the journal that is searched: (branch, last step) pairs, none of them for all; `hidden` are
    documents that were taken back."""

    branches: tuple[tuple[int, int], ...]
    hidden: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `mode` is `hybrid`, `vector` or `text`; times are UTC microseconds, `until` excluded; `wait_s` is how
    long the query's vector may keep it waiting."""

    text: str
    kind: str
    mode: str = "hybrid"
    limit: int = 10
    offset: int = 0
    since: int | None = None
    until: int | None = None
    roles: tuple[str, ...] = ()
    wait_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Scope:
    """The filters of a query, for SQL and for the matrix."""

    kind: str
    path: Path
    roles: tuple[str, ...]
    since: int | None
    until: int | None

    @classmethod
    def of(cls, query: Query, path: Path) -> Scope:
        roles = query.roles or (SAID if query.kind == "recall" else ())
        return cls(query.kind, path, roles, query.since, query.until)

    def sql(self) -> tuple[str, list[Any]]:
        """A condition on table `doc` (as `d`) and its values."""
        parts: list[str] = ["d.kind = ?"]
        values: list[Any] = [self.kind]
        if self.path.branches:
            pairs = (f"(d.branch = {branch} AND d.step <= {last})" for branch, last in self.path.branches)
            parts.append(f"({' OR '.join(pairs)})")
        if self.path.hidden:
            parts.append(f"d.id NOT IN ({','.join(map(str, sorted(self.path.hidden)))})")
        if self.roles:
            parts.append(f"d.role IN ({','.join('?' * len(self.roles))})")
            values += self.roles
        for condition, moment in (("d.moment >= ?", self.since), ("d.moment < ?", self.until)):
            if moment is not None:
                parts.append(condition)
                values.append(moment)
        return " AND ".join(parts), values

    def where(self) -> dict[str, Any]:
        """The same for the matrix."""
        return {
            "kind": self.kind,
            "path": [list(pair) for pair in self.path.branches],
            "hidden": sorted(self.path.hidden),
            "roles": list(self.roles),
            "since": self.since,
            "until": self.until,
        }
