"""What calls and turns cost: replies, replies that could not be used, and summaries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.llm.types import Usage
from core.store.journal import Draft, Journal


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

    def add(self, told: Mapping[str, Any], step: bool = True) -> None:
        """Adds the figures of a call, which was a step of the turn or only had to be paid."""
        self.steps += step
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


async def totals_of(journal: Journal) -> TurnTotals:
    """What the turn under way has cost so far, whoever was asked for it."""
    totals, turn = TurnTotals(), journal.state.turn
    if turn and turn.calls:
        steps = await journal.steps(after=turn.start - 1)
        totals.began -= (steps[-1].at - steps[0].at) / 1_000_000
        for step in steps:
            if told := step.body.get("told"):
                totals.add(told, step.kind == "reply")
    return totals


def figures(usage: Usage) -> dict[str, Any]:
    """The figures of a call, as they are journalled."""
    return {name: value for name, value in asdict(usage).items() if name != "reported"}
