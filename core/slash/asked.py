"""A slash command as it was typed, and what it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.session import Session
from memgpt import events as e


@dataclass(slots=True)
class Outcome:
    """What a command shows. With `ask`, it has done nothing yet and wants to be told to go on; `turn` are the events
    of a turn that it began."""

    text: str = ""
    ask: str = ""
    data: Any = None
    turn: AsyncIterator[e.Event] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One command as it was typed. Relative paths were made absolute by the front end."""

    session: Session
    argument: str
    confirmed: bool
    keys: Mapping[str, str] = field(default_factory=dict)
