"""From our own count to what the provider will count.

A provider's figure holds for the prompt that it counted. What has come to it or left it since is our own count times
`slope`, what a token of ours has come to when prompts grew and shrank. So what a provider adds to every prompt (its own
words about tools, say) is in the figure once, and does not grow with the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.messages import State

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
            return cls(provider.own, provider.counted)
        if not state.own_tokens:  # refused as too long, or from an earlier version: only a factor is known
            return cls(slope=state.factor, reported=True)
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

    def _rate(self, growing: bool) -> float:
        if self.reported and not self.own:
            return self.slope
        whole = self.counted / self.own if self.own else self.slope
        # prompts that grow and shrink tell what a token comes to, but roughly: the whole is a bound to it
        return max(self.slope, min(1.0, whole)) * MARGIN if growing else min(self.slope, whole)
