"""`memgpt quickstart`: a working configuration in one step, a server of this machine tried before it is saved."""

from __future__ import annotations

import argparse

from memgpt.cli.cli import QuickstartChoice, chosen, save, told
from memgpt.home import find_home
from tui.cli.trying import tried


def run(options: argparse.Namespace) -> int:
    home = find_home()
    home.create()
    backend = QuickstartChoice(options.backend)
    found = chosen(backend)
    if backend is QuickstartChoice.local:
        print(tried(found.model, found.endpoint))
    save(home, found)
    print(told(found))
    return 0
