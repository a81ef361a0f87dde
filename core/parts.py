"""An agent with all that its turns need, made for the model that its settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.agent import Agent
from core.context import instructions
from core.context.blocks import SMALL_WINDOW
from core.context.manager import QueueManager, SummaryFailed
from core.context.queue import Limits
from core.context.render import Renderer
from core.external import ExternalContext
from core.functions.conversation import base_executor
from core.llm import catalog
from core.llm.builtin import is_builtin
from core.llm.gateway import Gateway
from core.llm.protocol import next_protocol
from core.llm.types import ModelError, Request
from core.memory.search import Corpus
from core.store import rows
from core.store.journal import Journal
from core.thinking import Model, Thinking

SUMMARY_TIMEOUT_S = 60.0
SUMMARY_ORDER = (
    "You keep the memory of a conversation. Write a summary in the first person of the assistant, under 120 words: "
    "facts, names, dates, decisions, open questions. Only the summary."
)
Sources = Callable[[Sequence[str]], Sequence[Corpus]]


async def make_agent(
    journal: Journal, corpus: Corpus, gateway: Gateway, sources: Sources, cancel: asyncio.Event
) -> Agent:
    """The agent as the journal's settings have it now."""
    settings = journal.state.settings
    model, endpoint = settings["model"], settings["model_endpoint"] or None
    window = await _window(settings, gateway)
    limits, searches = Limits.of(window, settings), catalog.can_search(model)
    renderer = Renderer(
        protocol=_protocol(settings),
        window=window,
        searches=searches,
        zone=instructions.zone_of(settings["timezone"]),
        counter=catalog.counter_of(model, gateway.builtin),
        plain_schemas=window <= SMALL_WINDOW,
    )
    renderer.know(await _counted(journal, model))
    external = ExternalContext(journal, corpus, sources, renderer.zone, settings["search_page_size"], limits.result)
    called = Model(model, endpoint, settings["request_timeout"], settings["retries"])
    strict = settings["monologue"] == "strict"
    thinking = Thinking(journal, renderer, gateway, external, limits, called, strict, cancel)
    summarise = None if is_builtin(model) else Summariser(thinking)
    manager = QueueManager(journal, renderer, limits, model, summarise)
    return Agent(
        journal,
        renderer,
        manager,
        base_executor(),
        thinking,
        external,
        cancel,
        max_steps=settings["max_steps"],
        auto_recall={"on": True, "off": False}.get(settings["auto_recall"], not searches),
        adapts=settings["protocol"] == "auto" and next_protocol(renderer.protocol) is not None,
    )


@dataclass(frozen=True, slots=True)
class Summariser:
    """Summaries by the agent's own model, with a reserve and a time limit of their own."""

    thinking: Thinking

    async def __call__(self, old: str, lines: Sequence[str], tokens: int) -> str:
        """A summary of the old one and of what was said, of at most so many tokens.

        Raises:
            SummaryFailed: there is none to be had, or not in time.
        """
        model, limits = self.thinking.model, self.thinking.limits
        text = "\n".join([f"Summary so far: {old}", *lines] if old else lines)
        room = (limits.window - tokens) * 2  # characters; half of what would fit, since the server counts, not we
        text = text if len(text) <= room else f"{text[: room // 3]}\n…\n{text[-(room * 2 // 3) :]}"
        messages = [{"role": "system", "content": SUMMARY_ORDER}, {"role": "user", "content": text}]
        protocol = self.thinking.renderer.protocol
        request = Request(model.name, model.endpoint, messages, [], protocol, tokens, model.keys, model.timeout, 0)
        try:
            summary = await asyncio.wait_for(self.thinking.gateway.complete(request), SUMMARY_TIMEOUT_S)
        except (ModelError, TimeoutError) as error:
            raise SummaryFailed(str(error) or "the model took too long.") from None
        if not summary:
            raise SummaryFailed("the model gave none.")
        return summary


def _protocol(settings: Mapping[str, Any]) -> str:
    """How the model calls functions: as the user has it, as it was learnt of this model, or as it is supposed to."""
    model, chosen = settings["model"], settings["protocol"]
    learnt_of, learnt = settings.get("learnt_protocol", ("", ""))
    if chosen != "auto":
        return str(chosen)
    return str(learnt) if learnt_of == model else catalog.first_protocol(model)


async def _window(settings: Mapping[str, Any], gateway: Gateway) -> int:
    own, model = int(settings["context_window"]), settings["model"]
    if own and not is_builtin(model):
        return own
    most = await catalog.context_window(model, settings["model_endpoint"] or None, gateway)
    return min(own, most) if own else most


async def _counted(journal: Journal, model: str) -> dict[str, int]:
    """Tokens of the fixed part's texts as the last call of this model had them: each text is counted once."""
    calls = await journal.steps(kinds=("call",), limit=1)
    if not calls or calls[0].body["model"] != model:
        return {}
    keys = [key for _, key in calls[0].body["parts"]]
    known: dict[str, int] = await journal.read(lambda connection: rows.counted_parts(connection, keys))
    return known
