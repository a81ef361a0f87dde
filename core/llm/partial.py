"""The text of one string value out of JSON that is still arriving."""

from __future__ import annotations

import re

ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class PartialString:
    """Follows a growing JSON text and gives what has newly arrived of the first string value under `key`.

    Cuts may fall anywhere, also inside an escape or between the halves of a surrogate pair.
    """

    def __init__(self, key: str) -> None:
        self._start = re.compile(rf'"{re.escape(key)}"\s*:\s*"')
        self._text = ""
        self._place = -1  # where the value's next unread character is; -1 before it has begun
        self._high = ""
        self.done = False

    def feed(self, piece: str) -> str:
        """The newly readable part of the value; empty where there is none."""
        self._text += piece
        if self._place < 0:
            found = self._start.search(self._text)
            if not found:
                return ""
            self._place = found.end()
        read: list[str] = []
        while not self.done and self._place < len(self._text):
            taken = self._next()
            if taken is None:
                break
            read.append(taken)
        return "".join(read)

    def _next(self) -> str | None:
        """The next character of the value; None while its escape is incomplete."""
        character = self._text[self._place]
        if character == '"':
            self.done = True
            return ""
        if character != "\\":
            self._place += 1
            return character
        escape = self._text[self._place + 1 : self._place + 2]
        if not escape:
            return None
        if escape != "u":
            self._place += 2
            return ESCAPES.get(escape, escape)
        return self._unicode()

    def _unicode(self) -> str | None:
        digits = self._text[self._place + 2 : self._place + 6]
        if len(digits) < 4:
            return None
        self._place += 6
        try:
            code = int(digits, 16)
        except ValueError:
            return "\\u" + digits
        if 0xD800 <= code < 0xDC00:
            self._high = chr(code)
            return ""
        if 0xDC00 <= code < 0xE000 and self._high:
            pair = (self._high + chr(code)).encode("utf-16", "surrogatepass").decode("utf-16")
            self._high = ""
            return pair
        return chr(code) if not 0xDC00 <= code < 0xE000 else "\ufffd"
