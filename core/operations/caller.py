"""Who asks for an operation, and what one is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.roster import Roster
from core.session import Session

Part = tuple[str, Any]
Parameters = Mapping[str, Any]
OVERRIDES = ("model", "model_endpoint", "context_window", "persona", "human")


@dataclass(slots=True)
class Caller:
    """The front end that asks: who it is, the keys it brought, where its attachment's events go, what to undo when it
    goes."""

    front_end: object
    role: str
    keys: Mapping[str, str]
    deliver: Callable[[str, dict[str, Any]], None]
    leaving: list[Callable[[], None]] = field(default_factory=list)


Operation = Callable[[Roster, Parameters, Caller], AsyncIterator[Part]]


async def session_of(roster: Roster, given: Parameters) -> Session:
    """The agent that is meant, made first where that is asked for.

    Raises:
        UserError: there is no such agent.
    """
    overrides = {key: given.get(key) for key in OVERRIDES}
    return await roster.session(given["agent"], bool(given.get("create")), overrides)
