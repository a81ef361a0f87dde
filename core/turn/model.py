"""The model of an agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.context.reckoning import Provider


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
