"""Every key of the app in one table, by action. `[keys]` in config.toml rebinds them; help and bindings read this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memgpt.home import UserError

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


MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")
NAMED_KEYS = (
    "enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown", "up", "down",
    "left", "right", "slash", "backslash", "minus", "plus", "underscore", "at", "full_stop", "comma", "semicolon",
    "left_square_bracket", "right_square_bracket", *(f"f{number}" for number in range(1, 25)),
)  # fmt: skip
OF_THE_PROMPT = ("enter", "backspace", "delete", "space", "up", "down", "left", "right", "home", "end")


def check(given: Mapping[str, object], settings: Mapping[str, object]) -> None:
    """Checks new keys, the settings named `keys.ACTION`, beside those that stand.

    Raises:
        UserError: there is no such action or key, it is needed for writing, or another action has it (exit status 2).
    """
    present = {action.name: _keys(settings.get(f"keys.{action.name}", action.keys)) for action in ACTIONS}
    changed = {name.removeprefix("keys."): _keys(keys) for name, keys in given.items() if name.startswith("keys.")}
    for name, keys in changed.items():
        if name not in present:
            raise UserError(f"There is no key action {name!r}.", f"Known are {', '.join(present)}.", status=2)
        own = next(_keys(action.keys) for action in ACTIONS if action.name == name)
        for key in keys:
            *modifiers, last = key.split("+")
            if (last not in NAMED_KEYS and not (len(last) == 1 and last.isprintable())) or set(modifiers) - set(
                MODIFIERS
            ):
                hint = "Such as ctrl+o, f2, alt+x, shift+enter, pageup; several with a comma between."
                raise UserError(f"{key!r} is not a key.", hint, status=2)
            if key not in own and (len(key) == 1 or key in OF_THE_PROMPT):
                raise UserError(
                    f"{key!r} is needed for writing.", "Add a modifier, as in ctrl+o, or take f2.", status=2
                )
    for name, keys in changed.items():
        for other, theirs in (present | changed).items():
            if other != name and (both := set(keys) & set(theirs)):
                raise UserError(
                    f"{min(both)!r} is taken by keys.{other}.", "Rebind that too, or choose another.", status=2
                )


def _keys(keys: object) -> list[str]:
    return [key.strip() for key in str(keys).split(",") if key.strip()]


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
