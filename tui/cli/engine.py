"""`memgpt engine status` and `memgpt engine stop`."""

from __future__ import annotations

import argparse
import json

from memgpt.home import UserError
from memgpt.link import LinkLost
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
    import contextlib

    with contextlib.suppress(UserError, LinkLost):  # none runs, or it went while it was asked
        pid = with_link(lambda link: _ask_to_stop(link, options.now), start=False)
        _wait(pid)
    return 0


async def _ask_to_stop(link: object, now: bool) -> int:
    from memgpt.link import Link

    assert isinstance(link, Link)
    await link.ask("stop", now=now)
    return int(link.engine["pid"])


def _wait(pid: int) -> None:
    """Until that process is gone: the home is at rest then."""
    import os
    import time

    deadline = time.monotonic() + STOP_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise UserError("The engine is still at work.", "memgpt engine stop --now interrupts it.")
