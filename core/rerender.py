"""The queue in another model's packaging, from what the journal knows of each message."""

from __future__ import annotations

from dataclasses import replace

from core.context import instructions
from core.context.render import Renderer
from core.llm.types import Call
from core.messages import Item, State, Step
from core.store.journal import Draft, Journal


async def rerendered(journal: Journal, renderer: Renderer) -> Draft:
    """The step that puts the summary and every message of the queue into another packaging, each keeping the step that
    it belongs to; ids and signatures of the old provider are left out."""
    state = journal.state
    steps = {step.id: step for step in await journal.steps(after=_first(state.queue) - 1)}
    items: list[Item] = []
    if state.summary and state.summary_text:
        fresh = await renderer.summary(state.summary_text.body, state.evicted, state.memory_at)
        items.append(replace(fresh, step=state.summary.step))
    for item in state.queue:
        step = steps.get(item.step)
        fresh_item = await _one(renderer, state, item, step) if step else item
        if fresh_item:
            items.append(replace(fresh_item, step=item.step))
    return Draft("settings", {"changes": {}, "rerendered": True}, items=tuple(items))


def _first(queue: tuple[Item, ...]) -> int:
    return min((item.step for item in queue), default=1)


async def _one(renderer: Renderer, state: State, item: Item, step: Step) -> Item | None:
    match item.kind:
        case "user":
            return await renderer.user(step.text("text"), step.at, state)
        case "reply":
            calls = tuple(Call(**call) for call in step.body["calls"])
            return await renderer.reply(step.text("thought"), step.text("said") if not calls else "", calls, {})
        case "return":
            body = step.body
            return await renderer.returned(body["call_id"], body["name"], body["status"], step.text("text"), step.at)
        case "login" | "event" | "pressure" if not renderer.searches:
            return None
        case "pressure":
            packed = instructions.system_alert(instructions.pressure_text(), step.at, renderer.zone)
            return await renderer.event("pressure", packed)
    return item
