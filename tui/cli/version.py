"""`memgpt version`."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    from memgpt.wire import version

    print(version())
    return 0
