"""The SQL of the journal. Several rows go in as one statement: each statement costs about as much as forty rows."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.folding import apply
from core.messages import Item, State, Step, Text
from core.store.codec import decode_state, ranges, references

if TYPE_CHECKING:
    import duckdb

Path = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Counters:
    """The last step and item, and the next document and text, that were given an id."""

    step: int
    item: int
    text: int
    doc: int


def counters(connection: duckdb.DuckDBPyConnection) -> Counters:
    query = """SELECT (SELECT coalesce(max(id), 0) FROM step), (SELECT coalesce(max(id), 0) FROM item),
                      (SELECT coalesce(max(id), 0) + 1 FROM text), (SELECT coalesce(max(id), 0) + 1 FROM doc)"""
    found = connection.execute(query).fetchone()
    assert found is not None
    return Counters(*found)


def insert_steps(connection: duckdb.DuckDBPyConnection, steps: Sequence[Step]) -> None:
    values = [(step.id, step.parent, step.branch, step.kind, step.at, _dumps(_stored_body(step))) for step in steps]
    _insert(connection, "step", values)


def insert_texts(connection: duckdb.DuckDBPyConnection, texts: Sequence[tuple[Text, int]]) -> None:
    _insert(connection, "text", [(text.id, step, text.body) for text, step in texts])


def insert_items(connection: duckdb.DuckDBPyConnection, items: Sequence[Item]) -> None:
    values = [(item.id, item.step, item.kind, item.tokens, item.recalled, _dumps(item.sent)) for item in items]
    _insert(connection, "item", values)


def insert_parts(connection: duckdb.DuckDBPyConnection, parts: Mapping[str, tuple[int, str]]) -> None:
    known = connection.execute(f"SELECT hash FROM part WHERE hash IN ({_marks(parts)})", list(parts)).fetchall()
    fresh = set(parts) - {row[0] for row in known}
    _insert(connection, "part", [(key, *parts[key]) for key in sorted(fresh)])


def parts(connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Rendered parts by their hash: tokens and text."""
    found = connection.execute(f"SELECT hash, tokens, body FROM part WHERE hash IN ({_marks(keys)})", list(keys))
    return {row[0]: (row[1], row[2]) for row in found.fetchall()}


def put_present(connection: duckdb.DuckDBPyConnection, step: int, state: str, snapshot: bool) -> None:
    updated = connection.execute("UPDATE present SET step = ?, state = ?", [step, state]).fetchone()
    if updated == (0,):
        connection.execute("INSERT INTO present VALUES (?, ?)", [step, state])
    if snapshot:
        connection.execute("INSERT INTO snapshot VALUES (?, ?)", [step, state])


def present(connection: duckdb.DuckDBPyConnection) -> State:
    """The state at the head; an empty one where nothing has been journalled."""
    found = connection.execute("SELECT state FROM present").fetchone()
    return _decoded(connection, found[0]) if found else State()


def state_at(connection: duckdb.DuckDBPyConnection, step: int, snapshots: bool = True) -> State:
    """The state after that step, from the nearest snapshot before it on its path.

    Raises:
        KeyError: there is no such step.
    """
    path = lineage(connection, step)
    found = None
    if snapshots:
        query = f"""SELECT s.step, s.state FROM snapshot s JOIN step t ON t.id = s.step
                    WHERE {within(path, "t.id", "t.branch")} ORDER BY s.step DESC LIMIT 1"""
        found = connection.execute(query).fetchone()
    state = _decoded(connection, found[1]) if found else State()
    for entry in steps(connection, path, found[0] if found else 0, None, (), 1 << 31, items=True):
        state = apply(state, entry)
    return state


def lineage(connection: duckdb.DuckDBPyConnection, step: int) -> Path:
    """The path of the journal tree that ends at that step, as (branch, last step) pairs, oldest first.

    Raises:
        KeyError: there is no such step.
    """
    row = connection.execute("SELECT branch FROM step WHERE id = ?", [step]).fetchone()
    if row is None:
        raise KeyError(step)
    # A branch is never gone on with once another has begun, so that of a step is the newest that began at or before it.
    begun = connection.execute(
        "SELECT min(id), branch, arg_min(parent, id) FROM step GROUP BY branch ORDER BY 1"
    ).fetchall()
    firsts = [entry[0] for entry in begun]
    found: list[tuple[int, int]] = []
    last = step
    while last:
        _, branch, parent = begun[bisect.bisect_right(firsts, last) - 1]
        found.append((branch, last))
        last = parent
    return tuple(reversed(found))


def steps(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    after: int,
    before: int | None,
    kinds: Sequence[str],
    limit: int,
    items: bool = False,
) -> list[Step]:
    """The last `limit` steps on the path between two steps, oldest first."""
    return _with_texts(connection, _found(connection, path, after, before, kinds, limit), items)


def spent(connection: duckdb.DuckDBPyConnection, since: Sequence[int]) -> list[tuple[int, int, int, float | None]]:
    """Prompt, cached and completion tokens and dollars (None where nothing has a price) of all calls of the model after
    each of those steps, on every branch: what was taken back was paid too, and what could not be used."""
    names = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_usd")
    paths = [f"$.told.{name}" for name in names]
    counts = ", ".join(f"coalesce(sum(told[{place}]::BIGINT) FILTER (id > ?), 0)" for place in (1, 2, 3))
    columns = ", ".join([f"{counts}, sum(told[4]::DOUBLE) FILTER (id > ?)"] * len(since))
    values = [step for step in since for _ in names]
    told = f"SELECT id, json_extract_string(body, {paths}) AS told FROM step WHERE kind IN ('reply', 'unused', 'evict')"
    found = connection.execute(f"SELECT {columns} FROM ({told})", values).fetchone()
    assert found is not None
    return [found[place : place + 4] for place in range(0, len(found), 4)]


