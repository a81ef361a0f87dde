"""`memgpt configure`: settings, by `--set` or by plain questions."""

from __future__ import annotations

import argparse
import sys

from memgpt import config
from memgpt.home import UserError, find_home
from tui import keymap
from tui.cli.asking import ask

ASKED = ("model", "model_endpoint", "context_window", "persona", "human", "theme")


def run(options: argparse.Namespace) -> int:
    home = find_home()
    changes = config.parse_assignments(options.set)
    if options.agent and not changes:
        raise UserError("Say what to change for that agent.", "For example, --set model=builtin.", status=2)
    if options.agent:
        ask("configure_agent", agent=options.agent, changes=changes)
        return 0
    home.create()
    if not changes:
        changes = _questions()
    if changes:
        if any(name.startswith("keys.") for name in changes):
            keymap.check(changes, config.load(home))
        config.save(home, changes)
    return 0


def _questions() -> dict[str, object]:
    """The most important settings one by one; Enter keeps what stands."""
    if not sys.stdin.isatty():
        raise UserError("There is no terminal to ask on.", "Use --set KEY=VALUE.", status=2)
    present = config.load(find_home())
    changes: dict[str, object] = {}
    for name in ASKED:
        answer = input(f"{name} — {config.BY_NAME[name].help} [{present[name]}]: ").strip()
        if answer:
            changes |= config.parse_assignments([f"{name}={answer}"])
    return changes
