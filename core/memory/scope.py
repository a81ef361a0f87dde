"""What is asked of a search, and what of a corpus it may find."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

BY_WORDS = -1  # as far as vectors count where none do
SAID = ("user", "assistant")  # what recall finds unless other roles are asked for


@dataclass(frozen=True, slots=True)
class Path:
    """The part of the journal that is searched: (branch, last step) pairs, none of them for all; `hidden` are
    documents that were taken back, `last` is the newest that may be found. `embedded` is the number of the document from
    which on vectors do not count, BY_WORDS where none do; all do where it is None."""

    branches: tuple[tuple[int, int], ...]
    hidden: frozenset[int] = frozenset()
    last: int | None = None
    embedded: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One search. `mode` is `hybrid`, `vector` or `text`; times are UTC microseconds, `until` excluded; `wait_s` is how
    long the query's vector may keep it waiting. `sources` are names of attached sources, `tags` all that a passage must
    have; `letters` puts first what holds the text to the letter, and `explain` asks for the ranks by words and by vector
    of every hit."""

    text: str
    kind: str
    mode: str = "hybrid"
    limit: int = 10
    offset: int = 0
    since: int | None = None
    until: int | None = None
    roles: tuple[str, ...] = ()
    wait_s: float = 20.0
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    letters: bool = True
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """The filters of a query; `among` are the only documents that may be found, where that is said."""

    kind: str
    path: Path
    roles: tuple[str, ...]
    since: int | None
    until: int | None
    among: frozenset[int] | None = None

    @classmethod
    def of(cls, query: Query, path: Path) -> Scope:
        roles = query.roles or (SAID if query.kind == "recall" else ())
        return cls(query.kind, path, roles, query.since, query.until)

    def only(self, documents: frozenset[int]) -> Scope:
        return replace(self, among=documents)

    def sql(self) -> tuple[str, list[Any]]:
        """A condition on table `doc` (as `d`) and its values."""
        parts: list[str] = ["d.kind = ?"]
        values: list[Any] = [self.kind]
        if self.path.branches:
            pairs = (f"(d.branch = {branch} AND d.step <= {last})" for branch, last in self.path.branches)
            parts.append(f"({' OR '.join(pairs)})")
        if self.path.hidden:
            parts.append(f"d.id NOT IN ({','.join(map(str, sorted(self.path.hidden)))})")
        if self.path.last is not None:
            parts.append(f"d.id <= {self.path.last}")
        if self.roles:
            parts.append(f"d.role IN ({','.join('?' * len(self.roles))})")
            values += self.roles
        for condition, moment in (("d.moment >= ?", self.since), ("d.moment < ?", self.until)):
            if moment is not None:
                parts.append(condition)
                values.append(moment)
        if self.among is not None:
            parts.append(f"d.id IN ({','.join(map(str, sorted(self.among))) or 'NULL'})")
        return " AND ".join(parts), values
