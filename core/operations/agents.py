"""Operations on the agents of a home: listed, made, set up."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from core.agents import listing
from core.operations.caller import Caller, Parameters, Part, session_of
from core.roster import Roster
from core.slash import commands as slash
from memgpt.config import AgentConfig

PACKED_BY = {"model", "model_endpoint", "protocol", "context_window"}  # with these, main context is packed anew


async def agents(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", await listing.listed(roster)


async def create_agent(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    names = ("name", "persona", "human", "model", "model_endpoint", "context_window")
    wanted = AgentConfig.of({key: given[key] for key in names if given.get(key) is not None})
    yield "result", {"name": await roster.create(wanted, bool(given.get("throw_if_exists")))}


async def configure_agent(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session, changes = await session_of(roster, given), given["changes"]
    async with session.turns.alone("Another model or window") if PACKED_BY & set(changes) else contextlib.nullcontext():
        await slash.change_settings(session, changes)
    yield "result", {}


async def agent_settings(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", (await session_of(roster, given)).state.settings
