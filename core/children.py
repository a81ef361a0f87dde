"""What the engine's child processes are given."""

from __future__ import annotations

import os

SECRET_MARKS = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def environment(**more: str) -> dict[str, str]:
    """Our own environment without anything that looks like a secret, and what a child needs beside."""
    kept = {name: value for name, value in os.environ.items() if not any(mark in name.upper() for mark in SECRET_MARKS)}
    return kept | more
