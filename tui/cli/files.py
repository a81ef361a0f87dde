"""`memgpt load`, `import`, `attach` and `detach`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from memgpt.home import UserError, checked_name
from memgpt.link import Link
from tui.cli.asking import ask, with_link

SHOWN_BAD = 20


def run(options: argparse.Namespace) -> int:
    match options.command:
        case "load":
            name, path = checked_name(options.name), _absolute(options.path)
            return _told(with_link(lambda link: _job(link, "load_jsonl", name=name, path=path)))
        case "import":
            agent, path = checked_name(options.agent), _absolute(options.path)
            embed = not options.no_embed
            return _told(with_link(lambda link: _job(link, "import_messages", agent=agent, path=path, embed=embed)))
    ask(f"{options.command}_source", agent=options.agent, source=options.name)
    return 0


def _absolute(path: str) -> str:
    found = Path(path).expanduser().absolute()
    if not found.is_file():
        raise UserError(f"There is no file {path}.", "Give the path of a JSONL file.")
    return str(found)


async def _job(link: Link, op: str, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    async for told in link.stream(op, **params):
        if "result" in told:
            result = told["result"]
        elif sys.stderr.isatty():
            words = f"{told['count']} read" if told["phase"] == "reading" else f"{told['count']} left to embed"
            print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return result


def _told(result: dict[str, Any]) -> int:
    """Says what went in, and which lines did not; those make the exit status 1."""
    print(f"{result['imported']} in, {result['skipped']} there already, {len(result['bad'])} bad lines")
    for bad in result["bad"][:SHOWN_BAD]:
        print(f"memgpt: line {bad['line']} was skipped: {bad['reason']}.", file=sys.stderr)
    if len(result["bad"]) > SHOWN_BAD:
        print(f"memgpt: and {len(result['bad']) - SHOWN_BAD} more bad lines.", file=sys.stderr)
    return 1 if result["bad"] else 0
