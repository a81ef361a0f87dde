"""The turn: think, act, observe, until the model yields.

An agent takes what happened and gives the events of the turn that follows, each after it was committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.context import instructions
from core.context.manager import QueueManager
from core.context.render import Renderer
from core.context.window import Fixed, Ledger, WindowTooSmall, ledger, refused, taken_window
from core.ending import Stopped, raced
from core.functions.executor import FAILED, INTERRUPTED, BlockChange, Context, Executor, NewPassage, Pause, Result
from core.llm.types import ModelError
from core.memory.search import Hit
from core.messages import Pending, Text
from core.store.journal import Draft, Journal, now
from core.transcript import events_of
from core.turn.approvals import Approvals, Verdict, needs_word
from core.turn.external import ExternalContext
from core.turn.replies import spoken_draft
from core.turn.thinking import Thinking
from core.turn.totals import TurnTotals, totals_of
from memgpt import events as e

UNSAID = "You have not answered the user yet. Say something with send_message now."
STILL_UNSAID = "The model ended its turn without a message."
CONTEXT_ATTEMPTS = 3


@dataclass(slots=True)
class Agent:
    """One agent with what it needs for a turn; setting `cancel` stops the turn at the next instant that it can.

    Where `adapts` knows what to change after a ModelError, the agent raises it and leaves the turn open: the session
    makes the change and goes on.
    """

    journal: Journal
    renderer: Renderer
    manager: QueueManager
    executor: Executor
    thinking: Thinking
    external: ExternalContext
    cancel: asyncio.Event
    approvals: Approvals
    approve: str = "nothing"
    max_steps: int = 50
    auto_recall: bool = False
    over_budget: Callable[[float], ModelError | None] = lambda dollars: None
    adapts: Callable[[ModelError], Mapping[str, Any]] = lambda error: {}
    absent: ModelError | None = None  # why its model cannot be asked at all

    async def user_message(self, text: str) -> AsyncIterator[e.Event]:
        """The turn that a message of the user begins."""
        at = now()
        shown = await self.manager.shown_message(text, self.journal.next_step, await self.fixed())
        item = await self.renderer.user(shown, at, self.journal.state)
        effect = self.external.document("recall", "user", "text", text)
        message = Draft("user", {"turn": True}, {"text": text}, (item,), effect)
        begun: Draft | None = message
        if self.auto_recall:
            hits = asyncio.ensure_future(self.external.relevant(text, self.renderer.searches))
            for event in await self._committed(message):
                yield event
            begun = await self._paged_in(text, hits)
        async for event in self.go_on(begun):
            yield event

    async def event(self, kind: str, packed: str, reason: str = "") -> AsyncIterator[e.Event]:
        """The turn that something else begins: a heartbeat, a timer, a new agent's first login."""
        item = await self.renderer.event("event", packed)
        body = {"event": kind, "reason": reason, "turn": True}
        async for event in self.go_on(Draft("event", body, items=(item,))):
            yield event

    async def taken_over(self) -> AsyncIterator[e.Event]:
        """The rest of a turn that was begun with the model called otherwise, or with another one: pages are found for the
        user's message again, if it is still the newest and this model is to have them."""
        begun: Draft | None = None
        newest = self.journal.state.queue[-1] if self.journal.state.queue else None
        if self.auto_recall and newest and newest.kind == "user" and not newest.recalled:
            (step,) = await self.journal.steps(after=newest.step - 1, before=newest.step + 1)
            text = step.text("text")
            begun = await self._paged_in(text, self.external.relevant(text, self.renderer.searches))
        async for event in self.go_on(begun):
            yield event

    async def go_on(self, begun: Draft | None = None) -> AsyncIterator[e.Event]:
        """The rest of the turn that is open, also one that was cut off: calls under way then are not run again. What
        has `begun` it, or changes the message that has, is committed with the first model call where it can be."""
        begins = begun is not None and begun.body.get("turn")
        totals = TurnTotals() if begins else await totals_of(self.journal)
        told: dict[str, str] = {}
        try:
            async for event in self._steps(totals, begun):
                yield event
            reason, told = self._verdict(totals)
            if totals.capped:
                yield self._question("steps", told["message"])
        except Stopped:
            reason, told = "cancelled", {"message": "Stopped.", "hint": "What was shown is kept."}
            async for event in self._answer_pending("stopped by the user"):
                yield event
        except ModelError as error:
            if self.adapts(error):
                raise
            if error.kind == "budget":
                yield self._question("budget", error.message)
            reason, told = "error", {"message": error.message, "hint": error.hint}
        except WindowTooSmall as error:
            hint = "Shorten core memory or the instructions, or choose a larger context_window."
            reason, told = "error", {"message": str(error), "hint": hint}
        if self.journal.state.turn:
            (step,) = await self.journal.append(totals.end(reason, **told))
            for event in events_of(step):
                yield event

    async def given_up(self, error: ModelError) -> AsyncIterator[e.Event]:
        """The end of a turn that no model can be had for."""
        totals = await totals_of(self.journal)
        (step,) = await self.journal.append(totals.end("error", message=error.message, hint=error.hint))
        for event in events_of(step):
            yield event

    async def _steps(self, totals: TurnTotals, begun: Draft | None) -> AsyncIterator[e.Event]:
        """Model calls, each with what it calls, until the model yields or the turn's cap is reached."""
        again = True
        while again and (begun or self._may_think()):
            async for event in self._answer_pending(INTERRUPTED):
                yield event
            async for event in self._think(totals, begun):
                yield event
            again, begun = False, None
            for call in self.journal.state.pending:
                verdict = Verdict(True)
                if needs_word(self.approve, call):
                    yield (question := self.approvals.ask(call, self.journal.state.name, self.journal.state.head))
                    verdict = await raced(self.approvals.verdict(question), self.cancel)
                result, events = await self._act(call, verdict)
                again = again or result.again
                for event in events:
                    yield event
            again = again or await self._nudged()
        totals.capped = again and self.journal.state.turn is not None

    def _may_think(self) -> bool:
        turn = self.journal.state.turn
        return turn is not None and turn.calls < self.max_steps

    async def _think(self, totals: TurnTotals, begun: Draft | None) -> AsyncIterator[e.Event]:
        """One model call, with room made for it; a prompt that the provider finds too long is shortened and sent again."""
        stop = self.absent or self.thinking.was_cut() or self.over_budget(totals.cost_usd or 0.0)
        if begun and (stop or not self.manager.has_room(await self.fixed(), begun.items)):
            for event in await self._committed(begun):
                yield event
            begun = None
        if stop:
            raise stop
        for attempt in range(CONTEXT_ATTEMPTS + 1):
            if not begun:
                async for event in self._room_made(totals):
                    yield event
            try:
                async for event in self.thinking.think(await self.fixed(), totals, begun):
                    yield event
            except ModelError as error:
                if error.kind != "context":
                    raise
                limits, provider = self.manager.limits, self.manager.provider
                error.taken = taken_window(self.journal.state, await self.fixed(), limits, provider)
                if attempt == CONTEXT_ATTEMPTS or self.adapts(error):
                    raise
                begun = None
                await self._overflowed()
            else:
                return

    async def _room_made(self, totals: TurnTotals) -> AsyncIterator[e.Event]:
        """What has to happen before the next prompt; a summary is paid by the turn. An eviction may bring edits of core
        memory into view, so it is looked again until nothing is left to do."""
        before = -1
        while before != self.journal.state.head:
            before = self.journal.state.head
            async for step in self.manager.make_room(await self.fixed()):
                if told := step.body.get("told"):
                    totals.add(told, step=False)
                for event in events_of(step):
                    yield event

    async def _committed(self, draft: Draft) -> list[e.Event]:
        (step,) = await self.journal.append(draft)
        self.external.added()
        return events_of(step)

    async def _overflowed(self) -> None:
        """Takes the provider at its word: from now on it is taken to count more than it said before."""
        factor = refused(self.journal.state, await self.fixed(), self.manager.limits, self.manager.provider)
        await self.journal.append(Draft("overflow", {"factor": factor, "model": self.manager.provider.model}))

    async def _act(self, call: Pending, verdict: Verdict) -> tuple[Result, list[e.Event]]:
        """Runs one call that may run; its effect and its return are committed together, and only then told."""
        if not verdict.allowed:
            result = Result(FAILED, verdict.told, again=True)
            return result, await self._returned(call, result)
        state = self.journal.state
        limit = self.manager.result_limit(await self.fixed())
        context = Context(state.blocks, self.external, self.renderer.zone, self.external.page_size, limit)
        result = await self._admitted(await raced(self.executor.run(call, context), self.cancel))
        if call.name == "send_message" and result.status != FAILED:
            (step,) = await self.journal.append(await spoken_draft(self.renderer, call, now()))
            return result, events_of(step)
        return result, await self._returned(call, result)

    async def _admitted(self, result: Result) -> Result:
        """A result whose effect main context has room for; core memory is always in it."""
        if not isinstance(result.effect, BlockChange):
            return result
        reason = await self.manager.refusal(await self.fixed(), result.effect.label, result.effect.after)
        return Result(FAILED, reason, again=True) if reason else result

    async def _returned(self, call: Pending, result: Result) -> list[e.Event]:
        at = now()
        text = await self.manager.shown_result(result.text, self.manager.result_limit(await self.fixed()))
        item = await self.renderer.returned(call.call_id, call.name, result.status, text, at)
        body = {"call_id": call.call_id, "name": call.name, "status": result.status}
        draft = Draft("return", body, {"text": result.text}, (item,))
        match result.effect:
            case BlockChange(label=label, after=after):
                block = self.journal.state.blocks[label]
                draft.body["label"] = label
                draft.texts = {**draft.texts, "before": Text(block.text_id, block.text), "after": after}
            case NewPassage(text=passage, tags=tags):
                draft.body["passage"] = self.journal.next_doc
                draft.texts = {**draft.texts, "passage": passage}
                draft.effect = self.external.document("archival", "passage", "passage", passage, tags)
            case Pause(minutes=minutes):
                draft.body["pause_minutes"] = minutes
        (step,) = await self.journal.append(draft, at=at)
        if result.effect:
            self.external.added()
        return events_of(step)

    async def _answer_pending(self, reason: str) -> AsyncIterator[e.Event]:
        """Calls that have no return are answered, never run again."""
        for call in self.journal.state.pending:
            for event in await self._returned(call, Result(FAILED, reason)):
                yield event

    async def _nudged(self) -> bool:
        """A turn that the user began never ends unsaid: one more step, told so."""
        turn = self.journal.state.turn
        if turn is None or turn.said or turn.nudged or not turn.user:
            return False
        packed = instructions.heartbeat_event(UNSAID, now(), self.renderer.zone)
        item = await self.renderer.event("event", packed)
        await self.journal.append(
            Draft("event", {"event": "heartbeat", "reason": UNSAID, "nudge": True}, items=(item,))
        )
        return True

    def _question(self, about: str, why: str) -> e.Question:
        """Whether the turn, which comes to its end, is to go on in another one."""
        return e.Question(step=self.journal.state.head, at=now(), call_id=about, text=f"{why} Is it to go on?")

    def _verdict(self, totals: TurnTotals) -> tuple[str, dict[str, str]]:
        """Why the model calls have come to an end."""
        turn = self.journal.state.turn
        if totals.capped:
            hint = "Send a message to let it go on, or raise max_steps."
            return "step_cap", {"message": f"The turn was stopped after {self.max_steps} model calls.", "hint": hint}
        if turn and turn.user and not turn.said:
            return "error", {"message": STILL_UNSAID, "hint": "/retry asks again; a more capable model does this less."}
        return "done", {}

    async def _paged_in(self, text: str, hits: Awaitable[Sequence[Hit]]) -> Draft | None:
        """The user's newest message with the pages that were found for it, in the tokens that both may come to."""
        free = self.manager.message_limit(await self.fixed())
        space = max(free, self.journal.state.queue[-1].tokens) + free
        return await self.external.page_in(text, await hits, self.renderer, self.manager.limits.room, space)

    async def fixed(self) -> Fixed:
        """What is sent with every call as things stand."""
        schemas = self.executor.schemas(self.renderer.plain_schemas)
        return await self.renderer.fixed(self.journal.state, schemas)

    async def ledger(self) -> Ledger:
        """The tokens of main context as it stands, by section."""
        return ledger(self.journal.state, await self.fixed(), self.manager.limits.window, self.manager.provider)
