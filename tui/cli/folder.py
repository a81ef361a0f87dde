"""`memgpt folder`."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    from memgpt.home import find_home

    print(find_home().path)
    return 0
