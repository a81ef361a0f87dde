"""Timed heartbeats: they really come, only while somebody looks on, and not while the model has paused them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core import unasked
from memgpt import events as e
from tests.support import model_server as scripted
from tests.support.agents import make_session, open_roster, turn
from tests.support.model_server import ModelServer


async def test_timed_heartbeats(tmp_path: Path) -> None:
    with ModelServer() as server:
        async with open_roster(tmp_path / "home") as roster:
            session = await make_session(roster, server, heartbeat_minutes=0.005)
            await turn(session, "Hi")
            await asyncio.sleep(0.4)
            assert not await unasked.beat(session), "nobody looks on"
            seen: list[e.Event] = []
            leave = session.listen(seen.append)
            server.script(scripted.say("Still thinking of you."))
            assert await unasked.beat(session)
            await session.turns.finished()
            assert [event.kind for event in seen if isinstance(event, e.Happened)] == ["timer"]
            assert [event.text for event in seen if isinstance(event, e.AssistantMessage)] == ["Still thinking of you."]
            assert not await unasked.beat(session), "not again at once"
            server.script(scripted.call("pause_heartbeats", minutes=500), scripted.say("Quiet now."))
            events = await turn(session, "Leave me for a while.")
            assert "paused for 360 minutes" in next(
                event.text for event in events if isinstance(event, e.FunctionReturn)
            )
            await asyncio.sleep(0.4)
            assert not await unasked.beat(session), "the model asked for peace"
            leave()
