"""What works here and now: the keys of whatever has the focus, in the lower border of its pane."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from memgpt.keyboard import ACTIONS, BY_NAME, CHANGING
from tui.keymap import first_key
from tui.widgets.messages import Messages
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.app import MemGPTApp

PLACES = {
    "map": ("map", "cells"),
    "memory": ("block", "move"),
    "monologue": ("monologue", "move"),
    "block-editor": ("block_editor", ""),
}  # what has the focus: its place in the table, and what j and k do there
NARROW = 100  # columns; below, the memory panes are a drawer
Hint = tuple[str, str]


def hints(app: MemGPTApp) -> list[Hint]:
    """Keys and words, the most useful first."""

    def keys(*names: str, **words: str) -> list[Hint]:
        named = [(name, BY_NAME[name].short) for name in offered(app, names)]
        return [(first_key(name, app.settings), word) for name, word in [*named, *words.items()]]

    focused = app.base.focused
    if app.options.read_only and (focused is app.prompt or focused is None):
        return [("/", "what can be looked at"), *keys("jump", "help")]
    if focused is app.prompt or focused is None:
        if app.menu.is_open:
            return [
                ("↑↓", "choose"),
                *keys(complete="complete", send="take" if app.menu.marked else "send", stop="close"),
            ]
        if app.prompt.instead_of:
            return keys(send="in place of the old one", stop="leave it", newline="line")
        if app.busy and app.bridge.view.stage == "asking":
            return [*keys("allow", "deny"), ("/deny", "and why"), *keys(stop="stop")]
        if app.busy:
            return [*keys(send="queue", stop="stop", newline="line", queue="what waits"), ("/", "commands")]
        if app.size.width < NARROW:
            return [("/", "commands"), *keys(palette="find"), *keys("help", "drawer", "jump", "send")]
        return [*keys("send", "newline"), ("/", "commands"), ("@", "file"),
                *keys("jump", "search_history", "editor", stop="stop")]  # fmt: skip
    if isinstance(focused, Messages):
        return [("j k", "move"), *_on_message(app, focused)]
    place, moves = PLACES.get(focused.id or "", ("", "scroll"))
    own = [action.name for action in ACTIONS if action.where == place and action.short]
    if place == "block_editor":
        return keys(*own)
    if app.base.has_class("-drawer"):
        return [*keys(stop="close"), ("j k", moves), *keys(*own, "zoom", "hide", "jump")]
    return [("j k", moves), *keys(*own, "zoom", "hide", "jump", stop="prompt")]


def offered(app: MemGPTApp, names: Iterable[str]) -> list[str]:
    """Those of the actions that work here: who looks on changes nothing."""
    return [name for name in names if not (app.options.read_only and name in CHANGING)]


def _on_message(app: MemGPTApp, chat: Messages) -> list[Hint]:
    entry = chat.marked
    names = ["copy", "find"]
    if entry is not None and entry.kind in ("user", "assistant"):
        code = ["copy_code"] if "```" in entry.text else []
        own = ["edit"] if entry.kind == "user" else ["alternative"]
        last = app.bridge.view.chat[-1:] == [entry] and entry.kind == "assistant"
        names = [
            "copy",
            *code,
            *own,
            *(["rewrite"] if last else []),
            "retry",
            "pop_here",
            "fork",
            "message_context",
            "find",
        ]
    return [(first_key(name, app.settings), BY_NAME[name].short) for name in offered(app, names)]


def draw(app: MemGPTApp) -> None:
    """Puts the hints where they belong: in the pane with the focus, or, where it has no border, in the last line."""
    focused = app.base.focused or app.prompt
    words = [f"{key} {word}" for key, word in hints(app)]
    here = _pane_of(focused)
    for pane in app.base.query(Pane):
        pane.border_subtitle = Content(fitted(words, pane.outer_size.width - 6) if pane is here else "")
    borderless = here is not None and here.styles.border_bottom[0] in ("", "none")
    app.status.here = words if borderless and focused is not app.prompt else []
    app.status.refresh()


def fitted(words: Sequence[str], width: int, always: Sequence[str] = ()) -> str:
    """As many of the hints as there is room for; some have their room first, at the end."""
    end = "".join(f" · {word}" for word in always)
    line = ""
    for word in words:
        longer = f"{line} · {word}" if line else word
        if len(longer) + len(end) > width:
            break
        line = longer
    return (line + end).removeprefix(" · ")


def _pane_of(widget: Widget) -> Pane | None:
    return next((each for each in widget.ancestors_with_self if isinstance(each, Pane)), None)
