"""`memgpt forget`: erases for good, after showing what would go."""

from __future__ import annotations

import argparse

from memgpt.home import find_home
from tui.cli.asking import confirmed, with_link
from tui.forgetting import erase, look
from tui.text import inert


def run(options: argparse.Namespace) -> int:
    home = find_home()
    given = {"agent": options.agent, "message_ids": [options.id] if options.id else [], "text": options.text}
    found = with_link(lambda link: look(home, link.ask, **given))
    for line in found.told():
        print(inert(line))
    if not confirmed(f"Erase this for good from {len(found.places) + len(found.typed)} places?", options.yes):
        return 1
    with_link(lambda link: erase(home, link.ask, found, **given))
    print("Forgotten.")
    return 0
