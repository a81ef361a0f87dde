"""`memgpt list`."""

from __future__ import annotations

import argparse
from typing import Any

from memgpt import config
from memgpt.home import find_home, texts
from tui.cli.asking import ask, listed

COLUMNS = {
    "agents": ("name", "model", "messages", "created_at", "sources"),
    "sources": ("name", "passages", "created_at", "agents"),
    "models": ("name", "at", "note"),
    "functions": ("name", "description"),
}


def run(options: argparse.Namespace) -> int:
    rows = _rows(options.kind)
    listed(rows, options.json, COLUMNS.get(options.kind, ("name", "text")))
    return 0


def _rows(kind: str) -> list[dict[str, Any]]:
    if kind in ("agents", "sources", "functions"):
        rows: list[dict[str, Any]] = ask(kind)
        return rows
    if kind == "models":
        return _models()
    found = texts(find_home(), kind)
    return [{"name": name, "text": path.read_text(encoding="utf-8").strip()} for name, path in found.items()]


def _models() -> list[dict[str, Any]]:
    """The configured model, the one that is always there, and those of a local server."""
    from memgpt.cli.cli import found_server
    from memgpt.home import UserError

    settings = config.load(find_home())
    rows = [{"name": "builtin", "at": "this machine", "note": "small, offline, always there"}]
    if settings["model"] != "builtin":
        rows.append(
            {
                "name": settings["model"],
                "at": settings["model_endpoint"] or "its provider",
                "note": "the default for new agents",
            }
        )
    try:
        name, url, _ = found_server()
        rows.append({"name": name, "at": url, "note": "answers on this machine"})
    except UserError:
        return rows
    return rows
