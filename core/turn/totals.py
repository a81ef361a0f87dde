"""What calls and turns cost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.llm.types import Usage
from core.store.journal import Draft


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


def figures(usage: Usage) -> dict[str, Any]:
    """The figures of a call, as they are journalled."""
    return {name: value for name, value in asdict(usage).items() if name != "reported"}
