"""A live test call: does the model answer, and how can it be asked to call functions?

It is asked to call two small functions in one reply: with native tools, and where it does not, held to a schema. What it
shows is remembered, so that it is found out once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.llm import catalog, protocol
from core.llm.builtin import is_builtin
from core.llm.gateway import Gateway
from core.llm.tokens import MESSAGE_OVERHEAD, PRIMING, believable
from core.llm.types import Call, ModelError, Reply, Request
from memgpt.config import BUILTIN

PROBE_S = 60.0  # without a byte; a local server may have to load the model first
REPLY = 256  # tokens
TALK = [
    {"role": "system", "content": "You answer by calling functions, never in plain words."},
    {"role": "user", "content": "Call note with the text ready, and in the same reply say hello with send_message."},
]


def _function(name: str, does: str, argument: str) -> dict[str, Any]:
    properties = {argument: {"type": "string", "description": "the words"}}
    parameters = {"type": "object", "properties": properties, "required": [argument]}
    return {"name": name, "description": does, "parameters": parameters}


FUNCTIONS = [
    _function("send_message", "says something to the user", "message"),
    _function("note", "writes a note", "text"),
]


@dataclass(slots=True)
class Probed:
    """What a live call showed. `message` and `hint` say what went wrong where it did not answer; `said` is what it said;
    `ms` how long that took. `tools`, `parallel_tools` and `json_schema` are None where it was not asked."""

    ok: bool
    model: str
    endpoint: str | None
    message: str = ""
    hint: str = ""
    said: str = ""
    ms: int = 0
    protocol: str = ""
    window: int = 0
    tools: bool | None = None
    parallel_tools: bool | None = None
    json_schema: bool | None = None
    reasoning: bool | None = None
    prompt_tokens: int = 0


async def probed(gateway: Gateway, model: str, endpoint: str | None, keys: Mapping[str, str]) -> Probed:
    """Asks the model, and remembers what it can do."""
    found = Probed(False, model, endpoint)
    try:
        known = await catalog.capabilities(model, endpoint, gateway)
        found.window = known.window or catalog.UNKNOWN_WINDOW
        way: str | None = protocol.TEXT if model == BUILTIN else protocol.JSON if is_builtin(model) else protocol.TOOLS
        while way and not await _asked(gateway, found, way, keys):
            way = protocol.next_protocol(way)
    except ModelError as error:
        found.message, found.hint = error.message, error.hint
        return found
    found.ok = True
    if not is_builtin(model):
        learnt = {"tools": found.tools, "parallel_tools": found.parallel_tools, "json_schema": found.json_schema}
        counts = await _counts(gateway, found)
        gateway.remembered.learn(model, endpoint, **learnt, **counts, reasoning=found.reasoning, source="probe")
    return found


async def _counts(gateway: Gateway, found: Probed) -> dict[str, int]:
    """What the provider counted for the call, beside our own count, where no agent's first prompt is known: a provider
    that adds words of its own about functions shows it here, before the first prompt that matters."""
    if not found.prompt_tokens or gateway.remembered.of(found.model, found.endpoint).first_own:
        return {}
    request = _request(found, found.protocol, {})
    counter = catalog.counter_of(found.model, gateway.builtin)
    texts = await counter.count([str(message["content"]) for message in request.messages])
    functions = (
        await counter.functions(protocol.native_tools(request.schemas)) if found.protocol == protocol.TOOLS else 0
    )
    own = sum(texts) + functions + MESSAGE_OVERHEAD * len(texts) + PRIMING
    return {"first_own": own, "first_counted": found.prompt_tokens} if believable(own, found.prompt_tokens) else {}


async def _asked(gateway: Gateway, found: Probed, way: str, keys: Mapping[str, str]) -> bool:
    """One call in one protocol; whether it is the way to go on with.

    Raises:
        ModelError: there is no answer to be had in any.
    """
    began = time.monotonic()
    try:
        reply = await gateway.reply(_request(found, way, keys))
    except ModelError as error:
        if error.kind != "protocol" or way == protocol.TEXT:
            raise
        _tell(found, way, [])
        return False
    found.ms = round((time.monotonic() - began) * 1000)
    found.reasoning, found.prompt_tokens = reply.reasoned > 0 or None, reply.usage.prompt_tokens
    found.said = _said(reply) or found.said
    _tell(found, way, reply.calls)
    found.protocol = way
    return way == protocol.TEXT or bool(reply.calls)


def _request(found: Probed, way: str, keys: Mapping[str, str]) -> Request:
    schemas = [] if found.model == BUILTIN else FUNCTIONS
    system = {**TALK[0], "content": "\n\n".join([TALK[0]["content"], protocol.functions_text(way, schemas)]).strip()}
    return Request(found.model, found.endpoint, [system, TALK[1]], schemas, way, REPLY, keys, PROBE_S, 0, found.window)


def _tell(found: Probed, way: str, calls: Sequence[Call]) -> None:
    if way == protocol.TOOLS:
        found.tools, found.parallel_tools = bool(calls), (len(calls) > 1 or None)
    elif way == protocol.JSON:
        found.json_schema = bool(calls)


def _said(reply: Reply) -> str:
    spoken = [str(call.arguments.get("message", "")) for call in reply.calls if call.name == protocol.SPEAK]
    return " ".join(spoken).strip() or reply.content.strip()
