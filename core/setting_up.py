"""What set-up asks the engine: which servers run here, and whether a model really answers before it is chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.llm import catalog
from core.llm.probe import probed
from memgpt.servers import found_servers

if TYPE_CHECKING:
    from core.roster import Roster

Part = tuple[str, Any]


async def servers(roster: Roster, given: Mapping[str, Any], caller: Any) -> AsyncIterator[Part]:
    """The model servers of this machine."""
    yield "result", [asdict(server) for server in await asyncio.to_thread(found_servers)]


async def probe(roster: Roster, given: Mapping[str, Any], caller: Any) -> AsyncIterator[Part]:
    """One live call of a model, and what it showed; what it can do is remembered.

    Raises:
        UserError: nobody is known by the name of its provider.
    """
    model, endpoint = str(given["model"]), given.get("model_endpoint") or None
    await catalog.check_provider(model, roster.gateway)
    yield "result", asdict(await probed(roster.gateway, model, endpoint, caller.keys))