def last_turn_began(connection: duckdb.DuckDBPyConnection) -> int:
    """The step that began the newest turn on any branch, or 0."""
    found = connection.execute(
        "SELECT coalesce(max(id), 0) FROM step WHERE kind IN ('user', 'event') AND body->>'$.turn' = 'true'"
    ).fetchone()
    assert found is not None
    return int(found[0])


def first_steps(
    connection: duckdb.DuckDBPyConnection, path: Path, after: int, before: int | None, limit: int
) -> list[Step]:
    """The first `limit` steps on the path between two steps, oldest first."""
    return _with_texts(connection, _found(connection, path, after, before, (), limit, oldest=True), False)


def first_at(connection: duckdb.DuckDBPyConnection, path: Path, moment: int) -> int:
    """The first step on the path from a moment on, in UTC microseconds; 0 where there is none."""
    query = (
        f"SELECT min(id) FROM step WHERE {within(path, 'id', 'branch')} AND moment >= ? AND kind IN ('user', 'reply')"
    )
    found = connection.execute(query, [moment]).fetchone()
    return int(found[0]) if found and found[0] is not None else 0


def bare_steps(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    after: int,
    before: int | None,
    kinds: Sequence[str],
    limit: int,
) -> list[Step]:
    """The same without their texts, which is cheap for tens of thousands of them."""
    found = _found(connection, path, after, before, kinds, limit)
    return [Step(row[0], row[1], row[2], row[3], row[4], json.loads(row[5])) for row in found]


def _found(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    after: int,
    before: int | None,
    kinds: Sequence[str],
    limit: int,
    oldest: bool = False,
) -> list[tuple[Any, ...]]:
    """The rows of the last `limit` steps, or of the first, oldest first."""
    where = [within(path, "id", "branch"), "id > ?"]
    values: list[Any] = [after]
    if before is not None:
        where.append("id < ?")
        values.append(before)
    if kinds:
        where.append(f"kind IN ({_marks(kinds)})")
        values += kinds
    query = f"""SELECT id, parent, branch, kind, moment, body FROM step
                WHERE {" AND ".join(where)} ORDER BY id {"" if oldest else "DESC"} LIMIT ?"""
    found = connection.execute(query, [*values, limit]).fetchall()
    return found if oldest else found[::-1]


def _with_texts(connection: duckdb.DuckDBPyConnection, found: Sequence[tuple[Any, ...]], items: bool) -> list[Step]:
    bodies = [json.loads(row[5]) for row in found]
    wanted = {number for body in bodies for number in body.get("texts", {}).values()}
    texts = fetch_texts(connection, wanted)
    by_step: dict[int, list[Item]] = {}
    if items:
        ids = [
            number
            for body in bodies
            for number in range(body.get("items", [1, 0])[0], body.get("items", [1, 0])[1] + 1)
        ]
        fetched = fetch_items(connection, ids)
        for row, body in zip(found, bodies, strict=True):
            first, last = body.get("items", [1, 0])
            by_step[row[0]] = [fetched[number] for number in range(first, last + 1)]
    return [
        Step(
            row[0],
            row[1],
            row[2],
            row[3],
            row[4],
            {name: value for name, value in body.items() if name not in ("texts", "items")},
            {name: texts[number] for name, number in body.get("texts", {}).items()},
            tuple(by_step.get(row[0], ())),
        )
        for row, body in zip(found, bodies, strict=True)
    ]


def _stored_body(step: Step) -> dict[str, Any]:
    body = dict(step.body)
    if step.texts:
        body["texts"] = {name: text.id for name, text in step.texts.items()}
    if step.items:
        body["items"] = [step.items[0].id, step.items[-1].id]
    return body


def fetch_texts(connection: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> dict[int, Text]:
    where = _one_of("id", sorted(set(ids)))
    found = connection.execute(f"SELECT id, body FROM text WHERE {where}").fetchall()
    return {number: Text(number, body) for number, body in found}


def fetch_items(connection: duckdb.DuckDBPyConnection, ids: Iterable[int]) -> dict[int, Item]:
    where = _one_of("id", sorted(set(ids)))
    found = connection.execute(f"SELECT id, step, kind, tokens, recalled, sent FROM item WHERE {where}").fetchall()
    return {row[0]: Item(row[0], row[1], row[2], row[3], json.loads(row[5]), row[4]) for row in found}


def _decoded(connection: duckdb.DuckDBPyConnection, state: str) -> State:
    value = json.loads(state)
    texts, items = references(value)
    return decode_state(value, fetch_texts(connection, texts), fetch_items(connection, items))


def _one_of(column: str, ids: Sequence[int]) -> str:
    """Membership as literal ranges, which zone maps prune."""
    if not ids:
        return "false"
    return "(" + " OR ".join(f"{column} BETWEEN {first} AND {last}" for first, last in ranges(ids)) + ")"


def within(path: Path, step: str = "step", branch: str = "branch") -> str:
    """On the path: two integer comparisons for each branch of it."""
    return "(" + " OR ".join(f"({branch} = {known} AND {step} <= {last})" for known, last in path) + ")"


def _insert(connection: duckdb.DuckDBPyConnection, table: str, values: Sequence[tuple[Any, ...]]) -> None:
    if values:
        row = f"({_marks(values[0])})"
        connection.execute(
            f"INSERT INTO {table} VALUES {','.join([row] * len(values))}",
            [value for entry in values for value in entry],
        )


def _marks(values: Iterable[Any]) -> str:
    return ",".join("?" for _ in values)


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
