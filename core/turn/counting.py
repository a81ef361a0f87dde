"""What a provider's count of a prompt tells, beside what it cost."""

from __future__ import annotations

from dataclasses import dataclass

from core.context.reckoning import Reckoning
from core.llm.gateway import Gateway
from core.llm.types import ModelError, Usage
from core.store.journal import Journal
from core.turn.model import Model

CUT_FROM = 1500  # tokens of a prompt that is looked at; Ollama's own window is 2,048 or 4,096
NEAR = 0.7  # of what is expected: more is no sign of a cut
KNOWN = 0.01  # of a prompt: a provider's count that was expected so nearly tells nothing new
GROWN = 64  # tokens from the last prompt to this one, from which they can be told from chance


@dataclass(frozen=True, slots=True)
class Counting:
    """Looks at each count before it is committed, while the journal still knows the one before."""

    journal: Journal
    gateway: Gateway

    async def cut(self, model: Model, usage: Usage, own: int, window: int) -> ModelError | None:
        """That the server read only a part of a prompt of `own` tokens. Servers that cut a prompt to their window without a
        word give themselves away by their count. It is held against what they say of their window, since a count that is
        far from ours may have other reasons."""
        state, read = self.journal.state, usage.prompt_tokens
        if not usage.reported or own < CUT_FROM:
            return None
        expected = Reckoning.of(state, model.provider).total(own)
        grown = expected - state.provider_tokens if state.own_tokens else 0
        near = read - state.provider_tokens >= grown * NEAR if grown > GROWN else read >= expected * NEAR
        real = 0 if near else await self.gateway.real_window(model.name, model.endpoint)
        if not real or not read <= real < window:
            return None
        said = f"{model.endpoint} read only {read:,} tokens of the last prompt: its window is {real:,}."
        return ModelError(said, "Set a smaller context_window for this agent.", "context", real)

    def remember_first(self, model: Model, usage: Usage, own: int) -> None:
        """Keeps what the provider counted for this agent's first prompt, unless it was known from that of another one."""
        reckoning = Reckoning.of(self.journal.state, model.provider)
        if not reckoning.reported and abs(reckoning.total(own) - usage.prompt_tokens) > KNOWN * usage.prompt_tokens:
            told = {"first_own": own, "first_counted": usage.prompt_tokens}
            self.gateway.remembered.learn(model.name, model.endpoint, **told)
