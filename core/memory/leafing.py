"""Looking through what is stored without a query: the newest first, and what stands around a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.memory.corpus import FETCHED, Corpus, Row
from core.memory.scope import Scope

if TYPE_CHECKING:
    import duckdb


async def newest(corpus: Corpus, scope: Scope, limit: int, offset: int) -> tuple[list[Row], int]:
    """A page of documents, the newest first, and how many there are in all."""
    where, values = scope.sql()

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[list[Row], int]:
        counted = connection.execute(f"SELECT count(*) FROM doc d WHERE {where}", values).fetchone()
        ids = f"SELECT d.id FROM doc d WHERE {where} ORDER BY d.moment DESC, d.id DESC LIMIT ? OFFSET ?"
        query = f"""SELECT {FETCHED} FROM doc d JOIN text t ON t.id = d.text WHERE d.id IN ({ids})
                    ORDER BY d.moment DESC, d.id DESC"""
        rows = connection.execute(query, [*values, limit, offset]).fetchall()
        return [Row(*row) for row in rows], counted[0] if counted else 0

    return await corpus.database.read(work)


async def around(corpus: Corpus, scope: Scope, key: str, count: int) -> list[Row]:
    """A document with up to `count` before and as many after it in its conversation or file, in their order there; none
    where there is no such document."""
    where, values = scope.sql()

    def work(connection: duckdb.DuckDBPyConnection) -> list[Row]:
        found = connection.execute(
            f"SELECT d.conversation, d.file, d.position, d.id FROM doc d WHERE d.key = ? AND {where} ORDER BY d.id DESC",
            [key, *values],
        ).fetchone()
        if found is None:
            return []
        conversation, file, position, number = found
        rows = []
        for sign, order in (("<=", "DESC"), (">", "ASC")):
            query = f"""SELECT {FETCHED} FROM doc d JOIN text t ON t.id = d.text
                        WHERE d.conversation = ? AND d.file = ? AND (d.position, d.id) {sign} (?, ?) AND {where}
                        ORDER BY d.position {order}, d.id {order} LIMIT ?"""
            more = count + 1 if sign == "<=" else count
            part: list[tuple[Any, ...]] = connection.execute(
                query, [conversation, file, position, number, *values, more]
            ).fetchall()
            rows += part[::-1] if sign == "<=" else part
        return [Row(*row) for row in rows]

    return await corpus.database.read(work)
