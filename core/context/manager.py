"""Keeps main context inside its window: warns, evicts, summarises. Journals what it does, and tells of it after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from core.context import instructions
from core.context.queue import Limits, clipped, decide, groups, last_turn, to_evict
from core.context.reckoning import Provider, Reckoning, counted_for, weight
from core.context.render import Renderer
from core.context.shortening import shortened
from core.context.summary import extract, without_rot
from core.context.window import Fixed, check_fits, fits, own_total, space
from core.context.wording import as_reworded
from core.llm.tokens import MESSAGE_OVERHEAD
from core.messages import Item, Step, written
from core.store import rows
from core.store.journal import Draft, Journal, now

if TYPE_CHECKING:
    import duckdb

CHARACTERS_A_TOKEN = 4
SHORTEST_SUMMARY = 40  # tokens
WARNING = 100  # tokens that a memory-pressure event takes at most
PACKAGING = 50  # tokens around a message or a result: its kind, its time, the counts of memory


@dataclass(frozen=True, slots=True)
class Summary:
    """A model's summary, and the figures of the call that wrote it."""

    text: str
    told: dict[str, Any]


Summarise = Callable[[str, Sequence[str], int], Awaitable[Summary]]


class SummaryFailed(Exception):
    """The model's summary could not be had; the message says why."""


