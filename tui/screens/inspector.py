"""The context inspector: every block that the model is sent, with its tokens, at this or any earlier step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textual.content import Content

from tui.screens.dialogs import Read
from tui.text import inert

COLUMN = 24


def inspector(shown: Mapping[str, Any]) -> Read:
    """The screen for the answer to `show context`."""
    source = "counted by the provider" if shown["source"] == "provider" else "our own count"
    title = f"Context at step {shown['step']}: {shown['total']:,} of {shown['window']:,} tokens, {source}"
    rows = [
        Content.assemble(
            (section["name"].ljust(COLUMN), "$accent"),
            f"{section['tokens']:>8,}",
            (f"   cached {section['cached']:,}" if section["cached"] else "", "$muted"),
        )
        for section in shown["sections"]
    ]
    parts = [*rows, Content("")]
    for number, message in enumerate(shown["messages"]):
        parts += [
            Content.styled(f"{number}  {message['role']}", "bold $accent"),
            Content(inert(_body(message))),
            Content(""),
        ]
    return Read(title, Content("\n").join(parts))


def _body(message: Mapping[str, Any]) -> str:
    text = str(message.get("content") or "")
    calls = message.get("tool_calls")
    return "\n".join(part for part in (text, json.dumps(calls, ensure_ascii=False, indent=2) if calls else "") if part)
