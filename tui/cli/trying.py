"""A live test call of a model, before it is saved."""

from __future__ import annotations

import sys

from memgpt.choices import result_line
from memgpt.home import UserError
from tui.cli.asking import ask
from tui.text import inert


def tried(model: str, endpoint: str) -> str:
    """Asks the model; a line about what it showed.

    Raises:
        UserError: it does not answer; why, and what to do.
    """
    if sys.stderr.isatty():
        print(f"Asking {inert(model)} …", file=sys.stderr, flush=True)
    told = ask("probe", model=model, model_endpoint=endpoint)
    if not told["ok"]:
        raise UserError(told["message"], told["hint"])
    return f"{inert(model)} {result_line(told)}."
