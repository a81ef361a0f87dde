"""What a provider can keep of a prompt, on the bytes that servers of two shapes received."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from core.roster import Roster
from core.session import Session
from memgpt import events as e
from memgpt.config import AgentConfig
from tests.support import model_server as scripted
from tests.support.agents import turn
from tests.support.dialects import Anthropic, OpenAI
from tests.support.model_server import ModelServer
from tests.support.prefixes import shares

WORDS = "the hive, the honey and the long winter, of which much was told again and again. " * 4
SUMMARISER = "You keep the memory"
SHAPES = pytest.mark.parametrize("shape", [OpenAI, Anthropic], ids=lambda shape: str(shape.name))


async def made(roster: Roster, server: ModelServer, window: int = 8192) -> Session:
    model = getattr(server, "model", "openai/scripted")
    name = await roster.create(AgentConfig(name="ada", model=model, model_endpoint=server.url, context_window=window))
    return await roster.session(name)


def conversation(server: ModelServer) -> list[dict[str, Any]]:
    """The prompts of the conversation, without those that asked for a summary."""
    return [request for request in server.requests if not str(request["messages"][0]["content"]).startswith(SUMMARISER)]


@SHAPES
async def test_nothing_that_was_sent_changes_without_an_edit(roster: Roster, shape: type[ModelServer]) -> None:
    search = scripted.call("conversation_search", heartbeat=True, query="winter")
    with shape(fallback=lambda request: scripted.say("Noted, and a few more words.")) as server:
        session = await made(roster, server)
        for number in range(6):
            server.script(*([search] if number % 2 else []))
            await turn(session, f"Message number {number} about this and that.")
        found = await shares(conversation(server))
    assert len(found) >= 8 and min(found) >= 0.95


@SHAPES
async def test_most_of_it_stays_with_edits_and_evictions(roster: Roster, shape: type[ModelServer]) -> None:
    evicted = edited = 0
    with shape(fallback=lambda request: scripted.say(f"I see. {WORDS[:120]}")) as server:
        session = await made(roster, server)
        for number in range(60):
            if number % 12 == 5:
                edit = scripted.call("core_memory_append", heartbeat=True, name="human", content=f"Fact {number}.")
                server.script(edit)
            events = await turn(session, f"{number}: {WORDS}")
            evicted += sum(isinstance(event, e.Evicted) for event in events)
            edited += sum(isinstance(event, e.CoreMemory) for event in events)
        found = await shares(conversation(server))
    assert evicted >= 2 and edited == 5
    assert statistics.mean(found) >= 0.8


async def test_claude_is_told_what_it_may_keep(roster: Roster) -> None:
    with Anthropic() as server:
        session = await made(roster, server)
        server.script(scripted.call("conversation_search", heartbeat=True, query="x"), scripted.say("Hello."))
        await turn(session, "Hello")
        first, second = (request["raw"] for request in server.requests)
    for sent in (first, second):
        stays, changes = sent["system"]
        assert "<human>" not in stays["text"] and "<human>" in changes["text"]
        marks = [stays, changes, sent["tools"][-1], sent["messages"][-1]["content"][-1]]
        assert all(piece["cache_control"] == {"type": "ephemeral"} for piece in marks)
        assert str(sent).count("cache_control") == len(marks)
    assert second["messages"][-1]["content"][-1]["type"] == "tool_result"


async def test_nobody_else_is_sent_marks(roster: Roster) -> None:
    with OpenAI() as server:
        await turn(await made(roster, server), "Hello")
        assert "cache_control" not in str(server.requests)
