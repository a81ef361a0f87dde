"""Every key of the app in one table, by action, and which other keys an action can have. `[keys]` in config.toml rebinds
them; bindings, footer, palette, help and the documentation all read this, and so does whoever writes settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memgpt.home import UserError

PLACES = {
    "app": "Everywhere",
    "prompt": "In the prompt",
    "chat": "On a message of the chat",
    "walked": "On an entry of core memory or the inner monologue",
    "block": "On a block of core memory",
    "block_editor": "While a block is written",
    "monologue": "On a thought or a call",
    "map": "On the map of main context",
    "reader": "In texts",
    "list": "In lists",
    "roster": "In the list of agents",
    "browser": "Looking through memory",
    "inspector": "In the context inspector",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a key does. `where` is the place that has the binding, one of `PLACES`; `method` the action that it
    runs, if not the one of its name; `short` the word for the footer."""

    name: str
    keys: str
    help: str
    where: str = "app"
    method: str = ""
    priority: bool = False
    short: str = ""

    @property
    def runs(self) -> str:
        """The action string of the binding: a widget's own method, or what `tui/actions/keys.py` has under the name."""
        return self.method or (f"do('{self.name}')" if self.where == "app" else self.name)


ACTIONS: tuple[Action, ...] = (
    Action("send", "enter", "send; while the model works, queue", "prompt", short="send"),
    Action("newline", "ctrl+j,shift+enter,alt+enter", "new line", "prompt", short="line"),
    Action("complete", "tab", "complete the command, argument or @file, or go to the next pane", "prompt"),
    Action("search_history", "ctrl+r", "search what was written before", "prompt", short="history"),
    Action("editor", "f4", "write in $EDITOR", "prompt", short="editor"),
    Action("stop", "escape", "close what is open, else stop the model", short="stop"),
    Action("interrupt", "ctrl+c", "copy the selection, else stop, else clear; twice: quit", priority=True),
    Action("palette", "ctrl+p", "command palette", method="command_palette", priority=True),
    Action("help", "f1", "keys and commands", priority=True, short="help"),
    Action("jump", "ctrl+g", "jump: then a letter for a pane or a message", priority=True, short="jump"),
    Action("drawer", "ctrl+o", "open and close the memory panes", priority=True, short="memory"),
    Action("scroll_up", "pageup", "scroll the chat up", priority=True),
    Action("scroll_down", "pagedown", "scroll the chat down", priority=True),
    Action("chat_end", "ctrl+end", "to the end of the chat", priority=True),
    Action("next_pane", "f6", "the next pane", method="focus_next", priority=True),
    Action("previous_pane", "shift+f6", "the pane before", method="focus_previous", priority=True),
    Action("zoom", "f8", "the pane with the focus alone, and back", priority=True, short="zoom"),
    Action("hide", "f7", "hide the pane with the focus; from the prompt, all at the right", priority=True, short="hide"),
    Action("wider", "alt+left", "the right column wider", priority=True),
    Action("narrower", "alt+right", "the right column narrower", priority=True),
    Action("taller", "alt+up", "the pane with the focus taller", priority=True),
    Action("shorter", "alt+down", "the pane with the focus shorter", priority=True),
    Action("reset_layout", "alt+0", "every pane as it was at first", priority=True),
    Action("inspect", "f2", "the context inspector", priority=True),
    Action("browse", "ctrl+f", "browse and search all memory", priority=True),
    Action("agents", "ctrl+t", "the agents: choose, make, rename, fork, archive, delete", priority=True),
    Action("next_agent", "alt+n", "the next open agent", priority=True),
    Action("previous_agent", "alt+p", "the open agent before", priority=True),
    Action("queue", "f9", "what waits for the model: change it, take it back", priority=True),
    Action("allow", "alt+y", "let the call run that waits for your word", priority=True, short="allow"),
    Action("deny", "alt+x", "keep that call from running; /deny says why too", priority=True, short="deny"),
    Action("cancel_job", "alt+c", "cancel the work whose progress is shown", priority=True),
    Action("redraw", "ctrl+l", "draw the screen anew", priority=True),
    Action("suspend", "ctrl+z", "suspend", method="suspend_process", priority=True),
    Action("quit", "ctrl+q", "quit", priority=True),
    Action("message_up", "up,k", "the message before", "chat", method="walk(-1)"),
    Action("message_down", "down,j", "the next message", "chat", method="walk(1)"),
    Action("message_first", "home,g", "the first message that is loaded", "chat", method="walk_to(0)"),
    Action("message_last", "end,G", "the last message", "chat", method="walk_to(-1)"),
    Action("copy", "y", "copy it", "chat", method="message('copy')", short="copy"),
    Action("copy_code", "c", "copy a block of code in it", "chat", method="message('copy_code')", short="code"),
    Action("edit", "e", "change what you wrote, and send it again from there", "chat", method="message('edit')",
           short="edit"),
    Action("rewrite", "w", "write the last answer anew yourself", "chat", method="message('rewrite')", short="rewrite"),
    Action("retry", "r", "ask again from there", "chat", method="message('retry')", short="retry"),
    Action("alternative", "a", "another of the answers that were given there", "chat", method="message('alternative')",
           short="other"),
    Action("fork", "f", "a new agent that goes on from there", "chat", method="message('fork')", short="fork"),
    Action("pop_here", "p", "take back what came after it", "chat", method="message('pop_here')", short="pop to here"),
    Action("message_context", "enter", "what the model was sent then", "chat", method="message('message_context')",
           short="context"),
    Action("find", "slash", "find words in what is loaded", "chat", method="message('find')", short="find"),
    Action("find_next", "n", "the next place of the words that were sought", "chat", method="find(1)"),
    Action("find_previous", "N", "the place before", "chat", method="find(-1)"),
    Action("entry_up", "up,k", "the entry before", "walked", method="walk(-1)"),
    Action("entry_down", "down,j", "the next entry", "walked", method="walk(1)"),
    Action("entry_first", "home,g", "the first entry", "walked", method="walk(-99999)"),
    Action("entry_last", "end,G", "the last entry", "walked", method="walk(99999)"),
    Action("block_edit", "enter,e", "write the block anew, in place", "block", method="edit", short="edit"),
    Action("block_undo", "u", "take the newest change of memory back", "block", method="say('/undo')", short="undo"),
    Action("block_redo", "r", "make it again", "block", method="say('/redo')", short="redo"),
    Action("block_changes", "c", "every change of the block", "block", method="changes", short="changes"),
    Action("block_save", "ctrl+s", "save the block", "block_editor", method="save", priority=True, short="save"),
    Action("block_leave", "escape", "leave; what was written is kept", "block_editor", method="leave", priority=True,
           short="leave, kept"),
    Action("block_unwrite", "ctrl+underscore", "undo", "block_editor", method="undo", short="undo"),
    Action("fold", "enter,space", "fold it, unfold it", "monologue", short="fold"),
    Action("fold_all", "z", "fold or unfold all", "monologue", short="all"),
    Action("cell_before", "left,h", "the cell before", "map", method="walk(-1)"),
    Action("cell_next", "right,l", "the next cell", "map", method="walk(1)"),
    Action("cell_above", "up,k", "the cell above", "map", method="walk_row(-1)"),
    Action("cell_below", "down,j", "the cell below", "map", method="walk_row(1)"),
    Action("cell_first", "home,g", "the first cell", "map", method="walk(-9999)"),
    Action("cell_last", "end,G", "the last cell", "map", method="walk(9999)"),
    Action("cell_open", "enter", "what the model reads there", "map", method="open", short="open"),
    Action("cell_message", "n", "the next message", "map", method="walk_message(1)", short="message"),
    Action("cell_message_before", "p", "the message before", "map", method="walk_message(-1)"),
    Action("line_up", "k", "a line up", "reader", method="scroll_up"),
    Action("line_down", "j", "a line down", "reader", method="scroll_down"),
    Action("text_top", "g", "to the top", "reader", method="scroll_home"),
    Action("text_end", "G", "to the end", "reader", method="scroll_end"),
    Action("row_up", "k", "the row above", "list", method="cursor_up"),
    Action("row_down", "j", "the row below", "list", method="cursor_down"),
    Action("row_first", "g", "the first row", "list", method="first"),
    Action("row_last", "G", "the last row", "list", method="last"),
    Action("browser_close", "escape", "close", "browser", method="back"),
    Action("browser_place", "tab", "the next place", "browser", method="place(1)", priority=True),
    Action("browser_place_before", "shift+tab", "the place before", "browser", method="place(-1)", priority=True),
    Action("browser_search", "slash", "search", "browser", method="search"),
    Action("browser_select", "space", "select", "browser", method="select"),
    Action("browser_select_all", "a", "select all", "browser", method="select_all"),
    Action("browser_tag", "t", "tag what is selected", "browser", method="tag"),
    Action("browser_edit", "e", "edit it", "browser", method="edit"),
    Action("browser_delete", "delete,d", "delete what is selected", "browser", method="delete"),
    Action("browser_undo", "u", "undo", "browser", method="undo"),
    Action("inspector_close", "escape", "close", "inspector", method="back"),
    Action("inspector_leave", "q", "leave", "inspector", method="dismiss(None)"),
    Action("call_before", "left", "the model call before", "inspector", method="step(-1)", priority=True),
    Action("call_next", "right", "the next model call", "inspector", method="step(1)", priority=True),
    Action("call_first", "home", "the first model call", "inspector", method="step(-99999)", priority=True),
    Action("call_now", "end", "now", "inspector", method="step(99999)", priority=True),
    Action("inspector_difference", "d", "what differs from the call before", "inspector", method="difference"),
    Action("inspector_search", "slash", "search the blocks", "inspector", method="seek"),
    Action("inspector_next", "n", "the next place", "inspector", method="next(1)"),
    Action("inspector_previous", "N", "the place before", "inspector", method="next(-1)"),
    Action("agent_new", "n", "a new agent", "roster", method="roster('new')", short="new"),
    Action("agent_rename", "r", "another name", "roster", method="roster('rename')", short="rename"),
    Action("agent_fork", "f", "a copy that goes its own way", "roster", method="roster('fork')", short="fork"),
    Action("agent_archive", "a", "put away, or take out again", "roster", method="roster('archive')", short="archive"),
    Action("agent_delete", "d", "delete", "roster", method="roster('delete')", short="delete"),
    Action("agent_undo", "u", "undo the deletion", "roster", method="roster('undo')", short="undo"),
)  # fmt: skip
BY_NAME = {action.name: action for action in ACTIONS}
CHANGING = frozenset({
    "allow", "deny", "queue", "edit", "rewrite", "retry", "alternative", "fork", "pop_here", "block_edit", "block_undo",
    "block_redo", "agent_new", "agent_rename", "agent_fork", "agent_archive", "agent_delete", "agent_undo",
})  # fmt: skip
"""Actions that are refused to who only looks on, and so are not offered either."""


MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")
NAMED_KEYS = (
    "enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown", "up", "down",
    "left", "right", "slash", "backslash", "minus", "plus", "underscore", "at", "full_stop", "comma", "semicolon",
    "left_square_bracket", "right_square_bracket", *(f"f{number}" for number in range(1, 25)),
)  # fmt: skip
OF_THE_PROMPT = ("enter", "backspace", "delete", "space", "up", "down", "left", "right", "home", "end")
TOGETHER = (
    {"list", "roster"}, {"list", "browser"}, {"list", "inspector"}, {"walked", "block"}, {"walked", "monologue"},
)  # fmt: skip
"""Places whose keys work at the same time."""
WRITING = ("app", "prompt", "block_editor")  # places whose keys are taken while something is being written
UNSAFE = {
    "ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+h": "Backspace", "alt+enter": "Enter", "shift+enter": "Enter",
    "ctrl+enter": "Enter", "ctrl+left_square_bracket": "Esc",
}  # fmt: skip
"""Keys that many terminals, tmux and screen do not tell from others, and for which they send them."""


def check(given: Mapping[str, object], settings: Mapping[str, object]) -> None:
    """Checks new keys, the settings named `keys.ACTION`, beside those that stand.

    Raises:
        UserError: there is no such action or key, it is needed for writing, cannot be told from another in a terminal,
            or another action has it (exit status 2).
    """
    changed = {name.removeprefix("keys."): keys_in(keys) for name, keys in given.items() if name.startswith("keys.")}
    for name, keys in changed.items():
        _check_keys(name, keys)
    present = {action.name: keys_in(settings.get(f"keys.{action.name}", action.keys)) for action in ACTIONS}
    for name, keys in changed.items():
        if other := _holder(name, keys, present | changed):
            key, holder = other
            raise UserError(f"{key!r} is taken by keys.{holder}.", "Rebind that too, or choose another.", status=2)


