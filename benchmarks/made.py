"""Large agents, made: messages of real words with natural frequencies, imported; vectors that lie as those of sentences
do, written in bulk; and natural questions about them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from core.agents.importing import import_messages
from core.memory.models import shipped_folder
from core.memory.scope import Query
from core.roster import Roster
from core.store.database import Database
from memgpt.config import AgentConfig
from memgpt.home import Home

WIDTH, CENTRES, NOISE, CHUNK = 384, 2000, 0.8, 122_880
# CHUNK is a row group of DuckDB's; of smaller ones it would make full ones at some checkpoint, and write all anew.
READ = 8192  # vectors at once: a file has 128 MB of DuckDB's memory
TALK = 40  # messages of one sitting, a minute apart; the next is on the next day
STATEMENTS = (
    "I told her about the {} {} near the {}.",
    "We should {} the {} before the {} comes.",
    "The {} was {} and full of {}.",
    "My brother bought a {} for his {}.",
    "They are going to the {} with a {}.",
)
QUESTIONS = (
    "what did she say about the {} {}",
    "when did we talk about {}",
    "where is the {} of the {}",
    "{} and {} for the {}",
    "who told me about {} and the {}",
    "the {} {} that he wanted",
    "how was the {}",
)


@dataclass(frozen=True, slots=True)
class Grown:
    """How an agent came to be."""

    messages_a_second: float
    found_at_once: bool
    file_bytes: int


@cache
def words() -> list[str]:
    """English words, commonest first: the vocabulary of the shipped model."""
    vocabulary = json.loads((shipped_folder() / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    return [word for word in ordered if word.isascii() and word.isalpha() and len(word) > 1]


def texts(count: int, length: int, seed: int = 1) -> Iterator[str]:
    """Messages of `length` words in the mean."""
    random = numpy.random.default_rng(seed)
    weights = 1 / (numpy.arange(len(words())) + 2.7)
    edges = numpy.cumsum(weights / weights.sum())
    vocabulary = numpy.array(words(), object)
    for first in range(0, count, CHUNK):
        sizes = random.integers(length // 2, length + length // 2 + 1, min(CHUNK, count - first))
        chosen = vocabulary[numpy.searchsorted(edges, random.random(int(sizes.sum()))).clip(max=len(words()) - 1)]
        place = 0
        for number, size in enumerate(sizes.tolist(), first):
            yield " ".join(chosen[place : place + size]) + "?."[number % 5 > 0]
            place += size


def sentences(patterns: Sequence[str], count: int, seed: int) -> list[str]:
    """Natural sentences about things that are talked of, neither the commonest nor the rarest."""
    random = numpy.random.default_rng(seed)
    ranks = numpy.exp(random.uniform(numpy.log(150), numpy.log(8000), (count, 3))).astype(int)
    return [
        patterns[number % len(patterns)].format(*(words()[rank] for rank in row))
        for number, row in enumerate(ranks.tolist())
    ]


def questions(count: int) -> list[str]:
    return sentences(QUESTIONS, count, 5)


def vectors(centres: Any, count: int, seed: int = 3) -> Iterator[Any]:
    """Blocks of vectors of length 1, each around one of the centres."""
    random = numpy.random.default_rng(seed)
    for first in range(0, count, CHUNK):
        size = min(CHUNK, count - first)
        rows = random.standard_normal((size, WIDTH), numpy.float32) * numpy.float32(NOISE / WIDTH**0.5)
        rows += centres[random.integers(0, len(centres), size)]
        yield rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def write_messages(path: Path, count: int, length: int) -> Path:
    start = datetime(2019, 1, 1, 9, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts(count, length)):
            at = start + timedelta(days=number // TALK, minutes=number % TALK)
            role = "assistant" if number % 2 else "user"
            row = {"id": f"i{number}", "role": role, "text": text, "created_at": at.isoformat()}
            file.write(json.dumps(row) + "\n")
        file.write(json.dumps({"id": "last", "text": "The very last of them: qzx-47110815."}) + "\n")
    return path


@asynccontextmanager
async def roster(home: Home) -> Any:
    opened = Roster(home, 600)
    try:
        yield opened
    finally:
        await opened.finish(True, 5)


async def grow(home: Home, agent: str, count: int, length: int, with_vectors: bool = True) -> Grown:
    """An agent with that many messages behind it, sorted and at rest."""
    path = write_messages(home.path / "talk.jsonl", count, length)
    async with roster(home) as opened:
        await opened.create(AgentConfig(name=agent, model="openai/none"))
        session = await opened.session(agent)
        began = time.perf_counter()
        loaded = await import_messages(session, path, False, lambda *_: None)
        taken = time.perf_counter() - began
        found = await find(session, Query("qzx-47110815", "recall", "text"))
        centres = await _centres(opened) if with_vectors else None
    path.unlink()
    if with_vectors:
        await _write_vectors(home.agent_file(agent), centres, count + 1)
        async with roster(home) as opened:
            await (await opened.session(agent)).corpus.settled()
    at_once = bool(found.hits) and found.hits[0].key == "last"
    return Grown(loaded.imported / taken, at_once, home.agent_file(agent).stat().st_size)


async def find(session: Any, query: Query) -> Any:
    from core.memory.search import Path as Steps
    from core.memory.search import find

    state = session.journal.state
    return await find([(session.corpus, Steps(state.path, state.hidden))], query)


async def stored(corpus: Any) -> tuple[Any, Any]:
    """The documents that have a vector, and the vectors."""
    last = await corpus.database.read(lambda connection: connection.execute("SELECT max(doc) FROM vector").fetchone())
    docs, rows = [], []
    for first in range(0, (int(last[0]) if last else -1) + 1, READ):
        query = f"SELECT doc, value FROM vector WHERE doc >= {first} AND doc < {first + READ} ORDER BY doc"
        found = await corpus.database.read(lambda connection, query=query: connection.execute(query).fetchnumpy())
        docs.append(numpy.asarray(found["doc"]))
        rows.append(numpy.frombuffer(b"".join(found["value"].tolist()), numpy.float32).reshape(-1, WIDTH))
    return numpy.concatenate(docs), numpy.concatenate(rows)


async def _centres(opened: Roster) -> Any:
    rows = await opened.embedder.vectors("", sentences(STATEMENTS, CENTRES, 4))
    return numpy.stack([numpy.frombuffer(pieces[0], numpy.float32) for pieces in rows])


async def _write_vectors(path: Path, centres: Any, count: int) -> None:
    database = await Database.open(path, "agent")
    first = await database.read(lambda connection: connection.execute("SELECT min(id) FROM doc").fetchone())
    assert first
    doc = int(first[0])
    for rows in vectors(centres, count):
        values = numpy.empty(len(rows), object)
        values[:] = [row.tobytes() for row in rows]
        given = {"doc": numpy.arange(doc, doc + len(rows), dtype=numpy.int32), "value": values}

        def put(connection: Any, given: dict[str, Any] = given) -> None:
            connection.register("made_rows", given)
            connection.execute("INSERT INTO vector SELECT doc, 0, '', value FROM made_rows")
            connection.unregister("made_rows")

        await database.write(put)
        doc += len(rows)
    await database.close()
