"""Search, import, insertion, memory and files at scale: `python -m benchmarks.scale [COUNT …]`, 10,000 and 100,000 by
itself; 1,000,000 takes some twenty minutes and eight gigabytes.

Vectors are made, not embedded, and written in bulk; the real worker loads and searches them, and questions are real
texts that the real model embeds. What is searched over the socket is timed by the engine itself: `ms` less `embed_ms`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import made
from benchmarks.support import kind, processes, program, quantile, row, settled
from core.agents.importing import import_messages
from core.memory import search
from core.memory.exact import certified
from core.memory.search import Query
from core.store.journal import Draft
from memgpt.config import AgentConfig
from memgpt.home import Home
from memgpt.link import Link
from tests.support.program import Program

SIZES = (10_000, 100_000)
MODES = ("hybrid", "text", "vector")
QUERIES, WARM, INSERTS, OPENINGS = 100, 20, 300, 7
IMPORTED = 100_000
EMBEDDED, EMBEDDINGS, RAW = 3000, 5, "benchmarks.raw_embedding"


# --- what the engine does by itself -------------------------------------------------------------------------------


async def _insert(session: Any, text: str) -> float:
    """Seconds until one more message of the user's is committed and can be found."""
    external = (await session.agent()).external
    began = time.perf_counter()
    effect = external.document("recall", "user", "text", text)
    await session.journal.append(Draft("user", {}, {"text": text}, (), effect))
    spent = time.perf_counter() - began
    external.added()
    return spent


async def inserted(home: Home, agent: str) -> list[float]:
    """Seconds of many single insertions, with nothing else under way."""
    async with made.roster(home) as opened:
        session = await opened.session(agent)
        return [await _insert(session, text) for text in made.texts(INSERTS + WARM, 20, seed=8)][WARM:]


async def living(home: Home, agent: str) -> list[float]:
    """Seconds of hybrid searches, each just after a message came in, which the worker is about to embed."""
    spent = []
    async with made.roster(home) as opened:
        session = await opened.session(agent)
        await session.corpus.settled()
        for text, question in zip(made.texts(2 * WARM, 20, seed=9), made.questions(2 * WARM), strict=True):
            await _insert(session, text)
            answer = await made.find(session, Query(question, "recall"))
            spent.append((answer.ms - answer.embed_ms) / 1000)
    return spent[WARM:]


async def opening(home: Home, agents: Sequence[str]) -> None:
    taken: dict[str, list[float]] = {agent: [] for agent in agents}
    first: dict[str, list[float]] = {agent: [] for agent in agents}
    async with made.roster(home) as opened:
        for _ in range(OPENINGS):
            for agent in agents:
                began = time.perf_counter()
                session = await opened.session(agent)
                taken[agent].append(time.perf_counter() - began)
                await made.find(session, Query("the first question", "recall", "text"))
                first[agent].append(time.perf_counter() - began)
                opened.sessions.clear()
                await session.close()
    for agent in agents:
        row(f"  opening {agent}; first text search ms", *_shares(taken[agent], 0.5), *_shares(first[agent], 0.5))


async def exactness(home: Home, agent: str) -> None:
    """Mode vector against the same ranking over cosines in float32, computed from the stored rows."""
    import numpy

    async with made.roster(home) as opened:
        session = await opened.session(agent)
        corpus = session.corpus
        stored = await made.stored(corpus)
        nearness, equal, close, began = corpus.nearness, 0, 0.0, time.perf_counter()
        await made.find(session, Query("warm", "recall", "vector"))
        row("  first search with vectors, s", f"{time.perf_counter() - began:.2f}")
        asked = made.questions(WARM)
        for question in asked:
            query = Query(question, "recall", "vector")
            found = await made.find(session, query)

            async def exactly(text: str) -> Any:
                near = await nearness(text)
                cosines = numpy.full(len(near.cosines), -2.0, numpy.float32)
                cosines[stored[0]] = stored[1] @ numpy.frombuffer(near.query, numpy.float32)
                return replace(near, cosines=cosines, error=0.0)

            corpus.nearness = exactly
            truth = await made.find(session, query)
            corpus.nearness = nearness
            equal += [hit.doc for hit in found.hits] == [hit.doc for hit in truth.hits]
            close = max([close, *(abs(a.score - b.score) for a, b in zip(found.hits, truth.hits, strict=True))])
        row("  vector results equal to float32, of", equal, len(asked), f"{close:.1e}")


