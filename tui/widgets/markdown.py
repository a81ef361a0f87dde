"""Markdown as the transcript shows it: left-aligned headings, indented code, no links that a click opens."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich import markdown
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.syntax import Syntax

from tui.theme import Look
from tui.widgets.code_style import code_style

CODE_INDENT = 2


class Heading(markdown.Heading):
    """Bold at the left; rich centres its own."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class CodeBlock(markdown.CodeBlock):
    """In the colours of the theme, on its ground, indented."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        syntax = Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True)
        yield Padding(syntax, (0, 0, 0, CODE_INDENT))


class Document(markdown.Markdown):
    """One closed text. Links show their address in words."""

    elements: ClassVar = {
        **markdown.Markdown.elements,
        "heading_open": Heading,
        "fence": CodeBlock,
        "code_block": CodeBlock,
    }

    def __init__(self, text: str, look: Look) -> None:
        super().__init__("", hyperlinks=False)
        self.code_theme = code_style(look)  # type: ignore[assignment]  # rich takes both
        self.markup, self.parsed = text, _shown(_parser().parse(text))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Nothing that is written may vanish: HTML is text, and so is where a link's address would be kept apart."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")


@lru_cache(maxsize=1)
def _blocks() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["inline", "reference"])


def _shown(tokens: list[Token]) -> list[Token]:
    """The tokens with pictures as the text that stands for them, and with the titles of links."""
    for token in tokens:
        for place, child in enumerate(token.children or ()):
            title = f' "{child.attrs["title"]}"' if child.attrs.get("title") else ""
            if child.type == "image":
                text = f"![{child.content}]({child.attrs.get('src', '')}{title})"
                token.children[place] = Token("text", "", 0, content=text)  # type: ignore[index]
            elif child.type == "link_open" and title:
                child.attrs["href"] = f"{child.attrs.get('href', '')}{title}"
    return tokens


def closed_upto(text: str) -> int:
    """Where the last top-level block of a text begins: everything before it can no longer change.

    0 where there is but one block yet. Only blocks are looked at, so that the cost follows their lines.
    """
    starts = [token.map[0] for token in _blocks().parse(text) if token.level == 0 and token.map and token.nesting >= 0]
    if len(starts) < 2:
        return 0
    place = 0
    for _ in range(starts[-1]):
        place = text.index("\n", place) + 1
    return place
