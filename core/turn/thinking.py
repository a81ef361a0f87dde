"""One model call: the prompt that is sent, the answer as it arrives, and what is committed of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.context.queue import Limits, last_turn
from core.context.reckoning import Reckoning
from core.context.render import Renderer
from core.context.window import Fixed, Part, Prompt, assemble, space
from core.ending import Stopped, until
from core.functions.schema import HEARTBEAT
from core.llm import protocol as protocols
from core.llm.gateway import Gateway
from core.llm.tokens import MESSAGE_OVERHEAD, believable
from core.llm.types import (
    AskedAgain,
    ModelError,
    Reply,
    Request,
    RetryNotice,
    SaidDelta,
    SystemRefused,
    ThoughtDelta,
    Usage,
)
from core.messages import Pending, State, Step
from core.store import rows
from core.store.codec import ranges
from core.store.journal import Draft, Journal, dumps, now
from core.transcript import events_of
from core.turn.counting import Counting
from core.turn.external import ExternalContext
from core.turn.model import Model
from core.turn.replies import as_pending, commit_interrupted, reply_draft, speaks, spoken_draft
from core.turn.totals import TurnTotals, figures
from memgpt import events as e

RESULT_LEAST = 120  # tokens of a function result, cut short and packed
KEEP_OPEN_EVERY_S = 1.0  # of a streaming answer at most its last second is lost


@dataclass(slots=True)
class Arriving:
    """What has come of an answer so far."""

    said: str = ""
    thought: str = ""
    began: float = field(default_factory=time.monotonic)
    kept_at: float = field(default_factory=time.monotonic)

    @property
    def usage(self) -> Usage:
        """Of an answer that broke off; its provider gives no figures."""
        return Usage(0, 0, 0, None, 0, round((time.monotonic() - self.began) * 1000), False)

    def add(self, piece: SaidDelta | ThoughtDelta) -> None:
        if isinstance(piece, SaidDelta):
            self.said += piece.text
        else:
            self.thought += piece.text


@dataclass(slots=True)
class Thinking:
    """Asks the model and commits what it answers."""

    journal: Journal
    renderer: Renderer
    gateway: Gateway
    external: ExternalContext
    limits: Limits
    model: Model
    strict_monologue: bool
    cancel: asyncio.Event
    _kept: set[str] = field(default_factory=set)
    _cut: ModelError | None = None  # that the server read only a part of the last prompt

    async def think(self, fixed: Fixed, totals: TurnTotals, begun: Draft | None = None) -> AsyncIterator[e.Event]:
        """One model call with all its retries: deltas as they arrive, then what was committed. What has `begun` it is
        committed with the call, and told before it is sent.

        Where the model only spoke and asks for no further step, the turn's end is committed with the reply.

        Raises:
            ModelError: there is no answer to be had.
            Stopped: the user stopped it; what had arrived is committed as interrupted.
        """
        prompt, steps = await self._call(fixed, begun)
        for event in (event for step in steps for event in events_of(step)):
            yield event
        arriving, own = Arriving(), prompt.own
        pieces = self.gateway.stream(self._request(prompt))
        reply: Reply | None = None
        try:
            async for piece in until(pieces, self.cancel):
                match piece:
                    case SaidDelta() | ThoughtDelta():
                        arriving.add(piece)
                        yield self._delta(piece)
                        await self._keep_open(steps[-1], arriving)
                    case RetryNotice():
                        for event in await self._unused(piece.refused, arriving, own, totals):
                            yield event
                        arriving = Arriving()
                        yield self._retry(piece)
                    case SystemRefused():  # what it is sent now is another prompt
                        steps = await self.journal.append(
                            Draft("call", {**steps[-1].body, "system": False}, steps[-1].texts)
                        )
                    case AskedAgain():
                        steps = await self.journal.append(await self._call_again(steps[-1], prompt, piece))
                        own = steps[-1].body["own"]
                    case Reply():
                        reply = piece
        except (Stopped, ModelError):
            for event in await self._interrupted(arriving, own, totals):
                yield event
            raise
        if reply is not None:
            for event in await self._commit(reply, prompt, own, totals):
                yield event

    async def _call(self, fixed: Fixed, begun: Draft | None) -> tuple[Prompt, list[Step]]:
        """The prompt that is to be sent, and the steps that were committed before it is."""
        prompts: list[Prompt] = []

        def call(state: State) -> Draft:
            prompts.append(assemble(state, fixed))
            return self._call_draft(prompts[0], Reckoning.of(state, self.model.provider).total(prompts[0].own))

        steps = await self.journal.append(*([begun] if begun else []), call)
        self.external.added()
        return prompts[0], steps

    def _call_draft(self, prompt: Prompt, expected: int) -> Draft:
        held = protocols.sent_format(self.renderer.protocol, prompt.fixed.schemas)
        apart = Part("format", dumps(held), 0) if held else None  # kept, though the provider does not count it
        every = [*prompt.fixed.parts, *([apart] if apart else [])]
        parts = {part.hash: (part.tokens, part.body) for part in every if part.hash not in self._kept}
        self._kept |= set(parts)
        body = {
            "model": self.model.name,
            "protocol": self.renderer.protocol,
            "window": self.limits.window,
            "parts": [[part.section, part.hash] for part in prompt.fixed.parts],
            "summary": prompt.summary.id if prompt.summary else None,
            "queue": ranges([item.id for item in prompt.items]),
            "max_tokens": self.limits.reserve,
            "own": prompt.own,
            "expected": expected,
            "lines": [self.limits.warn, self.limits.flush],
            **({"format": apart.hash} if apart else {}),
            **({} if self.gateway.takes_system(self.model.name, self.model.endpoint) else {"system": False}),
        }
        effect = (lambda connection, step: rows.insert_parts(connection, parts)) if parts else None
        return Draft("call", body, effect=effect)

    async def _call_again(self, call: Step, prompt: Prompt, again: AskedAgain) -> Draft:
        """The call with the two messages that the question is sent again with, which are in no later prompt."""
        texts = {"written": again.written, "order": again.order}
        tokens = await self.renderer.counter.count(list(texts.values()))
        own = prompt.own + sum(tokens) + MESSAGE_OVERHEAD * len(tokens)
        expected = Reckoning.of(self.journal.state, self.model.provider).total(own)
        body = {**call.body, "again": tokens, "max_tokens": again.max_tokens, "own": own, "expected": expected}
        return Draft("call", body, texts)

    def _request(self, prompt: Prompt) -> Request:
        return Request(
            model=self.model.name,
            endpoint=self.model.endpoint,
            messages=prompt.messages,
            schemas=list(prompt.fixed.schemas),
            protocol=self.renderer.protocol,
            max_tokens=self.limits.reserve,
            keys=self.model.keys,
            timeout=self.model.timeout,
            retries=self.model.retries,
            window=self.limits.window,
            own=prompt.own,
            stable=prompt.fixed.stable,
        )

    def _delta(self, piece: SaidDelta | ThoughtDelta) -> e.Delta:
        of = e.AssistantMessage.type if isinstance(piece, SaidDelta) else e.InternalMonologue.type
        return e.Delta(step=self.journal.next_step, at=now(), of=of, text=piece.text)

    def _retry(self, notice: RetryNotice) -> e.Retry:
        step = self.journal.next_step
        return e.Retry(
            step=step, at=now(), attempt=notice.attempt, of=notice.of, wait_s=notice.wait_s, reason=notice.reason
        )

    async def _keep_open(self, call: Step, arriving: Arriving) -> None:
        if time.monotonic() - arriving.kept_at >= KEEP_OPEN_EVERY_S:
            arriving.kept_at = time.monotonic()
            await self.journal.keep_open(call.id, arriving.said, arriving.thought)

    async def _unused(self, refused: Reply | None, arriving: Arriving, own: int, totals: TurnTotals) -> list[e.Event]:
        """Commits what an answer has cost that is void: it could not be used, or broke off."""
        written = arriving.said + arriving.thought
        if refused:
            written = refused.thought + refused.content + dumps([asdict(call) for call in refused.calls])
        if not written:
            return []
        told = await self._told(refused.usage if refused else arriving.usage, own, written)
        totals.add(told, step=False)
        (step,) = await self.journal.append(Draft("unused", {"told": told}))
        return events_of(step)

    async def _interrupted(self, arriving: Arriving, own: int, totals: TurnTotals) -> list[e.Event]:
        """Commits what was shown of an answer that will not end. The provider, which gives no figures then, has read the
        prompt and written what came: that much is counted."""
        said, thought = arriving.said, arriving.thought
        told: dict[str, Any] = {}
        if said or thought:
            told = await self._told(arriving.usage, own, said + thought)
            totals.add(told)
        return await commit_interrupted(self.journal, self.renderer, self.external, said, thought, told)

    def was_cut(self) -> ModelError | None:
        """That the server cut the last prompt without a word; told once."""
        found, self._cut = self._cut, None
        return found

    async def _commit(self, reply: Reply, prompt: Prompt, own: int, totals: TurnTotals) -> list[e.Event]:
        calls = [as_pending(call) for call in reply.calls]
        thought, said = self._voices(reply)
        told = await self._told(reply.usage, own, said + thought + dumps([asdict(call) for call in calls]))
        totals.add(told)
        counting = Counting(self.journal, self.gateway)
        self._cut = await counting.cut(self.model, reply.usage, own, self.limits.window)
        unreasoned = thought[reply.reasoned :].lstrip("\n")  # what a model reasons is not its to read again
        item = await self.renderer.fitted_reply(
            unreasoned, said if not calls else "", reply.calls, reply.opaque, self._reply_space(prompt, len(calls))
        )
        body: dict[str, Any] = {"calls": [asdict(call) for call in calls], "finish": reply.finish, "told": told}
        if reply.reasoned:
            body["reasoned"] = reply.reasoned
        if reply.usage.reported and not self._cut and believable(own, reply.usage.prompt_tokens):
            counting.remember_first(self.model, reply.usage, own)
            factor = reply.usage.prompt_tokens / own
            body["usage"] = {**told, "model": self.model.name, "own": own, "factor": factor}
        drafts = [reply_draft(self.external, body, thought, said, item), *await self._finals(calls, said, totals)]
        steps = await self.journal.append(*drafts)
        self.external.added()
        return [event for step in steps for event in events_of(step)]

    def _reply_space(self, prompt: Prompt, calls: int) -> int:
        """Tokens that a reply may take in main context beside the message that it answers and its calls' results."""
        asked = last_turn(prompt.items)[:1]
        free = space(self.journal.state, prompt.fixed, self.limits, self.model.provider, asked)
        return max(self.limits.reserve // 2, free - calls * RESULT_LEAST)

    def _voices(self, reply: Reply) -> tuple[str, str]:
        """What the model thought, and what it said to the user."""
        spoken = [str(call.arguments.get("message", "")) for call in reply.calls if speaks(call)]
        if reply.calls:
            return reply.thought, "\n\n".join(text for text in spoken if text.strip())
        if self.strict_monologue:
            return "\n\n".join(text for text in (reply.thought, reply.content) if text), ""
        return reply.thought, reply.content

    async def _told(self, usage: Usage, own: int, answer: str) -> dict[str, Any]:
        """The figures of the call: the provider's, or ours where it gives none."""
        told = figures(usage)
        if not usage.reported or not usage.prompt_tokens:
            (completion,) = await self.renderer.counter.count([answer])
            told |= {"prompt_tokens": own, "completion_tokens": completion}
            if not usage.cost_usd:
                model = self.model
                told["cost_usd"] = await self.gateway.charge(model.name, model.endpoint, own, completion)
        return told

    async def _finals(self, calls: Sequence[Pending], said: str, totals: TurnTotals) -> list[Draft]:
        """The returns of a reply that only speaks, and the turn's end: they can do nothing, so they go in with it."""
        if (
            any(call.name != "send_message" or call.error or call.arguments.get(HEARTBEAT) for call in calls)
            or not said
        ):
            return []
        at = now()
        returns = [await spoken_draft(self.renderer, call, at) for call in calls]
        return [*returns, totals.end("done")]
