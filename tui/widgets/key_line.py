"""The last line of a screen of its own: its keys, or for a moment a sentence in their place."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from tui.footer import fitted
from tui.text import inert

SAID_S = 6.0
ROOMY = 56  # columns from which one row of keys is enough
ALWAYS = ("Esc close", "F1 keys")


class KeyLine(Static):
    """As many keys as there is room for, and always those that lead on and out. A sentence takes the rows that it needs, and
    gives way to the keys with the next key, or after some seconds."""

    DEFAULT_CSS = "KeyLine { height: auto; max-height: 3; color: $muted; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__(id="keys", markup=False)
        self._keys: Sequence[str] = ()
        self._always: Sequence[str] = ALWAYS
        self._said = ""
        self._timer: Timer | None = None

    def keys(self, keys: Sequence[str], always: Sequence[str] = ALWAYS) -> None:
        """The most useful first."""
        self._keys, self._always = keys, always
        self._draw()

    def say(self, text: str) -> None:
        self._rest()
        self._said = inert(text)
        self._timer = self.set_timer(SAID_S, self.hush)
        self._draw()

    def hush(self) -> None:
        """The keys again."""
        self._rest()
        self._said = ""
        self._draw()

    def _rest(self) -> None:
        if self._timer:
            self._timer.stop()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.update(Content(self._said or self._hints(self.content_size.width)))

    def _hints(self, width: int) -> str:
        """One row of them; two where that is a short one."""
        if width >= ROOMY:
            return fitted(self._keys, width, self._always)
        first = fitted(self._keys, width)
        rest = self._keys[len(first.split(" · ")) :]
        return f"{first}\n{fitted(rest, width, self._always)}"
