"""What a front end may ask for that only looks on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.operations.caller import OVERRIDES
from memgpt import commands
from memgpt.home import LOOKING_ON, UserError

OPERATIONS = frozenset({
    "agents", "agent_settings", "attach", "snapshot", "history", "search", "search_many", "show", "sources", "check",
    "models", "functions", "settings", "newest", "neighbours", "timeline", "why", "alternatives", "cost", "export_agent",
})  # fmt: skip


def check(op: str, given: Mapping[str, Any]) -> None:
    """Refuses whatever would change something.

    Raises:
        UserError: it would.
    """
    changes = (op == "attach" and any(given.get(name) is not None for name in OVERRIDES)) or given.get("create")
    if op in OPERATIONS and not changes:
        return
    if op == "command":
        word, argument = commands.parse(str(given.get("line")))
        if commands.only_reads(word, argument):
            return
    raise UserError(*LOOKING_ON)
