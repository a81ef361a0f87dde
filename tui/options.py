"""What `memgpt run` was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The agent, what a new one starts with, and how to draw."""

    agent: str
    overrides: dict[str, Any] = field(default_factory=dict)
    theme: str = "dark"
    low_bandwidth: bool = False
    read_only: bool = False
    greet: bool = True
    set_up: bool = False
    tour: bool = False
