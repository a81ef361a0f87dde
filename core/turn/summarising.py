"""Summaries by the agent's own model: with a reserve, a time limit and a rest of their own, so that they cost the user
nothing where they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from core.context.manager import CHARACTERS_A_TOKEN, Summary, SummaryFailed
from core.context.reckoning import Reckoning
from core.context.summary import kept, sentences
from core.ending import raced
from core.llm.types import ModelError, Request
from core.turn.thinking import Thinking
from core.turn.totals import figures

TIMEOUT_S = 10.0  # of the turn, which waits; a longer wait costs the user more than an extract does
RESTS = 5  # evictions that a model which was too slow is not asked at
LONGEST_READ = 12_000  # tokens; of more, the worthiest sentences
FRAME = 20  # tokens around two messages
ORDER = (
    "You keep the memory of a conversation. Write one summary, in the first person of the assistant, out of the summary so "
    "far and of what was said since. First the facts as they were said: names, dates, numbers, places, promises, decisions, "
    "open questions. Then what was talked about. Keep every fact of the summary so far that still holds. At most {words} "
    "words. Only the summary."
)


@dataclass(slots=True)
class Summariser:
    """Asks the model of an agent."""

    thinking: Thinking
    _resting: int = 0

    async def __call__(self, old: str, lines: Sequence[str], tokens: int) -> Summary:
        """A summary of the old one and of what was said, in about so many tokens.

        Raises:
            SummaryFailed: there is none to be had, or not in time.
            Stopped: the user stopped the turn.
        """
        if self._resting:
            self._resting -= 1
            raise SummaryFailed("the model was too slow before.")
        model, protocol = self.thinking.model, self.thinking.renderer.protocol
        order = ORDER.format(words=tokens // 2)
        text = await self._readable(order, old, lines, tokens)
        messages = [{"role": "system", "content": order}, {"role": "user", "content": text}]
        request = Request(model.name, model.endpoint, messages, [], protocol, tokens, model.keys, model.timeout, 0)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reply = await raced(self.thinking.gateway.reply(request), self.thinking.cancel)
        except TimeoutError:
            self._resting = RESTS
            raise SummaryFailed("the model took too long.") from None
        except ModelError as error:
            raise SummaryFailed(str(error)) from None
        text = reply.content.strip() or " ".join(str(call.arguments.get("message", "")) for call in reply.calls)
        if not text.strip():
            raise SummaryFailed("the model gave none.")
        return Summary(text, figures(reply.usage))

    async def _readable(self, order: str, old: str, lines: Sequence[str], tokens: int) -> str:
        """What the model is to read, or the worthiest of it where all would not fit into its window."""
        every = [f"Summary so far: {old}", *lines] if old else list(lines)
        count = self.thinking.renderer.counter.count
        (head,) = await count([order])
        reckoning = Reckoning.of(self.thinking.journal.state, self.thinking.model.provider)
        room = min(LONGEST_READ, reckoning.affordable_alone(self.thinking.limits.window - tokens) - head - FRAME)
        text, characters = "\n".join(every), room * CHARACTERS_A_TOKEN
        while True:
            if len(text) > characters:
                text = kept([sentence for line in every for sentence in sentences(line)], characters)
            (read,) = await count([text])
            if read <= room or not text:
                return text
            characters = min(characters - 1, int(len(text) * room / read * 0.95))
