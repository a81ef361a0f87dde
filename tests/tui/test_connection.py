"""What the screen is told of a conversation that is moved while it goes on, whatever the order in which it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from memgpt import wire
from memgpt.home import Home, UserError
from memgpt.link import LinkLost
from tests.support import screens
from tui.bridge import Bridge
from tui.connection import Connection
from tui.options import RunOptions

QUESTION = screens.event(18, "user_message", text="Better question")
ANSWER = screens.event(20, "assistant_message", text="Another answer.")
BUSY = {**screens.activity("thinking"), "step": 18}


@asynccontextmanager
async def engine(home: Home, *batches: list[dict[str, Any]]) -> AsyncIterator[None]:
    """The wire's other end: an attachment, and for a fresh snapshot these lines, each batch in one piece."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = json.loads(line)
            match asked.get("op", "hello"):
                case "hello":
                    writer.write(wire.encode({"hello": {"protocol": wire.PROTOCOL}}))
                case "attach":
                    writer.write(wire.encode({"id": asked["id"], "result": {"snapshot": screens.snapshot()}}))
                case "snapshot":
                    for batch in batches:
                        writer.write(b"".join(wire.encode({**part, **_numbered(part, asked["id"])}) for part in batch))
                        await writer.drain()
                        await asyncio.sleep(0.05)

    server = await asyncio.start_unix_server(serve, str(home.socket))
    try:
        yield
    finally:
        server.close()


def _numbered(line: dict[str, Any], number: int) -> dict[str, Any]:
    return {} if "attached" in line else {"id": number}


def told(event: dict[str, Any]) -> dict[str, Any]:
    return {"attached": "sam", "event": event}


MOVED = {"result": {"snapshot": screens.snapshot(step=17, events=[QUESTION | {"step": 10, "text": "First question"}])}}
TEXT = json.dumps(MOVED["result"])
PARTS = [{"part": TEXT[:500], "last": False}, {"part": TEXT[500:], "last": True}]


@pytest.mark.parametrize(
    "batches",
    [
        ([told(BUSY), MOVED, told(QUESTION), told(ANSWER)],),
        ([MOVED], [told(BUSY), told(QUESTION), told(ANSWER)]),
        ([told(BUSY), PARTS[0]], [told(QUESTION)], [told(ANSWER), PARTS[1]]),
    ],
    ids=["at once", "afterwards", "between its parts"],
)
async def test_what_is_told_beside_a_fresh_snapshot_is_kept(fresh_home: Home, batches: Any) -> None:
    bridge = Bridge(lambda: None)
    shown = asyncio.Event()

    def first(snapshot: dict[str, Any], resumed: bool) -> None:
        bridge.show(snapshot)
        shown.set()

    options = RunOptions("sam", greet=False)
    async with engine(fresh_home, *batches):
        connection = Connection(fresh_home, options, "screen", first, bridge.apply, lambda words: None)
        running = asyncio.create_task(connection.run())
        try:
            await shown.wait()
            bridge.redraw(*await connection.draw_anew())
            for _ in range(100):
                await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    said = [entry.text for entry in bridge.view.chat]
    assert said == ["First question", "Better question", "Another answer."] and bridge.view.phase == "thinking"


async def test_an_engine_that_went_away_is_told_of_once(tmp_path: Path) -> None:
    """However many requests waited for it."""
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)):
        for error in (LinkLost(), LinkLost(), UserError("Else."), UserError("Else."), LinkLost()):
            app.could_not(error)
        told = [entry.text.partition(".")[0] for entry in app.bridge.view.chat]
        assert told == ["The engine went away", "Else", "Else", "The engine went away"]
