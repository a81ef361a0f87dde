"""`memgpt passage`: archival memory changed by hand, as `/passage` does it."""

from __future__ import annotations

import argparse
from typing import Any

from memgpt.home import UserError
from memgpt.link import Link
from tui.cli.asking import confirmed, with_link
from tui.text import inert


def run(options: argparse.Namespace) -> int:
    text, tags = (options.text or "").strip(), (options.tags or "").strip()
    if options.action in ("add", "edit") and not text:
        raise UserError(f"passage {options.action} needs words.", "Give --text.", status=2)
    if options.action != "add" and not options.id:
        raise UserError(f"passage {options.action} needs an id.", "`memgpt search archival` gives them.", status=2)
    line = {
        "add": f"/passage add {text}",
        "edit": f"/passage edit {options.id} {text}",
        "tag": f"/passage tag {options.id} {tags}",
        "delete": f"/passage delete {options.id}",
    }[options.action]
    return with_link(lambda link: _carry_out(link, options, line, tags))


async def _carry_out(link: Link, options: argparse.Namespace, line: str, tags: str) -> int:
    outcome: dict[str, Any] = await link.ask("command", agent=options.agent, line=line)
    if outcome["ask"]:
        if not options.yes:
            print(inert(outcome["text"]))
        if not confirmed(outcome["ask"], options.yes):
            return 1
        outcome = await link.ask("command", agent=options.agent, line=line, confirmed=True)
    if options.action == "add" and tags:
        line = f"/passage tag {outcome['data']['id']} {tags}"
        await link.ask("command", agent=options.agent, line=line)
    print(inert(outcome["text"]))
    return 0
