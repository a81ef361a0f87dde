"""`memgpt configure`: settings, by `--set` or by plain questions."""

from __future__ import annotations

import argparse
import sys

from memgpt import config
from memgpt.choices import found_choices
from memgpt.home import UserError, find_home
from memgpt.words import whole
from tui.cli.asking import ask, confirmed
from tui.cli.trying import tried
from tui.text import inert

ASKED = ("context_window", "persona", "human", "theme")
OTHER = "another: write its name, and its URL if it is a server of yours"


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
        if model := changes.get("embedding_model"):
            ask("check_embedding", model=model)
        config.save(home, changes)
    return 0


def _questions() -> dict[str, object]:
    """The model, tried before it is taken, then the most important settings one by one; Enter keeps what stands."""
    if not sys.stdin.isatty():
        raise UserError("There is no terminal to ask on.", "Use --set KEY=VALUE.", status=2)
    present = config.load(find_home())
    changes = _model(str(present["model"]), str(present["model_endpoint"]))
    for name in ASKED:
        answer = input(f"{name} — {config.BY_NAME[name].help} [{present[name]}]: ").strip()
        if answer:
            changes |= config.parse_assignments([f"{name}={answer}"])
    return changes


def _model(present: str, endpoint: str) -> dict[str, object]:
    """The model that is chosen from what was found here, or named; nothing where it stays as it is."""
    found = found_choices()
    for place, choice in enumerate(found, 1):
        print(f"{place:3}  {inert(choice.model)}  {inert(choice.note)}")
    print(f"     {OTHER}")
    while answer := input(f"model [{present}{f' at {endpoint}' if endpoint else ''}]: ").strip():
        if 1 <= (number := whole(answer)) <= len(found):
            model, url = found[number - 1].model, found[number - 1].endpoint
        else:
            model, _, url = answer.partition(" ")
        if _answers(model, url.strip()):
            return {"model": model, "model_endpoint": url.strip()}
    return {}


def _answers(model: str, url: str) -> bool:
    """Whether a live test call succeeds, or the user wants it all the same."""
    try:
        print(tried(model, url))
    except UserError as error:
        print(error)
        return confirmed("Take it all the same?", False)
    return True
