"""A conversation of 400 turns walked call by call: is each prompt, as the journal tells it, what the server received to the
byte, and how long does it take to look at one, at the line of all of them, and at why something is believed?

The model server is scripted and on loopback. The last figure is of a journal with 10,000 calls.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from core.past.sent import context
from core.past.timeline import timeline
from core.past.why import why
from core.session import Session
from core.store.journal import Draft
from tests.support import model_server as scripted
from tests.support.agents import make_session, open_roster, turn
from tests.support.model_server import ModelServer

TURNS = 400
MANY = 10_000
WORDS = "the hive, the honey and the long winter, of which much was told again and again. " * 3
SUMMARISER = "You keep the memory"


def main() -> None:
    asyncio.run(_measure())


async def _measure() -> None:
    with ModelServer() as server, tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder) / "home") as roster:
            session = await make_session(roster, server, 8192)
            began = time.monotonic()
            await _talk(session, server)
            print(f"{TURNS} turns in {time.monotonic() - began:.0f} s, {session.state.evicted:,} messages evicted")
            await _walk(session, server)
            await _timed("why", why(session, "Fact 0"))
            await session.journal.append(*(_calls() * MANY))
            found = await _timed(f"the last 400 of {MANY:,} calls", timeline(session))
            assert len(found["calls"]) == 400
            await _timed(f"all of {MANY:,} calls", timeline(session, None, MANY * 2))


async def _talk(session: Session, server: ModelServer) -> None:
    for number in range(TURNS):
        if number % 20 == 0:
            server.script(scripted.call("core_memory_append", heartbeat=True, name="human", content=f"Fact {number}."))
        elif number % 20 == 10:
            server.script(scripted.call("conversation_search", heartbeat=True, query=f"winter {number}"))
        await turn(session, f"{number}: {WORDS}")


async def _walk(session: Session, server: ModelServer) -> None:
    received = [request for request in server.requests if not _of_summariser(request)]
    calls = (await timeline(session, None, 1 << 30))["calls"]
    assert len(calls) == len(received)
    spent, same = [], 0
    for call, request in zip(calls, received, strict=True):
        began = time.monotonic()
        shown = await context(session, call["step"])
        spent.append((time.monotonic() - began) * 1000)
        same += json.dumps([shown["messages"], shown["tools"]]) == json.dumps([request["messages"], request["tools"]])
    worst = sorted(spent)[int(len(spent) * 0.99)]
    print(f"{same} of {len(calls)} prompts are what the server received, to the byte")
    print(f"looking at one: median {statistics.median(spent):.1f} ms, 99 % within {worst:.1f} ms")
    await _timed("the line of all calls", timeline(session))


def _of_summariser(request: dict[str, Any]) -> bool:
    return str(request["messages"][0]["content"]).startswith(SUMMARISER)


def _calls() -> list[Draft]:
    call = {"model": "m", "protocol": "tools", "window": 8192, "parts": [], "summary": None, "queue": [], "own": 5}
    told = {"prompt_tokens": 9, "cached_tokens": 0, "cost_usd": None}
    return [Draft("call", call), Draft("reply", {"calls": [], "told": told}, {"said": "x" * 500})]


async def _timed(what: str, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    began = time.monotonic()
    found = await work
    print(f"{what}: {(time.monotonic() - began) * 1000:.0f} ms")
    return found


if __name__ == "__main__":
    main()