def _check_keys(name: str, keys: list[str]) -> None:
    action = BY_NAME.get(name)
    if action is None:
        import difflib

        near = difflib.get_close_matches(name, BY_NAME, 3, 0.6)
        hint = f"Is {' or '.join(near)} meant? " if near else ""
        raise UserError(f"There is no key action {name!r}.", f"{hint}/keys and docs/keyboard.md list all.", status=2)
    own = keys_in(action.keys)
    for key in keys:
        *modifiers, last = key.split("+")
        if (last not in NAMED_KEYS and not (len(last) == 1 and last.isprintable())) or set(modifiers) - set(MODIFIERS):
            hint = "Such as ctrl+o, f2, alt+x, shift+enter, pageup; several with a comma between."
            raise UserError(f"{key!r} is not a key.", hint, status=2)
        needed = len(key) == 1 or (key in OF_THE_PROMPT and (name, key) != ("newline", "enter"))  # if another key sends
        if action.where in WRITING and key not in own and needed:
            raise UserError(f"{key!r} is needed for writing.", "Add a modifier, as in ctrl+o, or take f2.", status=2)
    if keys and all(key in UNSAFE for key in keys):
        hint = "Add another key after a comma, or choose one that every terminal sends."
        raise UserError(f"{keys[0]!r} arrives as {UNSAFE[keys[0]]} in many terminals.", hint, status=2)


