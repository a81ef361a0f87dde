"""Our search beside other stores, on the same vectors and the same texts in one run: `python -m benchmarks.peers
[COUNT …]`. Stores that are not installed are named and left out (benchmarks/requirements.txt says how to have them).

Each peer runs in a process of its own, one after the other. Ours is asked over the socket and brings the texts along;
the others give row numbers. Words of questions that say nothing are left out for all.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy

from benchmarks import made, peer
from benchmarks.scale import inserted, searched
from benchmarks.support import median, program, quantile, row
from core.memory.terms import ENGLISH_STOP_WORDS
from core.roster import Roster
from memgpt.home import Home
from tests.support.program import Program

SIZES = (100_000,)
QUERIES, TOP = 50, 10
OWN_ENVIRONMENT = Path(".venv-peers/bin/python")


async def _given(home: Home, agent: str, folder: Path) -> None:
    """What the peers are given: an agent's vectors and texts, the questions, and what is nearest to them."""
    asked = made.questions(QUERIES)
    async with made.roster(home) as opened:
        session = await opened.session(agent)
        docs, rows = await made.stored(session.corpus)
        queries = numpy.stack([await _vector(opened, question) for question in asked])
        bodies = await session.journal.read(
            lambda connection: connection.execute(
                "SELECT t.body FROM doc d JOIN text t ON t.id = d.text ORDER BY d.id"
            ).fetchall()
        )
    assert len(docs) == len(bodies)
    truth = numpy.argsort(-(rows @ queries.T), axis=0)[:TOP].T
    for name, values in (("rows", rows), ("queries", queries), ("truth", truth)):
        numpy.save(folder / f"{name}.npy", values)
    (folder / "texts").write_text("\n".join(body for (body,) in bodies), encoding="utf-8")
    said = (" ".join(word for word in text.split() if word not in ENGLISH_STOP_WORDS) for text in asked)
    (folder / "questions").write_text("\n".join(said), encoding="utf-8")


async def _vector(opened: Roster, question: str) -> Any:
    return numpy.frombuffer((await opened.embedder.near("", question, "")).query, numpy.float32)


def _peer(name: str, folder: Path) -> dict[str, Any] | str:
    """The figures of a peer, or why there are none."""
    python = str(OWN_ENVIRONMENT) if OWN_ENVIRONMENT.exists() else sys.executable
    done = subprocess.run([python, peer.__file__, name, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        return "not installed" if "ModuleNotFoundError" in done.stderr else " ".join(last)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _ours(taken: Sequence[float], inserting: Sequence[float]) -> list[str]:
    figures = (median(taken), quantile(taken, 0.95), median(inserting))
    return [f"{seconds * 1000:.2f}" for seconds in figures]


def one_size(count: int) -> None:
    with program() as found, tempfile.TemporaryDirectory(prefix="memgpt-bench-") as folder:
        asyncio.run(made.grow(found.home, "big", count, 20))
        beside(found, "big", count, Path(folder))


def beside(found: Program, agent: str, count: int, folder: Path) -> None:
    home = found.home
    asyncio.run(_given(home, agent, folder))
    ours = {text: asyncio.run(searched(home, agent, "text" if text else "vector", QUERIES)) for text in (False, True)}
    found.good("engine", "stop", "--now")
    inserting = asyncio.run(inserted(home, agent))
    row(f"{count:,} messages; load {os.getloadavg()[0]:.1f}", "query ms", "p95", "insert ms", "at once", "recall@10")
    for text in (False, True):
        cells = _ours([seconds for seconds, _ in ours[text]], inserting)
        row(f"ours, {'text' if text else 'vector'}", *cells, "yes", "" if text else "exact")
        for name, kind in peer.PEERS.items():
            if kind.text == text:
                row(name, *_cells(_peer(name, folder)))


def _cells(figures: dict[str, Any] | str) -> list[str]:
    if isinstance(figures, str):
        return [figures]
    insert = "-" if figures["insert"] is None else f"{figures['insert']:.2f}"
    recall = "" if figures["recall"] is None else f"{figures['recall']:.3f}"
    return [f"{figures['query']:.2f}", f"{figures['p95']:.2f}", insert, "yes" if figures["at_once"] else "no", recall]


def main() -> None:
    for count in [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or SIZES:
        one_size(count)


if __name__ == "__main__":
    main()
