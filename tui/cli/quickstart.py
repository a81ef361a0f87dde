"""`memgpt quickstart`: a working configuration in one step."""

from __future__ import annotations

import argparse

from memgpt.cli.cli import QuickstartChoice, quickstart
from memgpt.home import find_home


def run(options: argparse.Namespace) -> int:
    home = find_home()
    home.create()
    print(quickstart(home, QuickstartChoice(options.backend)))
    return 0
