"""`memgpt engine status` and `memgpt engine stop`."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from memgpt.home import UserError, find_home
from memgpt.link import engine_runs, refuse_foreign
from tui.cli.asking import with_link

STOP_S = 60.0


def run(options: argparse.Namespace) -> int:
    return _status(options) if options.action == "status" else _stop(options)


def _status(options: argparse.Namespace) -> int:
    found = _asked("status")
    if options.json:
        print(json.dumps(found, indent=2))
    elif found:
        held = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in found["memory_bytes"].items())
        print(
            f"process {found['pid']}, {found['front_ends']} front ends, agents: {', '.join(found['agents']) or 'none'}; {held}"
        )
    else:
        print("No engine runs on this home.")
    return 0


def _asked(op: str, **params: Any) -> dict[str, Any]:
    """What the engine answers; nothing where none does, or it went while it was asked.

    Raises:
        UserError: one of another machine holds the home.
    """
    try:
        return dict(with_link(lambda link: link.ask(op, **params), start=False))
    except UserError:
        if engine_runs(home := find_home()):
            refuse_foreign(home)
        return {}


def _stop(options: argparse.Namespace) -> int:
    """Asks it to stop, and waits until the home is at rest."""
    _asked("stop", now=options.now)
    home, deadline = find_home(), time.monotonic() + STOP_S
    while engine_runs(home):
        if time.monotonic() > deadline:
            raise UserError("The engine is still at work.", "memgpt engine stop --now interrupts it.")
        time.sleep(0.02)
    return 0
