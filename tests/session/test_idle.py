"""Agents that nobody has used for a while are closed, and what is asked of one meanwhile is answered."""

from __future__ import annotations

import asyncio

from core.roster import Roster
from memgpt.config import AgentConfig
from tests.support.agents import asked


async def test_an_agent_that_is_searched_is_not_closed_after_another(roster: Roster) -> None:
    roster.linger_s = 0
    for name in ("ada", "bob"):
        await roster.create(AgentConfig(name=name, model="openai/none"))

    given = {"agent": "bob", "kind": "recall", "query": "nothing", "mode": "text"}
    for _ in range(5):
        for name in ("ada", "bob"):
            await roster.session(name)
        closing = asyncio.create_task(roster.close_idle())
        await asyncio.sleep(0)  # the first of them is being closed
        assert (await asked(roster, "search", **given))["results"] == []
        await closing
    await roster.close_idle()
    assert not roster.sessions
