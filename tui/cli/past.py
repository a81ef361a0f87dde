"""`memgpt fork`, `why`, `replay` and `export`: an agent at any moment in time."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from memgpt.home import UserError, checked_name
from memgpt.link import Link
from memgpt.paths import absolute
from memgpt.words import counted
from tui.cli.asking import ask, waited, with_link
from tui.text import inert

NARROW = 60  # columns; below that the answers stand one under the other
SHOWN_ANSWERS = 20


def run(options: argparse.Namespace) -> int:
    return {"fork": _fork, "why": _why, "replay": _replay, "export": _export}[options.command](options)


def _fork(options: argparse.Namespace) -> int:
    name = checked_name(options.name) if options.name else ""
    made = waited("fork_agent", agent=options.agent, name=name, at=options.at)
    print(made["name"])
    return 0


def _export(options: argparse.Namespace) -> int:
    path = str(absolute(options.path))
    found = waited("export_agent", agent=options.agent, path=path)
    print(found["digest"] if "digest" in found else counted(found["messages"], "message"))
    return 0


def bring(options: argparse.Namespace) -> int:
    """`memgpt import agent`."""
    path = str(absolute(options.path))
    found = waited("import_agent", path=path, name=checked_name(options.name) if options.name else "")
    print(inert(found["name"]))
    print(found["digest"])
    if found["model_endpoint"]:  # what came with the file says where the next message goes
        print(f"memgpt: it talks to {inert(found['model'])} at {inert(found['model_endpoint'])}.", file=sys.stderr)
    return 0


# --- why ------------------------------------------------------------------------------------------------------


def _why(options: argparse.Namespace) -> int:
    if options.block and not options.line:
        raise UserError("--block needs --line TEXT.", "Give the line, or part of it.", status=2)
    if options.line is not None and not options.line.strip():
        raise UserError("--line is empty.", f"`memgpt show memory --agent {options.agent}` shows the lines.", status=2)
    if options.passage is not None and not options.passage.strip():
        raise UserError("--passage is empty.", "A search gives the id of each passage and message.", status=2)
    subject = {"passage": options.passage} if options.passage else {"label": options.block or "", "line": options.line}
    found = ask("why", agent=options.agent, **subject)
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    for line in _reasons(found):
        print(inert(line))
    return 0


def _reasons(found: dict[str, Any]) -> list[str]:
    lines = [f"{found['subject']}\n  in {found['where']}"]
    for made in found["made"]:
        lines.append(f"\nstep {made['step']}  {_minute(made['at'])}  by {made['cause']}")
        lines += [f"  before: {made['before']}"] if made["before"] else []
        lines += [f"  {word['role']} {word['id']}: {word['text']}" for word in made["words"]]
    answers = found["answers"]
    order = ", the newest first" if len(answers) > 1 else ""
    lines.append(f"\nin context for {len(answers)} answer{'s' if len(answers) != 1 else ''}{order}")
    lines += [
        f"  step {row['step']}  {_minute(row['at'])}  {' '.join(row['text'].split())}"
        for row in answers[:SHOWN_ANSWERS]
    ]
    more = len(answers) - SHOWN_ANSWERS
    return [*lines, *([f"  and {more} more; --json gives them all"] if more > 0 else [])]


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")


# --- replay ---------------------------------------------------------------------------------------------------


def _replay(options: argparse.Namespace) -> int:
    params = {
        "agent": options.agent, "from": options.start, "model": options.model,
        "model_endpoint": options.model_endpoint, "context_window": options.context_window,
        "edits": [_edit(text) for text in options.edit], "without": options.without, "turns": options.turns,
    }  # fmt: skip
    result = with_link(lambda link: _replayed(link, params, options.json))
    if options.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print(f"The other conversation is agent {inert(result['agent'])}.", file=sys.stderr)
    return 1 if any("error" in turn for turn in result["turns"]) else 0


def _edit(text: str) -> list[str]:
    label, equals, words = text.partition("=")
    if not equals or not label:
        raise UserError(f"--edit {text!r} is not LABEL=TEXT.", "As in --edit persona='I am terse.'", status=2)
    return [label, words]


async def _replayed(link: Link, params: dict[str, Any], quiet: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    async for told in link.stream("replay", **params):
        if "result" in told:
            result = told["result"]
        elif not quiet:
            await asyncio.to_thread(_note if told["type"] == "notes" else _show, told)
    return result


def _note(told: dict[str, Any]) -> None:
    for note in told["notes"]:
        print(f"memgpt: {inert(note)}", file=sys.stderr)


def _show(turn: dict[str, Any]) -> None:
    width = shutil.get_terminal_size((100, 24)).columns
    print(f"step {turn['step']}  you: {inert(turn['question'])}")
    would = turn["would"] or f"({turn.get('error', 'no answer')})"
    for line in side_by_side(inert(turn["did"] or "(no answer)"), inert(would), width):
        print(line)
    print(flush=True)


def side_by_side(did: str, would: str, width: int) -> list[str]:
    """Two texts in two columns, what it did say at the left; on a narrow terminal one under the other."""
    if width < NARROW:
        return ["it said:", *_wrapped(did, width), "it would have said:", *_wrapped(would, width)]
    half = (width - 3) // 2
    left, right = ["it said", *_wrapped(did, half)], ["it would have said", *_wrapped(would, half)]
    rows = max(len(left), len(right))
    padded = [left + [""] * (rows - len(left)), right + [""] * (rows - len(right))]
    return [f"{_fitted(one, half)} │ {other}".rstrip() for one, other in zip(*padded, strict=True)]


def _wrapped(text: str, width: int) -> Sequence[str]:
    from rich.cells import cell_len

    lines: list[str] = []
    for line in text.splitlines():
        pieces = textwrap.wrap(line, width) or [""]
        if any(cell_len(piece) > width for piece in pieces):  # letters that take two cells
            pieces = textwrap.wrap(line, width // 2)
        lines += pieces
    return lines


def _fitted(text: str, width: int) -> str:
    from rich.cells import set_cell_size

    return set_cell_size(text, width)
