"""`memgpt list`."""

from __future__ import annotations

import argparse
import os
from typing import Any

from memgpt import config
from memgpt.home import UserError, find_home, texts
from tui.cli.asking import ask, listed

COLUMNS = {
    "agents": ("name", "model", "messages", "last_at", "last_words", "archived", "sources"),
    "sources": ("name", "passages", "created_at", "agents"),
    "models": ("name", "at", "window", "tools", "note"),
    "functions": ("name", "description"),
    "themes": ("name", "note"),
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
    rows = [{"name": name, "text": path.read_text(encoding="utf-8").strip()} for name, path in found.items()]
    return [{**row, "note": _theme_note(row)} for row in rows] if kind == "themes" else rows


def _theme_note(row: dict[str, Any]) -> str:
    """What is wrong with a theme, or what it says of itself in its first line."""
    from tui import theme

    try:
        theme.load(find_home(), row["name"])
    except UserError as error:
        return error.message
    first = str(row["text"]).partition("\n")[0]
    return first.lstrip("# ") if first.startswith("#") else ""


def _models() -> list[dict[str, Any]]:
    """The configured model, those of servers that run here, those that a key opens, and the one that is always there."""
    from memgpt import choices
    from memgpt.servers import found_servers

    settings = config.load(find_home())
    rows: list[dict[str, Any]] = [
        {
            "name": server.name_of(model),
            "at": server.url,
            "window": model.window or None,
            "tools": model.tools,
            "note": ", ".join(part for part in (server.kind, model.note) if part),
        }
        for server in found_servers()
        for model in server.models
    ]
    rows += [_row(choice.model, "its provider", choice.note) for choice in choices.of_keys(os.environ)]
    always = _row(choices.ALWAYS.model, "this machine", "small, offline, always there")
    rows.append({**always, "window": config.BUILTIN_WINDOW, "tools": False})
    chosen = next((row for row in rows if row["name"] == settings["model"]), None)
    if chosen is None:
        chosen = _row(settings["model"], settings["model_endpoint"] or "its provider", "")
        rows.insert(0, chosen)
    chosen["note"] = ", ".join(part for part in (chosen["note"], "the default for new agents") if part)
    return rows


def _row(name: str, at: str, note: str) -> dict[str, Any]:
    return {"name": name, "at": at, "window": None, "tools": None, "note": note}
