"""The queue in another model's packaging, from what the journal knows of each message."""

from __future__ import annotations

from dataclasses import replace

from core.context import instructions
from core.context.render import Renderer
from core.context.wording import as_reworded
from core.functions.memory import DONE
from core.llm.types import Call
from core.messages import Item, State, Step
from core.store.journal import Draft, Journal


async def rerendered(journal: Journal, renderer: Renderer) -> Draft:
    """The step that puts the summary and every message of the queue into another packaging, each keeping the step that
    it belongs to; ids and signatures of the old provider are left out."""
    state = journal.state
    steps = {step.id: step for step in as_reworded(await journal.steps(after=_first(state.queue) - 1))}
    shown = {item.step for item in state.queue}
    untold = {step.body["call_id"]: step for step in steps.values() if step.kind == "return" and step.id not in shown}
    items: list[Item] = []
    if state.summary and state.summary_text:
        fresh = await renderer.summary(state.summary_text.body, state.evicted, state.memory_at)
        items.append(replace(fresh, step=state.summary.step))
    for item in state.queue:
        step = steps.get(item.step)
        fresh_item = await _one(renderer, state, item, step) if step else item
        if fresh_item:
            items.append(replace(fresh_item, step=item.step))
        if (
            step and item.kind == "reply" and renderer.protocol == "tools"
        ):  # not an event that stands for a step too large
            items += [await _told(renderer, untold[call["call_id"]]) for call in step.body["calls"]
                      if call["call_id"] in untold]  # fmt: skip
    return Draft("settings", {"changes": {}, "rerendered": True}, items=tuple(items))


async def rendered(renderer: Renderer, reply: Step) -> Item:
    """A reply from its step, without what a provider gave along with it."""
    calls = tuple(Call(**call) for call in reply.body["calls"])
    own = reply.text("thought")[reply.body.get("reasoned", 0) :].lstrip("\n")
    return await renderer.reply(own, "" if calls else reply.text("said"), calls, {})


def _first(queue: tuple[Item, ...]) -> int:
    return min((item.step for item in queue), default=1)


async def _told(renderer: Renderer, spoken: Step) -> Item:
    """The return of a `send_message` for native tools, which take no call without one; the others were not told of it."""
    body = spoken.body
    return replace(
        await renderer.returned(body["call_id"], body["name"], body["status"], DONE, spoken.at), step=spoken.id
    )


async def _one(renderer: Renderer, state: State, item: Item, step: Step) -> Item | None:
    match item.kind:
        case "user":
            return await renderer.user(step.text("text"), step.at, state)
        case "reply":
            return await rendered(renderer, step)
        case "return":
            body = step.body
            return await renderer.returned(body["call_id"], body["name"], body["status"], step.text("text"), step.at)
        case "login" | "event" | "pressure" if not renderer.searches:
            return None
        case "pressure":
            packed = instructions.system_alert(instructions.pressure_text(), step.at, renderer.zone)
            return await renderer.event("pressure", packed)
    return item
