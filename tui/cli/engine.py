"""`memgpt engine status` and `memgpt engine stop`."""

from __future__ import annotations

import argparse
import contextlib
import json
import time

from memgpt.home import UserError, find_home
from memgpt.link import LinkLost, engine_runs
from tui.cli.asking import with_link

STOP_S = 60.0


def run(options: argparse.Namespace) -> int:
    return _status(options) if options.action == "status" else _stop(options)


def _status(options: argparse.Namespace) -> int:
    try:
        found = with_link(lambda link: link.ask("status"), start=False)
    except UserError:
        found = {}
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


def _stop(options: argparse.Namespace) -> int:
    """Asks it to stop, and waits until the home is at rest."""
    with contextlib.suppress(UserError, LinkLost):  # none runs, or it went while it was asked
        with_link(lambda link: link.ask("stop", now=options.now), start=False)
    home, deadline = find_home(), time.monotonic() + STOP_S
    while engine_runs(home):
        if time.monotonic() > deadline:
            raise UserError("The engine is still at work.", "memgpt engine stop --now interrupts it.")
        time.sleep(0.02)
    return 0
