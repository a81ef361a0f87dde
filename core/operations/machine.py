"""Operations on the machine: what is set, what there is, whether all is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

from core.functions.conversation import base_executor
from core.llm import catalog
from core.llm.probe import probed
from core.operations.caller import Caller, Parameters, Part, session_of
from core.roster import Roster
from memgpt import config
from memgpt.servers import found_servers


async def check(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Whether an agent's file holds together: what is stored beside the journal is what the journal comes to."""
    session = await session_of(roster, given)
    same = await session.journal.folded() == session.state
    yield "result", {"ok": same, "found": f"{session.state.head} steps" + ("" if same else ", but the present differs")}


async def functions(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    schemas = base_executor().schemas(plain=False)
    yield "result", [{"name": schema["name"], **schema} for schema in schemas]


async def settings(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", config.load(roster.home)


async def check_embedding(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Whether a model can embed on this machine.

    Raises:
        UserError: it cannot be loaded.
    """
    await roster.embedder.check(str(given["model"]))
    yield "result", {}


async def servers(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """The model servers of this machine."""
    yield "result", [asdict(server) for server in await asyncio.to_thread(found_servers)]


async def probe(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """One live call of a model, and what it showed; what it can do is remembered.

    Raises:
        UserError: nobody is known by the name of its provider.
    """
    model, endpoint = str(given["model"]), given.get("model_endpoint") or None
    await catalog.check_provider(model, roster.gateway)
    yield "result", asdict(await probed(roster.gateway, model, endpoint, caller.keys))
