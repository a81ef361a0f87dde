"""`memgpt load`, `import`, `attach` and `detach`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from memgpt.home import UserError, checked_name
from memgpt.paths import absolute, exists
from memgpt.words import counted, nothing_in
from tui.cli.asking import ask, waited
from tui.text import inert

SHOWN_BAD = 20


def run(options: argparse.Namespace) -> int:
    match options.command:
        case "load":
            return _load(options)
        case "import" if options.kind == "agent":
            from tui.cli import past

            return past.bring(options)
        case "import":
            if not options.agent:
                raise UserError(
                    "import messages needs --agent A.", "Name the agent that is to remember them.", status=2
                )
            agent, path = checked_name(options.agent), _absolute(options.path, "file")
            embed = not options.no_embed
            return _told(waited("import_messages", agent=agent, path=path, embed=embed))
    ask(f"{options.command}_source", agent=options.agent, source=options.name)
    return 0


def _load(options: argparse.Namespace) -> int:
    name, path = checked_name(options.name), _absolute(options.path, options.kind)
    if options.kind != "directory" and (options.recursive or options.extensions):
        raise UserError("--recursive and --extensions are for folders.", "Leave them out.", status=2)
    endings = [ending for ending in (options.extensions or "").split(",") if ending.strip()]
    found = waited(
        "load", kind=options.kind, name=name, path=path, extensions=endings, recursive=options.recursive
    )  # fmt: skip
    return _told(found) if options.kind == "jsonl" else _told_files(found)


def _absolute(path: str, kind: str) -> str:
    found = absolute(path)
    if kind == "directory" and not (exists(found) and found.is_dir()):
        raise UserError(f"There is no folder {path}.", "Give the path of a folder.")
    if kind != "directory" and not (exists(found) and found.is_file()):
        hint = "Give the path of a JSONL file." if kind == "jsonl" else "Give the path of a file."
        raise UserError(f"There is no file {path}.", hint)
    return str(found)


def _told(result: dict[str, Any]) -> int:
    """Says what went in, and which lines did not; those make the exit status 1."""
    changed = f"{result['replaced']} of them changed, " if result["replaced"] else ""
    print(f"{result['imported']} in, {changed}{result['skipped']} there already, {len(result['bad'])} bad lines")
    return _told_bad([f"line {bad['line']} was skipped: {bad['reason']}." for bad in result["bad"]], "bad lines")


def _told_files(result: dict[str, Any]) -> int:
    """Says what became of the files, and which could not be read; those make the exit status 1."""
    counts = [
        (result["read"], "read"),
        (result["replaced"], "of them changed"),
        (len(result["empty"]), "of them empty"),
        (result["unchanged"], "there already"),
        (result["other"], "no documents"),
        (len(result["vanished"]), "gone"),
        (len(result["bad"]), "bad"),
    ]
    files = ", ".join(f"{count} {word}" for count, word in counts if count) or "none"
    print(f"{counted(result['passages'], 'passage')} in; files: {files}")
    gone = [f"{inert(path)} is no longer there; its passages stay." for path in result["vanished"]]
    _told_bad(gone, "files are no longer there")
    _told_bad([nothing_in(result["empty"], SHOWN_BAD)] if result["empty"] else [], "")
    return _told_bad([f"{inert(bad['file'])} was skipped: {bad['reason']}." for bad in result["bad"]], "bad files")


def _told_bad(lines: list[str], what: str) -> int:
    for line in lines[:SHOWN_BAD]:
        print(f"memgpt: {inert(line)}", file=sys.stderr)
    if len(lines) > SHOWN_BAD:
        print(f"memgpt: and {len(lines) - SHOWN_BAD} more {what}.", file=sys.stderr)
    return 1 if lines else 0
