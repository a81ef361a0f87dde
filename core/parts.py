"""An agent with all that its turns need, made for the model that its settings name."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Any

from core.agent import Agent
from core.context import instructions
from core.context.blocks import SMALL_WINDOW
from core.context.manager import QueueManager
from core.context.queue import Limits
from core.context.reckoning import Provider
from core.context.render import Renderer
from core.context.window import digest_of
from core.functions.conversation import base_executor
from core.llm import catalog
from core.llm.builtin import is_builtin
from core.llm.capabilities import Capabilities
from core.llm.gateway import Gateway
from core.llm.purse import is_paid
from core.llm.tokens import Counter, TiktokenCounter
from core.llm.types import ModelError
from core.memory.search import Corpus
from core.store import rows
from core.store.journal import Journal
from core.turn.adapting import adaptation, in_effect, learnt
from core.turn.approvals import Approvals
from core.turn.external import ExternalContext, Sources
from core.turn.model import Model
from core.turn.summarising import Summariser
from core.turn.thinking import Thinking
from memgpt.servers import is_ollama


async def make_agent(
    journal: Journal,
    corpus: Corpus,
    gateway: Gateway,
    sources: Sources,
    cancel: asyncio.Event,
    approvals: Approvals,
    settings: Mapping[str, Any],
) -> Agent:
    """The agent as these settings have it. One whose model cannot be loaded keeps what is said to it, counted as nearly as
    can be, and tells why it does not answer."""
    model, endpoint = in_effect(settings)
    counter: Counter = catalog.counter_of(model, gateway.builtin)
    absent: ModelError | None = None
    try:
        known = await catalog.capabilities(model, endpoint, gateway, near=bool(settings["context_window"]))
    except ModelError as error:
        known, counter, absent = catalog.unloaded(model), TiktokenCounter(), error
    window = _window(settings, known)
    limits, searches = Limits.of(window, settings), catalog.can_search(model)
    renderer = Renderer(
        protocol=_protocol(settings, known),
        window=window,
        searches=searches,
        zone=instructions.zone_of(settings["timezone"]),
        counter=counter,
        plain_schemas=window <= SMALL_WINDOW,
    )
    renderer.know(await _counted(journal, model))
    external = ExternalContext(journal, corpus, sources, renderer.zone, settings["search_page_size"], limits.result)
    first = gateway.remembered.of(model, endpoint)
    provider = Provider(model, first.first_own, first.first_counted)
    called = Model(provider, endpoint, settings["request_timeout"], settings["retries"])
    strict = settings["monologue"] == "strict"
    thinking = Thinking(journal, renderer, gateway, external, limits, called, strict, cancel)
    summarise = None if is_builtin(model) else Summariser(thinking)
    manager = QueueManager(journal, renderer, limits, provider, summarise)
    return Agent(
        journal,
        renderer,
        manager,
        base_executor(),
        thinking,
        external,
        cancel,
        approvals,
        settings.get("approve", "nothing"),
        max_steps=settings["max_steps"],
        auto_recall={"on": True, "off": False}.get(settings["auto_recall"], not searches),
        over_budget=functools.partial(_over_budget, settings, gateway),
        adapts=functools.partial(adaptation, settings, renderer.protocol, window),
        absent=absent,
    )


def _over_budget(settings: Mapping[str, Any], gateway: Gateway, turn: float) -> ModelError | None:
    """That the turn, which has cost so many dollars, or the day is over its budget; a model that costs nothing may go on."""
    if not is_paid(*in_effect(settings)):
        return None
    try:
        gateway.purse.check(turn, settings.get("budget.turn", 0.0), settings.get("budget.day", 0.0))
    except ModelError as error:
        return error
    return None


def _protocol(settings: Mapping[str, Any], known: Capabilities) -> str:
    """How the model calls functions: as the user has it, as it was learnt of this model, or as it is supposed to."""
    if (chosen := settings["protocol"]) != "auto":
        return str(chosen)
    return learnt(settings, "learnt_protocol") or catalog.first_protocol(in_effect(settings)[0], known)


def _window(settings: Mapping[str, Any], known: Capabilities) -> int:
    """Tokens of the window: what the user has set, or what the model has; never more than it has, or than its server
    said that it is. Ollama gives a model the window that is asked for."""
    own, model = int(settings["context_window"]), in_effect(settings)[0]
    longest = own if is_ollama(model) else known.window
    window = min(own, longest or own) if own else known.window or catalog.UNKNOWN_WINDOW
    return min(window, learnt(settings, "learnt_window") or window)


async def _counted(journal: Journal, model: str) -> dict[str, int]:
    """Tokens of the fixed part's texts as the last call of this model had them: each text is counted once. What an earlier
    version kept is not known to be this model's count."""
    calls = await journal.steps(kinds=("call",), limit=1)
    if not calls or calls[0].body["model"] != model:
        return {}
    keys = [key for _, key in calls[0].body["parts"]]
    known: dict[str, tuple[int, str]] = await journal.read(lambda connection: rows.parts(connection, keys))
    return {body: tokens for key, (tokens, body) in known.items() if digest_of(body, tokens) == key}
