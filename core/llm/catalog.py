"""What is known of a model before it is called: its window, how it calls functions, whether it can be trusted to."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.llm import protocol
from core.llm.addressing import local
from core.llm.builtin import Builtin, is_builtin, longest_window
from core.llm.capabilities import Capabilities, from_table
from core.llm.gateway import Gateway
from core.llm.tokens import Counter, ServerCounter, TiktokenCounter
from memgpt import servers
from memgpt.config import BUILTIN
from memgpt.home import UserError

UNKNOWN_WINDOW = 8192
USUAL = ("openai", "anthropic", "gemini", "ollama", "ollama_chat", "groq", "mistral", "openrouter", "deepseek")


def can_search(model: str) -> bool:
    """Whether the model can be trusted to page its memory itself; small offline ones cannot."""
    return not is_builtin(model)


def first_protocol(model: str, known: Capabilities) -> str:
    """The protocol to begin with: what the replies show decides afterwards."""
    if model == BUILTIN:
        return protocol.TEXT  # 135 M parameters answer in words; held to JSON they repeat its keys
    if not is_builtin(model) and known.tools is not False:
        return protocol.TOOLS
    return protocol.JSON if known.json_schema is not False else protocol.TEXT


def counter_of(model: str, builtin: Builtin) -> Counter:
    if is_builtin(model):
        return ServerCounter(lambda: builtin.address(model))
    return TiktokenCounter(model)


async def capabilities(model: str, endpoint: str | None, gateway: Gateway, near: bool = False) -> Capabilities:
    """What is known of a model without calling it: what was found out, what its server says, or what litellm's table has.

    A window of 0 means that nobody says. With `near`, only servers of this machine are asked: others may be slow to answer.

    Raises:
        ModelError: it is an offline model that cannot be loaded.
    """
    if is_builtin(model):
        return replace(unloaded(model), window=await gateway.builtin.window(model), source="server")
    known = gateway.remembered.of(model, endpoint)
    if address := endpoint or (servers.ollama_url() if servers.is_ollama(model) else None):
        if near and not local(address):
            return known
        served = await asyncio.to_thread(servers.served_model, address, model)
        told = Capabilities(tools=served.tools, window=served.window, source="server") if served else Capabilities()
        return replace(known.over(told), window=told.window or known.window)
    return known.over(from_table(await gateway.warm(), model))


def unloaded(model: str) -> Capabilities:
    """What is known of an offline model that could not be loaded."""
    return Capabilities(tools=False, json_schema=True, window=longest_window(model))


async def check_provider(model: str, gateway: Gateway) -> None:
    """Checks that there is somebody to ask for that model; whether they have it, their answer says.

    Raises:
        UserError: nobody is known by that name (exit status 2).
        ModelError: it is a file that cannot be loaded.
    """
    if is_builtin(model) and model != BUILTIN:
        await gateway.builtin.window(model)
    provider, slash, _ = model.partition("/")
    if is_builtin(model) or not slash or provider in USUAL:
        return
    litellm = await gateway.warm()
    try:
        litellm.get_llm_provider(model)
    except litellm.exceptions.BadRequestError:
        hint = "Write PROVIDER/MODEL, such as openai/gpt-4o, or builtin, or gguf:FILE; a model of a server of your own is openai/MODEL."
        raise UserError(f"There is no model provider {provider!r}.", hint, status=2) from None
