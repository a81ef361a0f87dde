"""`memgpt completion`: what a shell reads to complete commands and options: `source <(memgpt completion bash)`."""

from __future__ import annotations

import argparse


def run(options: argparse.Namespace) -> int:
    import shtab

    from tui.cli.main import parser

    print(shtab.complete(parser(), options.shell))
    return 0
