"""The look of a cell as a terminal is told it, and the shortest way from one look to another."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Look(NamedTuple):
    """Colours and attributes as parameters of `CSI … m`; an empty colour is the terminal's own."""

    foreground: str = ""
    background: str = ""
    attributes: frozenset[str] = frozenset()


PLAIN = Look()
SEEN_ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})  # underlined, reverse, struck, doubly underlined, overlined


@lru_cache(maxsize=4096)
def look_of(parameters: str, before: Look = PLAIN) -> Look:
    """What `CSI parameters m` makes of a look."""
    foreground, background, attributes = before
    given = parameters.split(";") if parameters else ["0"]
    place = 0
    while place < len(given):
        code = given[place] or "0"
        number = int(code)
        if number in (38, 48):
            length = 5 if given[place + 1 : place + 2] == ["2"] else 3
            colour = ";".join(given[place : place + length])
            foreground, background = (colour, background) if number == 38 else (foreground, colour)
            place += length
            continue
        if number == 0:
            foreground, background, attributes = PLAIN
        elif 30 <= number <= 37 or 90 <= number <= 97:
            foreground = code
        elif 40 <= number <= 47 or 100 <= number <= 107:
            background = code
        elif number == 39:
            foreground = ""
        elif number == 49:
            background = ""
        elif number == 22:
            attributes -= {"1", "2"}
        elif 23 <= number <= 29:
            attributes -= {str(number - 20), "21" if number == 24 else ""}
        else:
            attributes |= {code}
        place += 1
    return Look(foreground, background, attributes)


@lru_cache(maxsize=4096)
def blank(look: Look) -> Look:
    """The look of a space: the colour of what is not there does not count."""
    return look if look.attributes & SEEN_ON_BLANKS else Look("", look.background)


@lru_cache(maxsize=8192)
def way(before: Look | None, after: Look) -> str:
    """The sequence that leads from a look, or from one that is not known, to another."""
    if before == after:
        return ""
    whole = ["0", *sorted(after.attributes), *(colour for colour in after[:2] if colour)]
    if before is None or before.attributes - after.attributes:
        return f"\x1b[{';'.join(whole)}m"
    parts = sorted(after.attributes - before.attributes)
    if before.foreground != after.foreground:
        parts.append(after.foreground or "39")
    if before.background != after.background:
        parts.append(after.background or "49")
    short = ";".join(parts)
    return f"\x1b[{short if len(short) <= len(';'.join(whole)) else ';'.join(whole)}m"