@dataclass(slots=True)
class QueueManager:
    """The queue manager of one agent. `summarise` is given the old summary, what was said, and the most tokens that
    the new one may take; without it, or where it fails, the summary is an extract."""

    journal: Journal
    renderer: Renderer
    limits: Limits
    provider: Provider
    summarise: Summarise | None = None

    async def make_room(self, fixed: Fixed) -> AsyncIterator[Step]:
        """Does what has to happen before the next prompt is sent, and gives the steps that it took.

        Raises:
            WindowTooSmall: what is always sent does not fit.
        """
        check_fits(self.journal.state, fixed, self.limits, self.provider)
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
        own = own_total(state, fixed) + weight(arriving)
        total = Reckoning.of(state, self.provider).predicted(own)
        free = fits(state, fixed, self.limits, self.provider)
        return free and decide(total, WARNING, self.limits, state.warned, False) == "fine"

    def total(self, fixed: Fixed) -> int:
        """What the next prompt comes to, with a margin for what the provider has not counted yet."""
        state = self.journal.state
        return Reckoning.of(state, self.provider).predicted(own_total(state, fixed))

    def message_limit(self, fixed: Fixed) -> int:
        """Tokens that the user's next message may take in main context: a third of the room, or in a narrow window
        half of what the fixed part, the summary and one reply leave, so that results still fit beside it."""
        free = space(self.journal.state, fixed, self.limits, self.provider, ()) - self.limits.reserve
        return max(SHORTEST_SUMMARY, min(self.limits.room // 3, free // 2) - PACKAGING)

    def result_limit(self, fixed: Fixed) -> int:
        """Tokens that the next function result may take: a quarter of the room, or its share of what is left beside
        the user's message and the reply that it answers."""
        state = self.journal.state
        pieces = groups(state.queue)
        newest = pieces[-1] if pieces else []
        asked = [item for item in last_turn(state.queue)[:1] if item not in newest]
        free = space(state, fixed, self.limits, self.provider, [*asked, *newest])
        share = free // max(1, len(state.pending)) - PACKAGING
        return max(SHORTEST_SUMMARY, min(self.limits.result, share))

    def repacked_limit(self, fixed: Fixed, results: int) -> int:
        """Tokens that one of so many results of a step may take when main context is packed anew: its share, whatever else
        is held; what is too much together leaves afterwards."""
        free = space(self.journal.state, fixed, self.limits, self.provider, ())
        return max(SHORTEST_SUMMARY, min(self.limits.result, free // max(1, results) - PACKAGING))

    async def shown_message(self, text: str, step: int, fixed: Fixed) -> str:
        """The user's words as main context has them: all, or head and tail where they would fill the window."""
        place = f"the whole is in recall memory as m{step}; conversation_search finds its parts"
        return await self._clipped(text, self.message_limit(fixed), place)

    async def shown_result(self, text: str, limit: int) -> str:
        """A function's result likewise."""
        return await self._clipped(text, limit, "ask for less at once")

    async def _clipped(self, text: str, limit: int, note: str) -> str:
        (tokens,) = await self.renderer.counter.count([text])
        return clipped(text, tokens, limit, note)

    async def refusal(self, fixed: Fixed, label: str, after: str) -> str:
        """Why a block may not have that text: core memory would leave no room to talk in; empty where it may."""
        state = self.journal.state
        coming = {name: after if name == label else block.text for name, block in state.blocks.items()}
        there = {name: block.text for name, block in state.shown.items()}
        old, new, *counts = await self.renderer.counter.count(
            [state.blocks[label].text, after, *coming.values(), *there.values()]
        )
        more = sum(counts[: len(coming)]) - sum(counts[len(coming) :])
        if new <= old or fits(state, fixed, self.limits, self.provider, more):
            return ""
        return (
            f'Edit refused: "{label}" would grow to {new} tokens, and a window of {self.limits.window} would have no '
            "room for the conversation beside it. Shorten what is there, or put it into archival memory."
        )

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

        Where that is not enough, because one turn fills the window alone, it goes on inside that turn. What the model
        has not seen yet stays; where it is too large by itself, it is cut.
        """
        while self.total(fixed) > self.limits.flush:
            gone = to_evict(self.journal.state.queue, self._excess(fixed))
            if not gone:
                yield await self._shortened(fixed)
                return
            yield await self._evicted(gone)

    async def _shortened(self, fixed: Fixed) -> Step:
        state = self.journal.state
        room = space(state, fixed, self.limits, self.provider, ())
        items = await shortened(self.renderer, state.queue, room)
        tokens = sum(item.tokens for item in state.queue) - sum(item.tokens for item in items)
        (step,) = await self.journal.append(Draft("shorten", {"tokens": tokens}, items=tuple(items)))
        return step

    async def summarise_now(self) -> Step | None:
        """Moves everything before the last turn out, whatever the fill; None where there is nothing."""
        queue = self.journal.state.queue
        gone = queue[: len(queue) - len(last_turn(queue))]
        return await self._evicted(gone) if gone else None

    async def summarised_without(self, steps: Collection[int], note: str) -> Step | None:
        """Makes the summary again without what was said at some steps: an extract of all else that has left, since a
        model's own words cannot be told apart. None where nothing of that stands in it."""
        evictions = await self.journal.steps(kinds=("evict",))
        left = {number for eviction in evictions for number in eviction.body["steps"]}
        if left.isdisjoint(steps):
            return None
        lines = await self._lines(left.difference(steps))
        summary, item = await self._fitted(partial(extract, "", lines), self.journal.state.evicted)
        body = {"steps": [], "messages": 0, "tokens": 0, "note": note}
        (step,) = await self.journal.append(Draft("evict", body, {"summary": summary}, (item,)))
        return step

    def _excess(self, fixed: Fixed) -> int:
        """Tokens by our own count that have to go; at the least down to the last turn."""
        state = self.journal.state
        own, reckoning = own_total(state, fixed), Reckoning.of(state, self.provider)
        old = state.summary.tokens if state.summary else 0
        target = reckoning.affordable(self.limits.keep) - (self.limits.summary - min(old, self.limits.summary))
        last = weight(last_turn(state.queue))
        lowest = fixed.tokens + self.limits.summary + last
        return max(1, own - (max(target, lowest) if lowest <= reckoning.affordable(self.limits.flush) else target))

    async def _evicted(self, gone: Sequence[Item]) -> Step:
        hidden = self.journal.state.evicted + len(gone)
        make, about = await self._maker(await self._lines({item.step for item in gone}))
        summary, item = await self._fitted(make, hidden)
        body = {
            "steps": [item.step for item in gone],
            "messages": len(gone),
            "tokens": weight(gone),
            "counted": await self._counted(gone),
            **about,
        }
        (step,) = await self.journal.append(Draft("evict", body, {"summary": summary}, (item,)))
        return step

    async def _counted(self, gone: Sequence[Item]) -> int:
        """What the provider counted for the messages that go."""
        reckoning = Reckoning.of(self.journal.state, self.provider)
        first, path = min(item.step for item in gone), self.journal.state.path

        def replies(connection: duckdb.DuckDBPyConnection) -> list[Step]:
            before = rows.bare_steps(connection, path, 0, first, ("reply",), 1)
            after = (before[0].id if before else first) - 1
            return rows.bare_steps(connection, path, after, None, ("reply", "evict"), 1 << 31)

        steps = await self.journal.read(replies)
        return counted_for(gone, steps, self.provider.model, reckoning.leaving)

    async def _maker(self, lines: Sequence[str]) -> tuple[Callable[[int], str], dict[str, Any]]:
        """What makes the summary of the old one and these lines in so many characters, and what is to be told of it:
        what it cost, or why the model did not write it."""
        old = self.journal.state.summary_text.body if self.journal.state.summary_text else ""
        if not self.summarise:
            return partial(extract, old, lines), {}
        try:
            fresh = await self.summarise(old, lines, self.limits.summary)
        except SummaryFailed as error:
            return partial(extract, old, lines), {"note": f"The summary is an extract: {error}"}
        return partial(without_rot, fresh.text, old, lines), {"told": fresh.told}

    async def _fitted(self, make: Callable[[int], str], hidden: int) -> tuple[str, Item]:
        """The longest of the summaries of so many characters that keeps to its reserve, as the model counts."""
        characters, at = self.limits.summary * CHARACTERS_A_TOKEN, now()
        while True:
            text = make(characters)
            item = await self.renderer.summary(text, hidden, at)
            over = item.tokens + MESSAGE_OVERHEAD - self.limits.summary
            if over <= 0 or not text:
                return text, item
            characters = min(len(text) - 1, int(len(text) * max(0.1, 1 - over / item.tokens)))

    async def _lines(self, wanted: Collection[int]) -> list[str]:
        """What was really said and done at the steps of messages that go, function arguments included, a line each."""
        if not wanted:
            return []
        steps = as_reworded(await self.journal.steps(after=min(wanted) - 1))
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
                f"I called {written(call['name'], call['arguments'])}"
                for call in step.body["calls"]
                if call["name"] != "send_message"
            ]
            return [*([f"I said: {step.text('said')}"] if step.text("said") else []), *calls]
        case "return" if step.body["name"] != "send_message":
            return [f"Result of {step.body['name']}: {step.text('text')[:400]}"]
    return []