async def vector_part(home: Home, agent: str) -> list[float]:
    """Seconds that vectors take of a search by them: the scores of all documents, from the worker to here, and the best
    of them made exact. The embedding of the query is left out, and so is what other vector stores do not do."""
    spent: list[float] = []

    def timed(work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def around(*given: Any) -> Any:
            began = time.perf_counter()
            found = await work(*given)
            spent[-1] += time.perf_counter() - began - getattr(found, "embed_ms", 0.0) / 1000
            return found

        return around

    async with made.roster(home) as opened:
        session = await opened.session(agent)
        session.corpus.nearness = timed(session.corpus.nearness)
        with patch.object(search, "certified", timed(certified)):
            for question in made.questions(WARM) + made.questions(QUERIES):
                spent.append(0.0)
                await made.find(session, Query(question, "recall", "vector"))
    return spent[WARM:]


# --- what a front end sees ----------------------------------------------------------------------------------------


async def searched(home: Home, agent: str, mode: str, count: int = QUERIES) -> list[tuple[float, float]]:
    """Seconds of searches and of the embedding of their queries, warm, as the engine times them."""
    link, taken = await Link.open(home, role="send"), []
    for question in made.questions(WARM) + made.questions(count):
        answer = await link.ask("search", agent=agent, kind="recall", query=question, mode=mode)
        taken.append(((answer["ms"] - answer["embed_ms"]) / 1000, answer["embed_ms"] / 1000))
    await link.close()
    return taken[WARM:]


def memory(home: Home) -> dict[str, tuple[float, float]]:
    """By process, megabytes of its own (anonymous and shared) and megabytes of mapped files."""
    held = {}
    for process in processes(home):
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Rss")}
        held[kind(process)] = ((sizes["RssAnon"] + sizes["RssShmem"]) / 1024, sizes["RssFile"] / 1024)
    return held


# --- rates --------------------------------------------------------------------------------------------------------


async def importing(home: Home, length: int) -> None:
    grown = await made.grow(home, f"import{length}", IMPORTED, length, with_vectors=False)
    row(f"import, {length} words, messages/s; found", f"{grown.messages_a_second:,.0f}", grown.found_at_once)


async def embedding(home: Home) -> None:
    """Documents a second, committed and searchable, beside the model alone in a process that does nothing else."""
    path = made.write_messages(home.path / "embed.jsonl", EMBEDDED, 20)
    ours, raw = [], []
    for number in range(EMBEDDINGS):
        async with made.roster(home) as opened:
            await opened.create(AgentConfig(name=f"embed{number}", model="openai/none"))
            session = await opened.session(f"embed{number}")
            await opened.embedder.near("", "warm", "")
            await import_messages(session, path, False, lambda *_: None)
            began = time.perf_counter()
            await session.corpus.settled()
            ours.append(EMBEDDED / (time.perf_counter() - began))
        done = subprocess.run([sys.executable, "-m", RAW, str(path)], capture_output=True, text=True, check=True)
        raw.append(EMBEDDED / float(done.stdout))
    best = max(ours), max(raw)  # of the same work, where what else the machine does can only take away
    row("embedding, documents/s; raw; share", *(f"{value:,.0f}" for value in best), f"{best[0] / best[1]:.0%}")


def _shares(seconds: Sequence[float], *shares: float) -> list[str]:
    return [f"{quantile(seconds, share) * 1000:.2f}" for share in shares]


def one_size(count: int, length: int = 20) -> None:
    with program() as found:
        asyncio.run(_empty(found.home))
        grown = asyncio.run(made.grow(found.home, "big", count, length))
        row(f"{count:,} messages of {length} words, file", f"{grown.file_bytes / 1e9:.2f} GB")
        row("  import, messages/s; found at once", f"{grown.messages_a_second:,.0f}", str(grown.found_at_once))
        measured(found)


def measured(found: Program) -> None:
    """What there is to say of an agent `big` beside an agent `empty`."""
    home = found.home
    found.good("search", "recall", "memory", "--agent", "empty", timeout=120)
    settled(home)
    alone = memory(home)["embeddings"][0]
    for mode in MODES:
        load = os.getloadavg()[0]
        taken, embedded = zip(*asyncio.run(searched(home, "big", mode)), strict=True)
        row(
            f"  {mode}, p50 / p95 ms; embedding; load",
            *_shares(taken, 0.5, 0.95),
            *_shares(embedded, 0.5),
            f"{load:.1f}",
        )
    now = memory(home)
    shares = (now["embeddings"][0] - alone, now["engine"][0])
    row("  memory less the model, MB; worker; engine", *(f"{share:.0f}" for share in (sum(shares), *shares)))
    row("  mapped files, MB", f"{sum(mapped for _, mapped in now.values()):.0f}")
    found.good("engine", "stop", "--now")
    row("  vectors alone, p50 / p95 ms", *_shares(asyncio.run(vector_part(home, "big")), 0.5, 0.95))
    asyncio.run(exactness(home, "big"))
    asyncio.run(opening(home, ("empty", "big")))
    row("  insert and commit, p50 / p99 ms", *_shares(asyncio.run(inserted(home, "big")), 0.5, 0.99))
    row("  hybrid after a message, p50 / p95 ms", *_shares(asyncio.run(living(home, "big")), 0.5, 0.95))
    row("  load at the end", f"{os.getloadavg()[0]:.1f}")


async def _empty(home: Home) -> None:
    async with made.roster(home) as opened:
        await opened.create(AgentConfig(name="empty", model="openai/none"))


def rates() -> None:
    with tempfile.TemporaryDirectory(prefix="memgpt-bench-") as folder:
        home = Home(Path(folder) / "home")
        home.create()
        for length in (20, 60):
            asyncio.run(importing(home, length))
        asyncio.run(embedding(home))


def main() -> None:
    sizes = [int(argument.replace(",", "")) for argument in sys.argv[1:] if argument[0].isdigit()]
    rates()
    for count in sizes or SIZES:
        one_size(count)


if __name__ == "__main__":
    main()
