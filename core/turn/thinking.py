"""One model call: the prompt that is sent, the answer as it arrives, and what is committed of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from core.context.queue import Limits, last_turn
from core.context.reckoning import Provider, Reckoning
from core.context.render import Renderer
from core.context.window import Fixed, Part, Prompt, assemble, space
from core.ending import ended
from core.functions.executor import OK
from core.functions.memory import DONE
from core.functions.schema import HEARTBEAT
from core.llm import protocol as protocols
from core.llm.gateway import Gateway
from core.llm.types import Call, ModelError, Reply, Request, RetryNotice, SaidDelta, ThoughtDelta, Usage
from core.messages import Item, Pending, State, Step
from core.store import rows
from core.store.codec import ranges
from core.store.journal import Draft, Journal, dumps, now
from core.transcript import events_of
from core.turn.external import ExternalContext
from memgpt import events as e

T = TypeVar("T")
RESULT_LEAST = 120  # tokens of a function result, cut short and packed
CUT_FROM = 1500  # tokens of a prompt that is looked at; Ollama's own window is 2,048 or 4,096
NEAR = 0.7  # of what is expected: more is no sign of a cut
KNOWN = 0.01  # of a prompt: a provider's count that was expected so nearly tells nothing new
GROWN = 64  # tokens from the last prompt to this one, from which they can be told from chance
KEEP_OPEN_EVERY_S = 1.0  # of a streaming answer at most its last second is lost


class Stopped(Exception):
    """The user stopped the turn."""


@dataclass(slots=True)
class TurnTotals:
    """What a turn has cost so far."""

    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    began: float = field(default_factory=time.monotonic)
    capped: bool = False

    def add(self, told: Mapping[str, Any]) -> None:
        self.steps += 1
        self.prompt_tokens += told["prompt_tokens"]
        self.cached_tokens += told["cached_tokens"]
        self.completion_tokens += told["completion_tokens"]
        if told["cost_usd"] is not None:
            self.cost_usd = (self.cost_usd or 0.0) + told["cost_usd"]

    def end(self, reason: str, **told: str) -> Draft:
        """The step that ends the turn."""
        body: dict[str, Any] = {name: value for name, value in asdict(self).items() if name not in ("began", "capped")}
        body |= {"reason": reason, "total_ms": round((time.monotonic() - self.began) * 1000), **told}
        return Draft("turn_end", body)


@dataclass(frozen=True, slots=True)
class Model:
    """The model of an agent and how it is called; `keys` are those of the front end that began the turn."""

    provider: Provider
    endpoint: str | None
    timeout: float
    retries: int
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.provider.model


@dataclass(slots=True)
class Arriving:
    """What has come of an answer so far."""

    said: str = ""
    thought: str = ""
    began: float = field(default_factory=time.monotonic)
    kept_at: float = field(default_factory=time.monotonic)

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
        arriving = Arriving()
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
                        arriving = Arriving()
                        yield self._retry(piece)
                    case Reply():
                        reply = piece
        except (Stopped, ModelError):
            for event in await self._interrupted(arriving, prompt, totals):
                yield event
            raise
        if reply is not None:
            for event in await self._commit(reply, prompt, totals):
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
        }
        effect = (lambda connection, step: rows.insert_parts(connection, parts)) if parts else None
        return Draft("call", body, effect=effect)

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
            stable=prompt.fixed.stable,
        )

    def was_cut(self) -> ModelError | None:
        """That the server cut the last prompt without a word; told once."""
        found, self._cut = self._cut, None
        return found

    async def _look_for_a_cut(self, usage: Usage, own: int) -> None:
        """Servers that cut a prompt to their window without a word give themselves away by their count. It is held against
        what they say of their window, since a count that is far from ours may have other reasons."""
        state, self._cut = self.journal.state, None
        read = usage.prompt_tokens
        if not usage.reported or own < CUT_FROM:
            return
        expected = Reckoning.of(state, self.model.provider).total(own)
        grown = expected - state.provider_tokens if state.own_tokens else 0
        near = read - state.provider_tokens >= grown * NEAR if grown > GROWN else read >= expected * NEAR
        if near:
            return
        window = await self.gateway.real_window(self.model.name, self.model.endpoint)
        if window and read <= window < self.limits.window:
            said = f"{self.model.endpoint} read only {read:,} tokens of the last prompt: its window is {window:,}."
            self._cut = ModelError(said, "Set a smaller context_window for this agent.", "context", window)

    def _remember_first(self, usage: Usage, own: int) -> None:
        """Keeps what the provider counted for this agent's first prompt, unless it was known from that of another one."""
        reckoning = Reckoning.of(self.journal.state, self.model.provider)
        if not reckoning.reported and abs(reckoning.total(own) - usage.prompt_tokens) > KNOWN * usage.prompt_tokens:
            told = {"first_own": own, "first_counted": usage.prompt_tokens}
            self.gateway.remembered.learn(self.model.name, self.model.endpoint, **told)

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

    async def _interrupted(self, arriving: Arriving, prompt: Prompt, totals: TurnTotals) -> list[e.Event]:
        """Commits what was shown of an answer that will not end. The provider, which gives no figures then, has read the
        prompt and written what came: that much is counted."""
        said, thought = arriving.said, arriving.thought
        told: dict[str, Any] = {}
        if said or thought:
            spent = round((time.monotonic() - arriving.began) * 1000)
            told = await self._told(Usage(0, 0, 0, None, 0, spent, False), prompt, said + thought)
            totals.add(told)
        return await commit_interrupted(self.journal, self.renderer, self.external, said, thought, told)

    async def _commit(self, reply: Reply, prompt: Prompt, totals: TurnTotals) -> list[e.Event]:
        calls = [as_pending(call) for call in reply.calls]
        thought, said = self._voices(reply)
        told = await self._told(reply.usage, prompt, said + thought + dumps([asdict(call) for call in calls]))
        totals.add(told)
        await self._look_for_a_cut(reply.usage, prompt.own)
        own = thought[reply.reasoned :].lstrip("\n")  # what a model reasons is not its to read again
        item = await self.renderer.fitted_reply(
            own, said if not calls else "", reply.calls, reply.opaque, self._reply_space(prompt, len(calls))
        )
        body: dict[str, Any] = {"calls": [asdict(call) for call in calls], "finish": reply.finish, "told": told}
        if reply.reasoned:
            body["reasoned"] = reply.reasoned
        if reply.usage.reported and reply.usage.prompt_tokens and not self._cut:
            self._remember_first(reply.usage, prompt.own)
            factor = reply.usage.prompt_tokens / prompt.own
            body["usage"] = {**told, "model": self.model.name, "own": prompt.own, "factor": factor}
        drafts = [self.reply_draft(body, thought, said, item), *await self._finals(calls, said, totals)]
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
        spoken = [str(call.arguments.get("message", "")) for call in reply.calls if _speaks(call)]
        if reply.calls:
            return reply.thought, "\n\n".join(text for text in spoken if text.strip())
        if self.strict_monologue:
            return "\n\n".join(text for text in (reply.thought, reply.content) if text), ""
        return reply.thought, reply.content

    async def _told(self, usage: Usage, prompt: Prompt, answer: str) -> dict[str, Any]:
        """The figures of the call: the provider's, or ours where it gives none."""
        told = self.figures(usage)
        if not usage.reported or not usage.prompt_tokens:
            (completion,) = await self.renderer.counter.count([answer])
            told |= {"prompt_tokens": prompt.own, "completion_tokens": completion}
        return told

    @staticmethod
    def figures(usage: Usage) -> dict[str, Any]:
        return {name: value for name, value in asdict(usage).items() if name != "reported"}

    def reply_draft(self, body: dict[str, Any], thought: str, said: str, item: Item) -> Draft:
        return reply_draft(self.external, body, thought, said, item)

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


