"""The messages that a model is sent, as they are read: what lies under a piece of the map, what a message says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tui.context.mapping import Piece

Sent = Mapping[str, Any]


def of_piece(messages: Sequence[Sent], piece: Piece, queued: int) -> tuple[str, list[Sent]]:
    """What lies under a piece: a title and the messages. `queued` of them, the last, are those of the queue."""
    tokens = f"{piece.tokens:,.0f} tokens"
    if piece.number:
        place = len(messages) - queued + piece.number - 1
        title = "Recalled pages, in their message" if piece.section == "recalled" else f"Message: {piece.role}"
        return f"{title}, step {piece.step}, {tokens}", list(messages[place : place + 1])
    name = piece.section.replace("_", " ").capitalize()
    if piece.section == "summary":
        place = len(messages) - queued - 1
        return f"{name}, {tokens}", list(messages[max(0, place) : place + 1])
    return f"{name}, {tokens}, in the system message", list(messages[:1])


def body(message: Sent) -> str:
    """The words of a message, then its calls."""
    content, calls = message.get("content"), message.get("tool_calls")
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, indent=2) if content else ""
    shown = json.dumps(calls, ensure_ascii=False, indent=2) if calls else ""
    return "\n".join(part for part in (text, shown) if part)
