"""Main context block by block, in the order in which the model reads it, each with its words and its tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from core.context.window import SECTION_OF, overhead, scaled
from core.messages import Item

Stored = tuple[str, int, str]  # section, tokens by our own count, words


def blocks(parts: Iterable[Stored], summary: Item | None, queue: Sequence[Item], total: int) -> list[dict[str, Any]]:
    """Each block as `section`, `role` and `step` (of a message), `tokens`, of which `recalled` are pages found for it, and
    `text`. The tokens add up to `total`."""
    found: list[dict[str, Any]] = [
        {
            "section": SECTION_OF.get(section, section),
            "role": "",
            "step": 0,
            "tokens": tokens,
            "recalled": 0,
            "text": text,
        }
        for section, tokens, text in parts
        if tokens
    ]
    if summary is not None:
        found.append({**_message(summary), "section": "summary"})
    found += [_message(item) for item in queue]
    rest = overhead(summary, queue)
    found.append({"section": "overhead", "role": "", "step": 0, "tokens": rest, "recalled": 0, "text": ""})
    own = {str(place): int(block["tokens"]) for place, block in enumerate(found)}
    counted = scaled(own, total)
    return [{**block, "tokens": counted[str(place)]} for place, block in enumerate(found)]


def _message(item: Item) -> dict[str, Any]:
    return {
        "section": "messages", "role": item.kind, "step": item.step, "tokens": item.tokens, "recalled": item.recalled,
        "text": _words(item.sent),
    }  # fmt: skip


def _words(sent: dict[str, Any]) -> str:
    """What a message says, then its calls."""
    content, calls = sent.get("content") or "", sent.get("tool_calls")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2)
    shown = json.dumps(calls, ensure_ascii=False, indent=2) if calls else ""
    return "\n".join(part for part in (text, shown) if part)
