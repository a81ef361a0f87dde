"""`memgpt forget`: erases for good, after showing what would go."""

from __future__ import annotations

import argparse

from memgpt.home import UserError, find_home
from memgpt.wording import Wording
from tui.cli import front
from tui.cli.asking import ask, confirmed
from tui.text import inert


def run(options: argparse.Namespace) -> int:
    home = find_home()
    params = {"agent": options.agent, "message_id": options.id, "text": options.text}
    wordings = [Wording(options.text)] if options.text and options.text.strip() else []
    try:
        found = ask("forget", **params, confirmed=False)
    except UserError:
        if not front.holding(home, wordings):
            raise
        found = {"found": [], "elsewhere": [], "wordings": [{"text": options.text}]}
    wordings = [Wording(**each) for each in found["wordings"]]
    typed = front.holding(home, wordings)
    for entry in found["found"]:
        print(f"{entry['where']}: {inert(entry['text'])}")
    for line in typed:
        print(f"the prompt's history: {inert(line)}")
    for holder in found["elsewhere"]:
        print(f"It also stands in {holder}, which keeps it.")
    if not confirmed(f"Erase this for good from {len(found['found']) + len(typed)} places?", options.yes):
        return 1
    front.erase(home, wordings)  # first: an open screen reads its history again when the engine tells it
    if found["found"]:
        ask("forget", **params, confirmed=True)
    print("Forgotten.")
    return 0
