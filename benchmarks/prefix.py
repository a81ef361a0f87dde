"""How much of each prompt a provider has read before, over a hundred turns with edits and evictions: `python -m
benchmarks.prefix`. On the bytes that servers of two shapes received, and as the offline model's server reports it.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
from pathlib import Path

from benchmarks.support import row
from core.roster import Roster
from memgpt import events as e
from memgpt.config import AgentConfig
from tests.support import model_server as scripted
from tests.support.agents import open_roster, turn
from tests.support.dialects import Anthropic, OpenAI
from tests.support.facts import FACTS, TALK
from tests.support.model_server import ModelServer
from tests.support.prefixes import shares

TURNS, OFFLINE_TURNS = 100, 20
EVERY = 10  # turns between two edits of core memory
WORDS = "the hive, the honey and the long winter, of which much was told again and again. " * 4
SUMMARISER = "You keep the memory"


async def scripted_share(roster: Roster, shape: type[ModelServer], window: int) -> None:
    counts = {e.Evicted: 0, e.CoreMemory: 0}
    with shape(fallback=lambda request: scripted.say(f"I see. {WORDS[:120]}")) as server:
        name = f"{getattr(server, 'name', '')} {window}"
        wanted = AgentConfig(
            name=name, model=getattr(server, "model", ""), model_endpoint=server.url, context_window=window
        )
        session = await roster.session(await roster.create(wanted))
        for number in range(TURNS):
            if number % EVERY == EVERY - 1:
                edit = scripted.call("core_memory_append", heartbeat=True, name="human", content=f"Fact {number}.")
                server.script(edit)
            for event in await turn(session, f"{number}: {WORDS}"):
                counts[type(event)] = counts.get(type(event), 0) + 1
        sent = [r for r in server.requests if not str(r["messages"][0]["content"]).startswith(SUMMARISER)]
    found = await shares(sent)
    whole = sum(share >= 0.95 for share in found)
    row(
        f"{name}: shared with the prompt before", f"{100 * statistics.mean(found):.1f} %", f"{whole} of {len(found)}",
        counts[e.CoreMemory], counts[e.Evicted],
    )  # fmt: skip


async def offline_share(roster: Roster) -> None:
    session = await roster.session(await roster.create(AgentConfig(name="offline", model="builtin")))
    told: list[e.Usage] = []
    evicted = 0
    for number in range(OFFLINE_TURNS):
        text = FACTS[number].told if number < len(FACTS) else f"{TALK[number % len(TALK)]} and {TALK[-number % 5]}."
        for event in await turn(session, text):
            told += [event] if isinstance(event, e.Usage) else []
            evicted += isinstance(event, e.Evicted)
    found = [min(1.0, usage.cached_tokens / before.prompt_tokens) for before, usage in itertools.pairwise(told)]
    whole = sum(share >= 0.95 for share in found)
    row(
        "offline 2048: cached, as its server reports",
        f"{100 * statistics.mean(found):.1f} %",
        f"{whole} of {len(found)}",
        0,
        evicted,
    )


async def _measure() -> None:
    row("server, window", "mean share", "over 95 %", "edits", "evictions")
    with tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            for shape in (OpenAI, Anthropic):
                for window in (8192, 16_384):
                    await scripted_share(roster, shape, window)
            await offline_share(roster)


def main() -> None:
    asyncio.run(_measure())


if __name__ == "__main__":
    main()
