"""`memgpt run`: the full-screen app, or with `--plain` the same conversation line by line."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
from typing import Any

from memgpt import config, garbage
from memgpt.home import Home, UserError, find_home, read_text
from tui import theme
from tui.cli import front
from tui.options import RunOptions

COLLECT_AFTER_S = 2.0


def run(options: argparse.Namespace) -> int:
    home = find_home()
    home.create()
    settings = config.load(home)
    chosen = run_options(home, options, settings)
    if dumb := not options.plain and os.environ.get("TERM", "") in ("", "dumb", "unknown") and sys.stdout.isatty():
        print(
            "memgpt: This terminal shows lines only (TERM=dumb), so this is line mode, as with --plain.",
            file=sys.stderr,
        )
    if options.plain or dumb:
        from tui.cli.plain import converse

        return converse(home, chosen)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            "The app needs a terminal.", "Use `memgpt run --plain`, or `memgpt send` in a script.", status=2
        )
    return _screen(home, chosen, settings, mouse=settings["mouse"] and not options.no_mouse)


def run_options(home: Home, options: argparse.Namespace, settings: dict[str, Any]) -> RunOptions:
    """What was asked for, checked before anything is drawn.

    Raises:
        UserError: a name, a persona, a human or a theme is not there.
    """
    for kind, name in (("personas", options.persona), ("humans", options.human)):
        if name:
            read_text(home, kind, name)
    if options.theme:
        theme.load(home, options.theme)
    names = ("model", "model_endpoint", "context_window", "persona", "human")
    overrides = {name: value for name in names if (value := getattr(options, name)) is not None}
    agent = front.chosen_agent(home, options.agent)
    first_time = not home.config.exists() and not home.agent_names() and not overrides
    return RunOptions(
        agent, overrides, options.theme or theme.wanted(settings["theme"]), options.low_bandwidth, options.read_only,
        greet=not options.first, set_up=first_time and not options.yes and not options.read_only,
        tour=options.tour,
    )  # fmt: skip


def _screen(home: Home, chosen: RunOptions, settings: dict[str, Any], mouse: bool) -> int:
    from memgpt.link import start_early
    from tui import terminal

    if not chosen.set_up:
        start_early(home)
    _collect_later()
    terminal.prepare(chosen.low_bandwidth)
    from tui.app import MemGPTApp

    with terminal.quiet_stderr(home.log), terminal.title_kept(settings["notify.title"]):
        app = MemGPTApp(home, chosen, settings, front.history(home))
        app.run(mouse=mouse)
    if app.failure:
        raise UserError(app.failure)
    return app.return_code or 0


def _collect_later() -> None:
    """Of what is loaded for the first frame nothing is garbage: to look for some takes a fifteenth of the start."""
    gc.disable()
    timer = threading.Timer(COLLECT_AFTER_S, garbage.spared)
    timer.daemon = True
    timer.start()
