"""The SQL of the journal as a tree: what came next on a branch, what went on from a step, where paths part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.store import rows

if TYPE_CHECKING:
    import duckdb

    from core.messages import Step


@dataclass(frozen=True, slots=True)
class Stretch:
    """The steps of one branch, which are without a gap in order of their ids: `parent` is the step before the first."""

    branch: int
    parent: int
    first: int
    last: int


def stretches(connection: duckdb.DuckDBPyConnection) -> list[Stretch]:
    """Every branch of the journal, oldest first."""
    found = connection.execute(
        "SELECT branch, arg_min(parent, id), min(id), max(id) FROM step GROUP BY branch ORDER BY min(id)"
    ).fetchall()
    return [Stretch(*row) for row in found]


def next_on_branch(connection: duckdb.DuckDBPyConnection, step: Step, kinds: Sequence[str]) -> Step | None:
    """The first step of those kinds after that one on its own branch: a reply always lies on the branch of its call."""
    marks = ",".join("?" * len(kinds))
    row = connection.execute(
        f"SELECT min(id) FROM step WHERE branch = ? AND id > ? AND kind IN ({marks})", [step.branch, step.id, *kinds]
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return rows.steps(connection, ((step.branch, row[0]),), row[0] - 1, None, (), 1)[0]


def steps_of(connection: duckdb.DuckDBPyConnection, kinds: Sequence[str]) -> list[Step]:
    """The steps of those kinds anywhere in the journal, also where the present path does not go, oldest first."""
    everywhere = tuple((stretch.branch, stretch.last) for stretch in stretches(connection))
    return rows.steps(connection, everywhere, 0, None, kinds, 1 << 31) if everywhere else []


def tip(all_stretches: Sequence[Stretch], step: int) -> int:
    """The newest step of all that went on from that one."""
    own = holding(all_stretches, step)
    since = {own.branch: step}
    newest = own.last
    for stretch in all_stretches:
        if stretch.first <= own.first:
            continue
        before = holding(all_stretches, stretch.parent)
        if since.get(before.branch, stretch.first) <= stretch.parent:
            since[stretch.branch], newest = stretch.first, stretch.last
    return newest


def holding(all_stretches: Sequence[Stretch], step: int) -> Stretch:
    """The stretch that a step lies on: a branch is never gone on with once another has begun.

    Raises:
        KeyError: there is no such step.
    """
    for stretch in all_stretches:
        if stretch.first <= step <= stretch.last:
            return stretch
    raise KeyError(step)


def parted(one: rows.Path, other: rows.Path) -> int:
    """The last step that two paths have in common; 0 where they have none."""
    common = 0
    for (branch, last), (same, end) in zip(one, other, strict=False):
        if branch != same:
            break
        common = min(last, end)
        if last != end:
            break
    return common
