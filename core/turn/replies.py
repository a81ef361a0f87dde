"""What is committed of a model's answer: the reply, whole or broken off, and the returns of what it said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.context.render import Renderer
from core.functions.executor import OK
from core.functions.memory import DONE
from core.llm.types import Call
from core.messages import Item, Pending, Step
from core.store.journal import Draft, Journal
from core.transcript import events_of
from core.turn.external import ExternalContext
from memgpt import events as e


def as_pending(call: Call) -> Pending:
    return Pending(call.call_id, call.name, call.arguments, call.error)


def speaks(call: Call) -> bool:
    return call.name == "send_message" and not call.error


def reply_draft(external: ExternalContext, body: dict[str, Any], thought: str, said: str, item: Item) -> Draft:
    """A reply with its texts made searchable."""
    texts = {name: text for name, text in (("thought", thought), ("said", said)) if text}
    roles = {"thought": "inner_monologue", "said": "assistant"}
    effects = [external.document("recall", roles[name], name, text) for name, text in texts.items()]

    def effect(connection: Any, step: Step) -> None:
        for each in effects:
            each(connection, step)

    return Draft("reply", body, texts, (item,), effect)


async def spoken_draft(renderer: Renderer, call: Pending, at: int) -> Draft:
    """The return of a `send_message`. Only native tools have to be told of it."""
    body = {"call_id": call.call_id, "name": call.name, "status": OK}
    if renderer.protocol != "tools":
        return Draft("return", body)
    return Draft("return", body, {"text": DONE}, (await renderer.returned(call.call_id, call.name, OK, DONE, at),))


async def commit_interrupted(
    journal: Journal,
    renderer: Renderer,
    external: ExternalContext,
    said: str,
    thought: str,
    told: Mapping[str, Any] | None = None,
) -> list[e.Event]:
    """Commits the part of an answer that was shown before it was cut off, marked so, with the figures of its call where
    they are known; nothing where nothing was."""
    if not said and not thought:
        return []
    item = await renderer.reply(thought, said, (), {})
    body: dict[str, Any] = {
        "calls": [],
        "finish": "interrupted",
        "interrupted": True,
        **({"told": told} if told else {}),
    }
    steps = await journal.append(reply_draft(external, body, thought, said, item))
    external.added()
    return [event for step in steps for event in events_of(step)]
