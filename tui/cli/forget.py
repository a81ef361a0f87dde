"""`memgpt forget`: erases for good, after showing what would go."""

from __future__ import annotations

import argparse

from tui.cli.asking import ask, confirmed
from tui.text import inert


def run(options: argparse.Namespace) -> int:
    params = {"agent": options.agent, "message_id": options.id, "text": options.text}
    found = ask("forget", **params, confirmed=False)
    for entry in found["found"]:
        print(f"{entry['where']}: {inert(entry['text'])}")
    for holder in found["elsewhere"]:
        print(f"It also stands in {holder}, which keeps it.")
    if not confirmed(f"Erase this for good from {len(found['found'])} places?", options.yes):
        return 1
    ask("forget", **params, confirmed=True)
    print("Forgotten.")
    return 0
