"""What was written into a block of core memory or a passage and not saved: kept by agent and label, or the passage's id,
until it is saved or dropped."""

from __future__ import annotations

from typing import Any

from memgpt.home import Home
from tui.cli import front

Drafts = dict[str, dict[str, str]]


def of(home: Home, agent: str, label: str) -> str | None:
    return _read(front.read(home)).get(agent, {}).get(label)


def keep(home: Home, agent: str, label: str, text: str | None) -> None:
    """Keeps a draft in place of the one before; None drops it."""
    drafts = _read(front.read(home))
    own = {name: kept for name, kept in drafts.get(agent, {}).items() if name != label}
    if text is not None:
        own[label] = text
    front.remember(home, block_drafts={**drafts, agent: own})


def _read(known: dict[str, Any]) -> Drafts:
    found = known.get("block_drafts")
    if not isinstance(found, dict):
        return {}
    return {
        str(agent): {str(name): str(text) for name, text in own.items()}
        for agent, own in found.items()
        if isinstance(own, dict)
    }
