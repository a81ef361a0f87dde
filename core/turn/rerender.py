"""The queue in another model's packaging, from what the journal knows of each message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.context import instructions
from core.context.manager import QueueManager
from core.context.window import Fixed
from core.context.wording import as_reworded
from core.functions.memory import DONE
from core.llm.types import Call
from core.messages import Item, Step
from core.store import lookups, rows
from core.store.journal import Draft

if TYPE_CHECKING:
    import duckdb

SAID = ("user", "reply", "return")  # steps whose messages are no events; one may stand for them that are too large


async def rerendered(manager: QueueManager, fixed: Fixed) -> Draft:
    """The step that puts the summary and every message of the queue into another packaging, each keeping the step that
    it belongs to; ids and signatures of the old provider are left out. Events come back that a model was not shown."""
    state = manager.journal.state
    evictions = await manager.journal.steps(kinds=("evict",))
    gone = max((number for step in evictions for number in step.body["steps"]), default=0)
    first = min((item.step for item in state.queue), default=1)
    steps = as_reworded(await manager.journal.steps(after=min(gone, first - 1)))
    items: list[Item] = []
    if state.summary and state.summary_text:
        fresh = await manager.renderer.summary(state.summary_text.body, state.evicted, state.memory_at)
        items.append(replace(fresh, step=state.summary.step))
    packing = _Packing(manager, fixed, {step.id: step for step in steps}, _results(steps))
    untold = await _untold(manager, [step for step in steps if step.id > gone]) if manager.renderer.searches else []
    items += await packing.items(sorted([*state.queue, *untold], key=lambda item: item.step))
    return Draft("settings", {"changes": {}, "rerendered": True}, items=tuple(items))


async def _untold(manager: QueueManager, steps: Sequence[Step]) -> list[Item]:
    """The events among some steps that are not in the queue: the model before this one makes nothing of them."""
    shown = {item.step for item in manager.journal.state.queue}
    told = [step.id for step in steps if step.kind not in SAID and step.id not in shown]

    def work(connection: duckdb.DuckDBPyConnection) -> list[Item]:
        return list(rows.fetch_items(connection, lookups.events_of(connection, told)).values())

    return list(await manager.journal.read(work))


def _results(steps: Sequence[Step]) -> dict[str, int]:
    """How many results the step of each call has."""
    replies = [step.body["calls"] for step in steps if step.kind == "reply"]
    return {call["call_id"]: len(calls) for calls in replies for call in calls}


async def rendered(manager: QueueManager, fixed: Fixed, reply: Step) -> Item:
    """A reply from its step, without what a provider gave along with it."""
    calls = tuple(Call(**call) for call in reply.body["calls"])
    own = reply.text("thought")[reply.body.get("reasoned", 0) :].lstrip("\n")
    said = "" if calls else reply.text("said")
    most = max(manager.limits.reserve, manager.message_limit(fixed))
    return await manager.renderer.fitted_reply(own, said, calls, {}, most)


@dataclass(frozen=True, slots=True)
class _Packing:
    """What messages are packed from: their steps by number, and how many results stand beside that of a call."""

    manager: QueueManager
    fixed: Fixed
    steps: Mapping[int, Step]
    results: Mapping[str, int]

    async def items(self, queue: Sequence[Item]) -> list[Item]:
        shown = {item.step for item in queue}
        untold = {
            step.body["call_id"]: step for step in self.steps.values() if step.kind == "return" and step.id not in shown
        }
        found: list[Item] = []
        for item in queue:
            step = self.steps.get(item.step)
            fresh = await self._one(item, step) if step else item
            if fresh:
                found.append(replace(fresh, step=item.step))
            # An event may stand for a reply that was too large: no call of it is before the model.
            if step and item.kind == "reply" and self.manager.renderer.protocol == "tools":
                told = [untold[call["call_id"]] for call in step.body["calls"] if call["call_id"] in untold]
                found += [await self._told(spoken) for spoken in told]
        return found

    async def _one(self, item: Item, step: Step) -> Item | None:
        renderer, state = self.manager.renderer, self.manager.journal.state
        match item.kind:
            case "user":
                shown = await self.manager.shown_message(step.text("text"), step.id, self.fixed)
                return await renderer.user(shown, step.at, state)
            case "reply":
                return await rendered(self.manager, self.fixed, step)
            case "return":
                return await self._returned(step)
            case "login" | "event" | "pressure" if not renderer.searches:
                return None
            case "login" | "event":
                return await renderer.item(item.kind, item.sent)
            case "pressure":
                packed = instructions.system_alert(instructions.pressure_text(), step.at, renderer.zone)
                return await renderer.event("pressure", packed)
        return item

    async def _returned(self, step: Step) -> Item:
        body = step.body
        limit = self.manager.repacked_limit(self.fixed, self.results.get(body["call_id"], 1))
        shown = await self.manager.shown_result(step.text("text"), limit)
        return await self.manager.renderer.returned(body["call_id"], body["name"], body["status"], shown, step.at)

    async def _told(self, spoken: Step) -> Item:
        """The return of a `send_message` for native tools, which take no call without one; the others were not told of
        it."""
        body = spoken.body
        fresh = await self.manager.renderer.returned(body["call_id"], body["name"], body["status"], DONE, spoken.at)
        return replace(fresh, step=spoken.id)
