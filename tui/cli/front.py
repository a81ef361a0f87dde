"""What front ends remember between runs: the last agent and the prompt's history."""

from __future__ import annotations

import json
from typing import Any

from memgpt.config import DEFAULT_AGENT
from memgpt.home import Home, checked_name, write_private

LONGEST_HISTORY = 500


def read(home: Home) -> dict[str, Any]:
    try:
        value = json.loads(home.front.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def remember(home: Home, **values: Any) -> None:
    write_private(home.front, json.dumps({**read(home), **values}, ensure_ascii=False))


def last_agent(home: Home) -> str | None:
    """The agent that was used last, if it is still there."""
    name = read(home).get("agent")
    return name if isinstance(name, str) and name in home.agent_names() else None


def chosen_agent(home: Home, name: str | None) -> str:
    """The agent that was named, else the last one used, else the default.

    Raises:
        UserError: the name is none.
    """
    return checked_name(name if name is not None else last_agent(home) or DEFAULT_AGENT)
