"""Every key of the app in one table, by action. `[keys]` in config.toml rebinds them; help and bindings read this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import BindingType


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does. `where` is the widget that has the binding; `method` the action that it runs."""

    name: str
    keys: str
    help: str
    where: str = "app"
    method: str = ""
    priority: bool = False


ACTIONS: tuple[Action, ...] = (
    Action("send", "enter", "send; while the model works, queue", "prompt"),
    Action("newline", "ctrl+j,shift+enter", "new line", "prompt"),
    Action("complete", "tab", "complete the command, or go to the next pane", "prompt"),
    Action("stop", "escape", "close what is open, else stop the model"),
    Action("interrupt", "ctrl+c", "copy the selection, else stop, else clear; twice: quit", priority=True),
    Action("palette", "ctrl+p", "command palette", method="command_palette", priority=True),
    Action("help", "f1", "keys and commands", priority=True),
    Action("drawer", "ctrl+o", "open and close the memory panes", priority=True),
    Action("scroll_up", "pageup", "scroll the chat up", method="scroll('up')", priority=True),
    Action("scroll_down", "pagedown", "scroll the chat down", method="scroll('down')", priority=True),
    Action("chat_end", "ctrl+end", "to the end of the chat", method="scroll('end')", priority=True),
    Action("next_pane", "f6", "the next pane", method="focus_next"),
    Action("inspect", "f2", "the context inspector", priority=True),
    Action("suspend", "ctrl+z", "suspend", method="suspend_process", priority=True),
    Action("quit", "ctrl+q", "quit", method="leave", priority=True),
)


def bindings_of(where: str) -> list[BindingType]:
    """The bindings of a widget or of the app."""
    from textual.binding import Binding

    return [
        Binding(
            action.keys, action.method or action.name, action.help, id=action.name, show=False, priority=action.priority
        )
        for action in ACTIONS
        if action.where == where
    ]


def keymap(settings: Mapping[str, object]) -> dict[str, str]:
    """The user's keys by action, from the settings named `keys.ACTION`."""
    names = {action.name for action in ACTIONS}
    given = {name.removeprefix("keys."): str(keys) for name, keys in settings.items() if name.startswith("keys.")}
    return {name: keys for name, keys in given.items() if name in names}


def shown_keys(name: str, settings: Mapping[str, object]) -> str:
    """The keys of an action as they are written on the screen: `Ctrl+P`."""
    action = next(action for action in ACTIONS if action.name == name)
    keys = keymap(settings).get(name, action.keys)
    return ", ".join(_pretty(key.strip()) for key in keys.split(","))


def _pretty(key: str) -> str:
    words = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn"}
    return "+".join(words.get(part, part.capitalize() if len(part) > 1 else part.upper()) for part in key.split("+"))