def _holder(name: str, keys: list[str], all_keys: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """A key of these that another action has in the same place or everywhere, and that action."""
    place = BY_NAME[name].where
    for other, theirs in all_keys.items():
        near = BY_NAME[other].where
        meets = near == place or "app" in (near, place) or {near, place} in TOGETHER
        quiet = "app" in (near, place) and not (BY_NAME[other].priority or BY_NAME[name].priority)
        both = sorted(key for key in set(keys) & set(theirs) if not _meant(key, name, other))
        if other != name and meets and not quiet and both:
            return both[0], other
    return None


def _meant(key: str, one: str, other: str) -> bool:
    """Whether a key of two actions is meant so, as Esc is: what is nearer has it, and the app what is left."""
    places = {BY_NAME[one].where, BY_NAME[other].where}
    both = all(key in keys_in(BY_NAME[name].keys) for name in (one, other))
    return both and "app" in places and len(places) == 2


def keys_in(keys: object) -> list[str]:
    return [key.strip() for key in str(keys).split(",") if key.strip()]


def usable(settings: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    """The user's keys that can be had, by action, and a line for each that cannot: what is wrong with it.

    An action whose keys cannot be had keeps its own, which may be those that another was given.
    """
    good = {name: str(keys) for name, keys in settings.items() if name.startswith("keys.")}
    said: dict[str, str] = {}
    while wrong := {name: error for name in good if (error := _fault(name, good))}:
        said |= {
            name: f"{name} = {good.pop(name)!r} in config.toml is not used. {error}" for name, error in wrong.items()
        }
    return {name.removeprefix("keys."): keys for name, keys in good.items()}, [
        said[name] for name in settings if name in said
    ]


def _fault(name: str, given: Mapping[str, str]) -> UserError | None:
    """What is wrong with the keys of that setting beside the others."""
    try:
        check({name: given[name]}, given)
    except UserError as error:
        return error
    return None
