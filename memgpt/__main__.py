"""The program's entry. The command line lives in `tui.cli`, which this package may not import: it is found by name."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    sys.exit(import_module("tui.cli.main").main())


if __name__ == "__main__":
    main()
