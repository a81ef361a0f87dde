"""`memgpt show`: what the model is sent, core memory, the log, every change of memory."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from tui.cli.asking import ask
from tui.text import inert


def run(options: argparse.Namespace) -> int:
    found = ask("show", agent=options.agent, what=options.what, at=options.at, last=options.last)
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for line in _LINES[options.what](found):
            print(inert(line))
    return 0


def _context(found: dict[str, Any]) -> list[str]:
    share = round(100 * found["total"] / found["window"])
    head = f"{found['total']} of {found['window']} tokens ({share} %), counted by {found['source']}"
    sections = [f"  {row['name']:<24}{row['tokens']:>8}" for row in found["sections"]]
    sent = [
        f"[{message['role']}] {message.get('content') or json.dumps(message.get('tool_calls'))}"
        for message in found["messages"]
    ]
    return [head, *sections, "", *sent]


def _memory(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{block['label']} ({block['characters']} of {block['limit']} characters)\n{block['text']}\n" for block in found
    ]


def _messages(found: list[dict[str, Any]]) -> list[str]:
    return [f"{row['step']:>6}  {row['at'][:16].replace('T', ' ')}  {row['role']}: {row['text']}" for row in found]


def _history(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{row['step']:>6}  {row['at'][:16].replace('T', ' ')}  {row['label']} by {row['cause']}\n- {row['before']}\n+ {row['after']}"
        for row in found
    ]


_LINES: dict[str, Callable[[Any], list[str]]] = {
    "context": _context,
    "memory": _memory,
    "messages": _messages,
    "history": _history,
}
