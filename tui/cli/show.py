"""`memgpt show`: what the model is sent, core memory, the log, every change of memory."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from memgpt.home import UserError
from tui.cli.asking import ask
from tui.context.inspecting import MARKS, Block, compared
from tui.context.sent import body
from tui.text import inert

ALL_CALLS = 1_000_000
BAR = 40  # cells


def run(options: argparse.Namespace) -> int:
    if options.diff is not None:
        return _difference(options)
    if options.what == "timeline":
        return _timeline(options)
    found = ask("show", agent=options.agent, what=options.what, at=options.at, last=options.last)
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for line in _LINES[options.what](found):
            print(inert(line))
    return 0


def _context(found: dict[str, Any]) -> list[str]:
    share = round(100 * found["total"] / found["window"])
    sent = f"step {found['step']}, sent to {found['model']}" if found["sent"] else "as it stands now"
    head = f"{sent}: {found['total']} of {found['window']} tokens ({share} %), counted by {found['source']}"
    sections = [
        f"  {row['name']:<24}{row['tokens']:>8}" + (f"  {row['cached']} cached" if row["cached"] else "")
        for row in found["sections"]
    ]
    gone = [f"  Forgotten since, in part: {', '.join(found['forgotten'])}."] if found["forgotten"] else []
    words = [f"[{message['role']}] {body(message)}" for message in found["messages"]]
    return [head, *sections, *gone, "", *words]


def _difference(options: argparse.Namespace) -> int:
    """What stood otherwise at another step."""
    if options.what != "context":
        raise UserError("--diff is for context.", "memgpt show context --agent A --at STEP --diff STEP", status=2)
    then, now = (
        ask("show", agent=options.agent, what="context", at=at, last=None) for at in (options.diff, options.at)
    )
    rows = [row for row in compared([Block.of(row) for row in now["blocks"]], [Block.of(row) for row in then["blocks"]])
            if row.mark != " " and row.section != "overhead"]  # fmt: skip
    if options.json:
        figures = [{name: shown[name] for name in ("step", "total", "window", "sections")} for shown in (then, now)]
        changes = [
            {"mark": row.mark, "section": row.section, "role": row.role, "step": row.step, "before": row.before, "after": row.text}
            for row in rows
        ]  # fmt: skip
        print(json.dumps({"from": figures[0], "to": figures[1], "changes": changes}, ensure_ascii=False, indent=2))
        return 0
    print(f"step {then['step']}: {then['total']} tokens; step {now['step']}: {now['total']} tokens")
    for row in rows:
        print(inert(f"\n{row.mark} {row.name}" + (f" (step {row.step})" if row.step else "")))
        for line in _changed(row):
            print(inert(line))
    return 0


def _changed(row: Block) -> list[str]:
    from difflib import unified_diff

    before, after = row.before.splitlines(), row.text.splitlines()
    return [line for line in unified_diff(before, after, lineterm="", n=1) if not line.startswith(("---", "+++", "@@"))]


def _timeline(options: argparse.Namespace) -> int:
    found = ask("timeline", agent=options.agent, at=options.at, limit=options.last or ALL_CALLS)
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    for call in found["calls"]:
        for mark in call["marks"]:
            print(inert(f"{mark['step']:>7}  {MARKS[mark['kind']]} {mark['text']}"))
        print(_filled(call))
    for mark in found["since"]:
        print(inert(f"{mark['step']:>7}  {MARKS[mark['kind']]} {mark['text']}"))
    return 0


def _filled(call: dict[str, Any]) -> str:
    """One call: the step, the time, how full the window was with the lines of pressure and eviction, how much was cached."""
    cells = [
        "█" if place * call["window"] < call["total"] * BAR else "·" for place in range(BAR)
    ]  # fmt: skip
    for line, sign in ((call["warn"], "!"), (call["flush"], "↓")):
        place = min(BAR - 1, line * BAR // call["window"])
        cells[place] = sign if cells[place] == "·" else cells[place]
    about = "" if call["source"] == "provider" else "≈"
    cached = f"  {100 * call['cached'] // call['total']} % cached" if call["cached"] and call["total"] else ""
    when = call["at"][:16].replace("T", " ")
    return f"{call['step']:>7}  {when}  {''.join(cells)}  {about}{call['total']:,} of {call['window']:,}{cached}"


def _memory(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{block['label']} ({block['characters']} of {block['limit']} characters)\n{block['text']}\n" for block in found
    ]


def _messages(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{row['step']:>6}  {row['at'][:16].replace('T', ' ')}  {row['role']}: {row['text']}"
        + (" [interrupted]" if "interrupted" in row else "")
        for row in found
    ]


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
