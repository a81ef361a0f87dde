"""The prompt: several lines, history, folded pastes, and the palette's keys while that is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from memgpt import commands
from memgpt.keyboard import ACTIONS
from tui.keymap import bindings_of, keys_of
from tui.text import inert
from tui.widgets.folds import Folds

BASE = [binding for binding in TextArea.BINDINGS if isinstance(binding, Binding)]


class Prompt(TextArea):
    """Where the user writes. Enter sends, Ctrl+J makes a new line; Up and Down on the outer lines walk the history."""

    DEFAULT_CSS = """
    Prompt {
        height: auto; min-height: 1; max-height: 8; border: none; padding: 0 1; background: transparent;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & .text-area--cursor-line { background: transparent; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("prompt")

    class Sent(Message):
        """Enter: the text, as it was written, pastes in full. `instead_of` is the step of the message that it replaces."""

        def __init__(self, text: str, instead_of: int = 0) -> None:
            super().__init__()
            self.text, self.instead_of = text, instead_of

    class Moved(Message):
        """A key for the palette or the set-up above the prompt: `up`, `down`, `take` or `complete`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class Asked(Message):
        """A key that needs more than the prompt: `search_history`, `editor`, or where nothing may be written `look_on`, and
        `palette` for a slash."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self, past: list[str], rebound: Mapping[str, str]) -> None:
        super().__init__(
            id="prompt", compact=True, highlight_cursor_line=False, placeholder="Write a message, or / for commands"
        )
        self.cursor_blink = False
        self.past = past
        self.menu_open = self.menu_chosen = False
        self.instead_of = 0
        self.folds = Folds()
        self._place = len(past)
        self._draft = ""
        own = {
            key: action.runs for action in ACTIONS if action.where == "prompt" for key in keys_of(action.name, rebound)
        }
        self._actions = {key: each.action for each in BASE for key in each.key.split(",")} | own

    # --- the text ---------------------------------------------------------------------------------------------

    @property
    def whole(self) -> str:
        """What is written, pastes in full."""
        return self.folds.unfold(self.text)

    def rewind(self) -> None:
        """To the end of a history that has changed."""
        self._place = len(self.past)

    def fill(self, text: str, cursor: int | None = None) -> None:
        """Puts a text in place of what is written, the cursor behind it or at that offset. It may be an editor's, or one
        that came by a pipe and waited: nothing in it controls the terminal."""
        self.text = text = inert(text)
        end = text if cursor is None else text[:cursor]
        self.move_cursor((end.count("\n"), len(end) - end.rfind("\n") - 1))

    def replace_kept(self, text: str) -> None:
        """Puts a text in place of what is written, which goes into the history, so that Up brings it back."""
        self.keep()
        self.fill(text)

    @property
    def walked(self) -> bool:
        """Whether what is written is what walking the history has put there."""
        return self._place < len(self.past) and self.text == self.past[self._place]

    def keep(self) -> str:
        """Puts what is written into the history without sending it, and gives it."""
        text = self.whole
        if text.strip() and self.past[-1:] != [text]:
            self.past.append(text)
        self._place = len(self.past)
        return text

    def put_before(self, texts: list[str]) -> None:
        """Puts texts before what is being written, a line for each; nothing of either is lost."""
        self.fill("\n".join([*texts, self.text] if self.text else texts))

    @property
    def cursor_offset(self) -> int:
        """How many characters stand before the cursor."""
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.document.lines[:row]) + column

    def on_resize(self) -> None:
        """The line with the cursor stays in view where the text is wrapped anew."""
        self.call_after_refresh(self.scroll_cursor_visible)

    # --- keys -------------------------------------------------------------------------------------------------

    def action_send(self) -> None:
        # What was typed since the menu was drawn counts: quick hands are ahead of it.
        if self.menu_open and (commands.may_be_command(self.text) or self.menu_chosen):
            self.post_message(self.Moved("take"))
            return
        self.submit()

    def action_submit(self) -> None:
        self.submit()

    def submit(self) -> None:
        """Sends what is written and empties the prompt."""
        text = self.keep()
        self._draft, instead_of = "", self.instead_of
        self.instead_of = 0
        self.text = ""
        self.folds = Folds()
        self.post_message(self.Sent(text, instead_of))

    def action_newline(self) -> None:
        self.insert("\n")

    def action_complete(self) -> None:
        if self.menu_open:
            self.post_message(self.Moved("complete"))
        else:
            self.screen.focus_next()

    def action_search_history(self) -> None:
        self.post_message(self.Asked("search_history"))

    def action_editor(self) -> None:
        self.post_message(self.Asked("editor"))

    def action_delete_left(self) -> None:
        """A folded paste goes as a whole; undo brings it back."""
        row, column = self.cursor_location
        token = self.folds.token_before(self.document.get_line(row), column) if self.selection.is_empty else ""
        if token:
            self.delete((row, column - len(token)), (row, column))
        else:
            super().action_delete_left()

    def action_cursor_up(self, select: bool = False) -> None:
        if self.menu_open or not self.text:
            moved = self.Moved("up")
            self.post_message(moved)
            if self.menu_open:
                return
        if (
            self.cursor_location[0] == 0
            and not select
            and self.wrapped_document.location_to_offset(self.cursor_location).y == 0
        ):
            self._walk(-1)
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        if self.menu_open or not self.text:
            self.post_message(self.Moved("down"))
            if self.menu_open:
                return
        last = self.wrapped_document.location_to_offset(self.document.end).y
        if not select and self.wrapped_document.location_to_offset(self.cursor_location).y == last:
            self._walk(1)
        else:
            super().action_cursor_down(select)

    def _walk(self, step: int) -> None:
        """Through the history; beyond its end lies what was being written."""
        place = self._place + step
        if not 0 <= place <= len(self.past):
            return
        if not self.walked:
            self._draft = self.text
        self._place = place
        self.fill(self.past[place] if place < len(self.past) else self._draft)

    async def _on_key(self, event: events.Key) -> None:
        """Does at once what a key is for: to a binding it comes only when what was typed behind it stands there already, and
        a slow line brings several keys together. What may become another command waits for the menu."""
        if self.read_only and event.is_printable:
            self.post_message(self.Asked("palette" if event.character == "/" else "look_on"))
            return
        action = self._actions.get(event.key)
        if action == "send" and commands.may_be_command(self.text):
            action = "submit" if self._is_whole_command and not self.menu_chosen else None
        if event.key == "enter":  # a text area would take it for a new line
            event.prevent_default()
        if action is not None and not self.read_only:
            event.prevent_default()
            event.stop()
            await self.run_action(action)

    @property
    def _is_whole_command(self) -> bool:
        word, argument = commands.parse(self.text)
        command = commands.find(word)
        return command is not None and bool(argument or not command.needs_argument)

    async def _on_paste(self, event: events.Paste) -> None:
        """A paste goes in whole, with its lines, without control characters; a big one as a token."""
        from tui.prompting.pasting import pasted

        event.prevent_default()
        event.stop()
        self.insert(self.folds.fold(pasted(event.text)))
