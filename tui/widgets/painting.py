"""From text to strips: Markdown for what is closed, plain wrapped text for what is still arriving."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from tui.theme import Look

MARKS = re.compile(r"[*_`#\[<>|~\\&]|^\s*(?:[-+]|\d+[.)])\s|^\s*[-=]{3,}\s*$|^ {4}|https?://", re.MULTILINE)


class Painter:
    """Renders texts at one width in one theme."""

    def __init__(self, look: Look, width: int) -> None:
        self.look, self.width = look, max(8, width)
        self._console = console(look)
        self._options = self._console.options.update(width=self.width)

    def markdown(self, text: str) -> list[Strip]:
        """Markdown, without markup of any other kind, links shown in full. Plain prose takes the short way."""
        if not MARKS.search(text):
            return self.plain(text)
        from tui.widgets.markdown import Document

        lines = self._console.render_lines(Document(text, self.look), self._options, pad=False)
        strips = [Strip(line).simplify() for line in lines]
        while strips and not strips[-1].text.strip():
            strips.pop()
        return strips

    def plain(self, text: str, style: Style | None = None, indent: int = 0) -> list[Strip]:
        """Wrapped text, nothing in it interpreted."""
        style = style or self.look.style("foreground")
        return [strip for line in text.split("\n") for strip in self._wrapped(line, style, indent)]

    def _wrapped(self, line: str, style: Style, indent: int) -> Iterable[Strip]:
        pad = [Segment(" " * indent)] if indent else []
        if len(line) < (self.width - indent) // 2:  # cannot be wider, whatever is in it
            return [Strip([*pad, Segment(line, style)])]
        wrapped = Text(line).wrap(self._console, self.width - indent)
        return [Strip([*pad, Segment(part.plain.rstrip(), style)]) for part in wrapped]

    def ends(self, left: str, right: str, left_style: Style, right_style: Style) -> Strip:
        """One line with text at both ends; the left one gives way."""
        kept = Text(left)
        kept.truncate(max(1, self.width - len(right) - 2), overflow="ellipsis")
        gap = max(1, self.width - kept.cell_len - Text(right).cell_len)
        return Strip([Segment(kept.plain, left_style), Segment(" " * gap), Segment(right, right_style)])

    def rule(self, text: str, style: Style, words: Style) -> Strip:
        """A thin rule with its words near the right; where there is no room for a rule, the words alone."""
        kept = Text(f" {text} ")
        right = 4 if kept.cell_len + 8 <= self.width else 0
        if not right:
            kept = Text(text if len(text) <= self.width else text.partition(",")[0])  # the second half gives way
        kept.truncate(self.width, overflow="ellipsis")
        left = self.width - kept.cell_len - right
        return Strip(
            [Segment("─" * (left if right else 0), style), Segment(kept.plain, words), Segment("─" * right, style)]
        )

    def fitted(self, text: str, style: Style) -> Strip:
        """One line, cut with an ellipsis where it is too long."""
        return Strip([fitted(text, self.width, style)])


def fitted(text: str, width: int, style: Style) -> Segment:
    """A text on one line, cut with an ellipsis where it is too long."""
    kept = Text(text.replace("\n", " "))
    kept.truncate(width, overflow="ellipsis")
    return Segment(kept.plain, style)


@lru_cache(maxsize=8)
def console(look: Look) -> Console:
    """A rich console that writes nowhere, with Markdown's styles in this theme."""
    from rich.theme import Theme

    accent, muted, plain = look.style("accent"), look.style("muted"), look.style("foreground")
    bold = look.style("foreground", bold=True)
    styles: dict[str, Any] = {f"markdown.h{level}": bold for level in range(1, 7)}
    styles |= {
        "markdown.paragraph": plain, "markdown.text": plain, "markdown.strong": bold,
        "markdown.em": look.style("foreground", italic=True), "markdown.emph": look.style("foreground", italic=True),
        "markdown.code": accent, "markdown.code_block": plain, "markdown.block_quote": muted, "markdown.list": plain,
        "markdown.item": plain, "markdown.item.bullet": accent, "markdown.item.number": accent,
        "markdown.hr": look.style("border"), "markdown.link": accent, "markdown.link_url": accent,
        "markdown.table.border": look.style("border"), "markdown.table.header": bold,
        "markdown.s": muted,
    }  # fmt: skip
    return Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", legacy_windows=False, markup=False,
        emoji=False, highlight=False, theme=Theme(styles), width=80,
    )  # fmt: skip
