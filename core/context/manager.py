"""Keeps main context inside its window: warns, evicts, summarises. Journals what it does, and tells of it after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.context import instructions
from core.context.queue import Limits, decide, extract, groups, last_turn, to_evict
from core.context.render import Renderer
from core.context.window import MESSAGE_OVERHEAD, Fixed, check_fits, fits, own_total, predicted, space
from core.messages import Item, Step
from core.store.journal import Draft, Journal, now

CHARACTERS_A_TOKEN = 4
SHORTEST_SUMMARY = 40  # tokens
WARNING = 100  # tokens that a memory-pressure event takes at most
PACKAGING = 50  # tokens around a message or a result: its kind, its time, the counts of memory
Summarise = Callable[[str, Sequence[str], int], Awaitable[str]]


class SummaryFailed(Exception):
    """The model's summary could not be had; the message says why."""


@dataclass(slots=True)
class QueueManager:
    """The queue manager of one agent. `summarise` is given the old summary, what was said, and the most tokens that
    the new one may take; without it, or where it fails, the summary is an extract."""

    journal: Journal
    renderer: Renderer
    limits: Limits
    model: str
    summarise: Summarise | None = None

    async def make_room(self, fixed: Fixed) -> AsyncIterator[Step]:
        """Does what has to happen before the next prompt is sent, and gives the steps that it took.

        Raises:
            WindowTooSmall: what is always sent does not fit.
        """
        check_fits(self.journal.state, fixed, self.limits, self.model)
        turn = self.journal.state.turn
        total = self.total(fixed)
        match decide(total, WARNING, self.limits, self.journal.state.warned, turn is not None and turn.evicted):
            case "pressure":
                yield await self.warn(total)
            case "evict":
                async for step in self.evict(fixed):
                    yield step

    def has_room(self, fixed: Fixed, arriving: Sequence[Item]) -> bool:
        """Whether these items may come into main context as it is: nothing has to be done before the next prompt."""
        state = self.journal.state
        own = own_total(state, fixed) + sum(item.tokens + MESSAGE_OVERHEAD for item in arriving)
        total = predicted(own, state, self.model)
        free = fits(state, fixed, self.limits, self.model)
        return free and decide(total, WARNING, self.limits, state.warned, False) == "fine"

    def total(self, fixed: Fixed) -> int:
        return predicted(own_total(self.journal.state, fixed), self.journal.state, self.model)

    def message_limit(self, fixed: Fixed) -> int:
        """Tokens that the user's next message may take in main context: a third of the room, or in a narrow window
        half of what the fixed part, the summary and one reply leave, so that results still fit beside it."""
        free = space(self.journal.state, fixed, self.limits, self.model, ()) - self.limits.reserve
        return max(SHORTEST_SUMMARY, min(self.limits.room // 3, free // 2) - PACKAGING)

    def result_limit(self, fixed: Fixed) -> int:
        """Tokens that the next function result may take: a quarter of the room, or its share of what is left beside
        the user's message and the reply that it answers."""
        state = self.journal.state
        pieces = groups(state.queue)
        newest = pieces[-1] if pieces else []
        asked = [item for item in last_turn(state.queue)[:1] if item not in newest]
        free = space(state, fixed, self.limits, self.model, [*asked, *newest])
        share = free // max(1, len(state.pending)) - PACKAGING
        return max(SHORTEST_SUMMARY, min(self.limits.result, share))

    async def warn(self, total: int) -> Step:
        """Journals one memory-pressure event."""
        at = now()
        packed = instructions.system_alert(instructions.pressure_text(), at, self.renderer.zone)
        items = (await self.renderer.event("pressure", packed),) if self.renderer.searches else ()
        body = {"tokens": total, "limit": self.limits.window}
        (step,) = await self.journal.append(Draft("pressure", body, items=items), at=at)
        return step

    async def evict(self, fixed: Fixed) -> AsyncIterator[Step]:
        """Moves the oldest messages out until what is left is down to keep, and writes the summary of what went.

        Where that is not enough, because one turn fills the window alone, it goes on inside that turn; what the model
        has not seen yet always stays.
        """
        for _ in range(4):
            gone = to_evict(self.journal.state.queue, self._excess(fixed))
            if not gone:
                return
            yield await self._evicted(gone)
            if self.total(fixed) <= self.limits.flush:
                return

    async def summarise_now(self) -> Step | None:
        """Moves everything before the last turn out, whatever the fill; None where there is nothing."""
        queue = self.journal.state.queue
        gone = queue[: len(queue) - len(last_turn(queue))]
        return await self._evicted(gone) if gone else None

    def _excess(self, fixed: Fixed) -> int:
        """Tokens by our own count that have to go; at the least down to the last turn."""
        state = self.journal.state
        own = own_total(state, fixed)
        scale = self.total(fixed) / max(1, own)
        old = state.summary.tokens if state.summary else 0
        target = int(self.limits.keep / scale) - (self.limits.summary - min(old, self.limits.summary))
        last = sum(item.tokens + MESSAGE_OVERHEAD for item in last_turn(state.queue))
        lowest = fixed.tokens + self.limits.summary + last
        return own - (max(target, lowest) if lowest <= self.limits.flush / scale else target)

    async def _evicted(self, gone: Sequence[Item]) -> Step:
        lines = await self._lines(gone)
        summary, note = await self._summary(lines)
        at = now()
        hidden = self.journal.state.evicted + len(gone)
        item = await self.renderer.summary(summary, hidden, at)
        body = {
            "steps": [item.step for item in gone],
            "messages": len(gone),
            "tokens": sum(item.tokens + MESSAGE_OVERHEAD for item in gone),
        }
        if note:
            body["note"] = note
        (step,) = await self.journal.append(Draft("evict", body, {"summary": summary}, (item,)), at=at)
        return step

    async def _summary(self, lines: Sequence[str]) -> tuple[str, str]:
        state = self.journal.state
        old = state.summary_text.body if state.summary_text else ""
        note = ""
        if self.summarise:
            try:
                return await self._fitted(await self.summarise(old, lines, self.limits.summary)), ""
            except SummaryFailed as error:
                note = f"The summary is an extract: {error}"
        return await self._fitted(extract(old, lines, self.limits.summary * CHARACTERS_A_TOKEN)), note

    async def _fitted(self, text: str) -> str:
        """The summary cut to its own limit, counted with the model's tokenizer."""
        frame = SHORTEST_SUMMARY
        for _ in range(6):
            (tokens,) = await self.renderer.counter.count([text])
            if tokens + frame <= self.limits.summary:
                return text
            keep = int(len(text) * max(1, self.limits.summary - frame) / max(1, tokens) * 0.95)
            text = text[:keep].rstrip() + "…"
        return text[: self.limits.summary]

    async def _lines(self, gone: Sequence[Item]) -> list[str]:
        """What was really said and done in the messages that go, function arguments included, a line each."""
        wanted = {item.step for item in gone}
        if not wanted:
            return []
        steps = await self.journal.steps(after=min(wanted) - 1, before=max(wanted) + 1)
        tell = told if self.renderer.searches else told_by_user
        return [line for step in steps if step.id in wanted for line in tell(step)]


def told_by_user(step: Step) -> list[str]:
    """What models that cannot search get out of a summary: the user's own words, questions left out."""
    text = step.text("text").strip()
    return [text] if step.kind == "user" and not text.endswith(("?", "？")) else []


def told(step: Step) -> list[str]:
    """A step as lines that a summary can be made of."""
    match step.kind:
        case "user":
            return [f"User: {step.text('text')}"]
        case "event":
            return [f"Event: {step.body['event']} {step.body.get('reason', '')}".rstrip()]
        case "reply":
            calls = [
                f"I called {call['name']}({', '.join(f'{key}={value!r}' for key, value in call['arguments'].items())})"
                for call in step.body["calls"]
                if call["name"] != "send_message"
            ]
            return [*([f"I said: {step.text('said')}"] if step.text("said") else []), *calls]
        case "return" if step.body["name"] != "send_message":
            return [f"Result of {step.body['name']}: {step.text('text')[:400]}"]
    return []
