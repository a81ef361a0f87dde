"""From our own count to what the provider will count.

A provider's figure holds for the prompt that it counted. What has come to it or left it since is our own count times
`slope`, what a token of ours has come to when prompts grew. So what a provider adds to every prompt (its own words about
tools, say) is in the figure once, and does not grow with the conversation. What leaves main context is taken off the
figure as what it was counted for when it came: of a tokenizer that we do not have, a token of ours can be worth half of
another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.folding import LEAST_CHANGE, worth
from core.llm.tokens import MESSAGE_OVERHEAD, believable
from core.messages import Item, State, Step

MARGIN = 1.08  # what the provider has not counted yet is taken to be so much more when it is decided what may be sent


@dataclass(frozen=True, slots=True)
class Provider:
    """Who counts the prompts of a model; and the first prompt that it counted of another agent, or before any that of a
    live test call, by our count and its own, 0 where there was none. A first prompt is always sent parts and little else:
    the next one is much like it."""

    model: str
    own: int = 0
    counted: int = 0


@dataclass(frozen=True, slots=True)
class Reckoning:
    """`counted` is the provider's figure for a prompt of `own` tokens by our count; both 0 before there is one. `reported`:
    it is one of this agent's."""

    own: int = 0
    counted: int = 0
    slope: float = 1.0
    reported: bool = False

    @classmethod
    def of(cls, state: State, provider: Provider) -> Reckoning:
        """As things stand with that model; a figure of another model says nothing of this one's."""
        if state.reconciled != provider.model:
            return cls(provider.own, provider.counted) if believable(provider.own, provider.counted) else cls()
        if not state.own_tokens:  # refused as too long, or from an earlier version: only a factor is known
            return cls(slope=state.factor, reported=True)
        if not believable(state.own_tokens, state.provider_tokens):  # from an earlier version, which believed it
            return cls()
        return cls(state.own_tokens, state.provider_tokens, state.slope, reported=True)

    def total(self, own: int) -> int:
        """What the provider counts where we count `own`."""
        return max(0, round(self.counted + (own - self.own) * self.slope))

    def predicted(self, own: int) -> int:
        """The same with the margin, to decide by."""
        return round(self.counted + (own - self.own) * self._rate(own > self.own) + 0.5)

    def affordable(self, tokens: int) -> int:
        """The most that we may count where the provider is to count at most `tokens`: the inverse of `predicted`."""
        return int(self.own + (tokens - self.counted - 0.5) / self._rate(tokens > self.counted))

    def affordable_alone(self, tokens: int) -> int:
        """The same for a prompt of another shape, such as one without functions: of a figure for the usual ones only what
        a token comes to holds there."""
        return int(tokens / (max(1.0, self.slope) * MARGIN))

    @property
    def leaving(self) -> float:
        """What one of our tokens that leaves takes along at the least."""
        return self._rate(growing=False)

    def _rate(self, growing: bool) -> float:
        if self.reported and not self.own:
            return self.slope
        if growing:  # a token is never taken for less than one of ours: what prompts tell of it is rough
            return max(self.slope, 1.0) * MARGIN
        return min(self.slope, self.counted / self.own) if self.own else self.slope


def counted_for(gone: Sequence[Item], steps: Iterable[Step], model: str, otherwise: float) -> int:
    """What a provider counted for items that leave, overhead included: what its figure grew by from one prompt to the next,
    where nothing but some of them came between the two. `otherwise` is what a token of the others is worth. `steps` are
    the replies and evictions on the path."""
    total, left = 0.0, weight(gone)
    last: Step | None = None
    own = counted = 0  # what left between the two prompts
    for step in steps:
        if step.kind == "evict":
            tokens: int = step.body["tokens"]
            own, counted = own + tokens, counted + int(step.body.get("counted", tokens))
        if step.kind != "reply" or not _counts(step, model):
            continue
        if last:
            own += step.body["usage"]["own"] - last.body["usage"]["own"]
            counted += step.body["usage"]["prompt_tokens"] - last.body["usage"]["prompt_tokens"]
            came = weight(item for item in gone if last.id <= item.step < step.id)
            if came and abs(own - came) < LEAST_CHANGE:
                total, left = total + came * worth(own, counted), left - came
        last, own, counted = step, 0, 0
    return round(total + left * otherwise)


def weight(items: Iterable[Item]) -> int:
    """Our count of messages, with what a chat template adds to each."""
    return sum(item.tokens + MESSAGE_OVERHEAD for item in items)


def _counts(step: Step, model: str) -> bool:
    usage = step.body.get("usage") or {}
    return bool(usage.get("own")) and usage["model"] == model