async def spoken_draft(renderer: Renderer, call: Pending, at: int) -> Draft:
    """The return of a `send_message`. Only native tools have to be told of it."""
    body = {"call_id": call.call_id, "name": call.name, "status": OK}
    if renderer.protocol != "tools":
        return Draft("return", body)
    return Draft("return", body, {"text": DONE}, (await renderer.returned(call.call_id, call.name, OK, DONE, at),))


def reply_draft(external: ExternalContext, body: dict[str, Any], thought: str, said: str, item: Item) -> Draft:
    """A reply with its texts made searchable."""
    texts = {name: text for name, text in (("thought", thought), ("said", said)) if text}
    roles = {"thought": "inner_monologue", "said": "assistant"}
    effects = [external.document("recall", roles[name], name, text) for name, text in texts.items()]

    def effect(connection: Any, step: Step) -> None:
        for each in effects:
            each(connection, step)

    return Draft("reply", body, texts, (item,), effect)


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


def as_pending(call: Call) -> Pending:
    return Pending(call.call_id, call.name, call.arguments, call.error)


def _speaks(call: Call) -> bool:
    return call.name == "send_message" and not call.error


async def raced(work: Awaitable[T], cancel: asyncio.Event) -> T:
    """The result of `work`, unless `cancel` is set before it is there; it is cancelled then.

    Raises:
        Stopped: it was.
    """
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(cancel.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Stopped
    finally:
        stop.cancel()
        await ended(task)


async def until(pieces: AsyncIterator[T], cancel: asyncio.Event) -> AsyncIterator[T]:
    """The pieces as they come, until `cancel` is set; the source is closed in every case.

    Raises:
        Stopped: it was.
    """
    try:
        while True:
            try:
                yield await raced(anext(pieces), cancel)
            except StopAsyncIteration:
                return
    finally:
        close = getattr(pieces, "aclose", None)
        if close:
            await close()
