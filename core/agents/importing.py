"""Conversations of elsewhere, put into recall storage."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.memory import documents
from core.session import Session
from core.sources.jsonl import IMPORTED, read
from core.sources.library import Batch, Loaded, batches
from core.sources.names import shown
from core.sources.progress import Progress, embedding
from core.store.journal import Draft, now

if TYPE_CHECKING:
    import duckdb

WAS_IMPORTED = "step IN (SELECT id FROM step WHERE kind = 'import')"


async def import_messages(session: Session, path: Path, embed: bool, progress: Progress) -> Loaded:
    """Puts a conversation into recall storage, a batch a step; each batch is whole or not there at all."""
    loaded = Loaded()
    branch = session.state.branches
    async with contextlib.aclosing(batches(read(path, "recall", now()), loaded)) as found:
        async for batch in found:
            work = asyncio.ensure_future(_import_batch(session, batch, shown(path.name), branch))
            loaded.imported += await asyncio.shield(work)  # or who is cancelled lets the next one in before the commit
            progress("reading", loaded.imported)
    loaded.skipped -= loaded.imported
    session.corpus.start()
    session.corpus.added()
    if embed:
        await session.corpus.settled(embedding(progress))
    return loaded


def _new_ones(connection: duckdb.DuckDBPyConnection, batch: Batch) -> Batch:
    """What of a batch was not imported yet; an id like the agent's own was once kept as it is."""
    bare = {key: key.removeprefix(IMPORTED) for key in batch.keys}
    held = documents.held_keys(connection, [*bare, *bare.values()], WAS_IMPORTED)
    return batch.without({key for key in bare if key in held or bare[key] in held})


async def _import_batch(session: Session, batch: Batch, name: str, branch: int) -> int:
    """Puts those of a batch in that are not there yet; how many that were. Two imports at once would both miss what the
    other is about to put in, so one looks and commits after the other."""
    journal = session.journal
    async with session.importing:
        fresh = await journal.read(functools.partial(_new_ones, batch=batch))
        count = len(fresh.documents)
        if not count:
            return 0
        first_doc, first_text = journal.reserve_docs(count), journal.reserve_texts(count)

        def effect(connection: Any, step: Any) -> None:
            given = (fresh.documents, step.id, branch, first_doc, first_text)
            documents.insert(connection, *given, analyses=fresh.analyses)

        await journal.append(Draft("import", {"branch": branch, "count": count, "file": name}, effect=effect))
        return count
