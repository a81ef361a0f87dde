"""The prompt: several lines, history, and the slash palette's keys while that is open."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from memgpt.commands import may_be_command
from tui.keymap import bindings_of


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
        """Enter: the text, as it was written."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Moved(Message):
        """A key for the palette or the set-up above the prompt: `up`, `down`, `take` or `close`."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, past: list[str]) -> None:
        super().__init__(
            id="prompt", compact=True, highlight_cursor_line=False, placeholder="Write a message, or / for commands"
        )
        self.cursor_blink = False
        self.past = past
        self.menu_open = False
        self._place = len(past)
        self._draft = ""

    def rewind(self) -> None:
        """To the end of a history that has changed."""
        self._place = len(self.past)

    def fill(self, text: str) -> None:
        """Puts a text in place of what is written, the cursor behind it."""
        self.text = text
        self.move_cursor(self.document.end)

    def action_send(self) -> None:
        # What was typed since the menu was drawn counts: quick hands are ahead of it.
        if self.menu_open and may_be_command(self.text):
            self.post_message(self.Moved("take"))
            return
        self.submit()

    def submit(self) -> None:
        """Sends what is written and empties the prompt."""
        text = self.text
        if text.strip() and (not self.past or self.past[-1] != text):
            self.past.append(text)
        self._place, self._draft = len(self.past), ""
        self.text = ""
        self.post_message(self.Sent(text))

    def action_newline(self) -> None:
        self.insert("\n")

    def action_complete(self) -> None:
        if self.menu_open:
            self.post_message(self.Moved("complete"))
        else:
            self.screen.focus_next()

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
        if self._place == len(self.past):
            self._draft = self.text
        self._place = place
        self.fill(self.past[place] if place < len(self.past) else self._draft)

    async def _on_key(self, event: events.Key) -> None:
        """Leaves Enter to the bindings; a text area would take it for a new line."""
        if event.key == "enter":
            event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        """A paste goes in whole, with its lines, without control characters."""
        from tui.pasting import pasted

        event.prevent_default()
        event.stop()
        self.insert(pasted(event.text))
