"""Operations that read files in: chats, documents as sources."""

from __future__ import annotations

from collections.abc import AsyncIterator

from core.agents import attaching, importing, jobs, listing
from core.operations.caller import Caller, Parameters, Part, session_of
from core.roster import Roster
from memgpt import config
from memgpt.paths import absolute


async def import_messages(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await session_of(roster, {**given, "create": True})
    path, embed = absolute(given["path"]), bool(given.get("embed", True))
    async for part in jobs.with_progress(lambda told: importing.import_messages(session, path, embed, told)):
        yield part


async def load(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    kind, name, path = given["kind"], given["name"], absolute(given["path"])
    endings, recursive = tuple(given.get("extensions") or ()), bool(given.get("recursive"))
    async for part in jobs.with_progress(
        lambda told: attaching.load(roster, kind, name, path, told, endings, recursive)
    ):
        yield part


async def sources(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    agents = await listing.listed(roster)
    listed = await roster.library.listed()
    yield (
        "result",
        [{**row, "agents": [a["name"] for a in agents if row["name"] in a.get("sources", ())]} for row in listed],
    )


async def attach_source(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    first = not roster.home.agent_names() and given["agent"] == config.DEFAULT_AGENT  # as opening the app would make it
    session = await session_of(roster, {**given, "create": first})
    await attaching.attach(roster, session, given["source"])
    yield "result", {}


async def detach_source(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    await attaching.detach(await session_of(roster, given), given["source"])
    yield "result", {}


async def delete_source(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    await attaching.delete(roster, given["name"])
    yield "result", {}
