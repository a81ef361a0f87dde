"""The keys of the app as they are bound, and as they are written on the screen: the table of `memgpt/keyboard.py`, with what
`[keys]` in config.toml has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from memgpt.keyboard import ACTIONS, BY_NAME, keys_in, usable

if TYPE_CHECKING:
    from textual.binding import BindingType


def bindings_of(*places: str) -> list[BindingType]:
    """The bindings of a widget, a screen or the app."""
    from textual.binding import Binding

    return [
        Binding(action.keys, action.runs, action.help, id=action.name, show=False, priority=action.priority)
        for action in ACTIONS
        if action.where in places
    ]


def keymap(settings: Mapping[str, object]) -> dict[str, str]:
    """The user's keys by action, from the settings named `keys.ACTION`; those that cannot be are left as they were."""
    return usable(settings)[0]


def shown_keys(name: str, settings: Mapping[str, object]) -> str:
    """The keys of an action as they are written on the screen: `Ctrl+P`."""
    keys = keymap(settings).get(name, BY_NAME[name].keys)
    return ", ".join(_pretty(key.strip()) for key in keys.split(","))


def keys_of(name: str, rebound: Mapping[str, str]) -> list[str]:
    """The keys of an action, where some were bound anew."""
    return keys_in(rebound.get(name, BY_NAME[name].keys))


def first_key(name: str, settings: Mapping[str, object]) -> str:
    """The first of them."""
    return shown_keys(name, settings).partition(",")[0]


def _pretty(key: str) -> str:
    words = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "slash": "/"}
    parts = key.split("+")
    if len(parts) == 1 and len(key) == 1:
        return key
    return "+".join(words.get(part, part.capitalize() if len(part) > 1 else part.upper()) for part in parts)
