"""Markdown, cut at its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.sources.names import shown
from core.sources.readers.sections import Section, line_marks, trail
from core.sources.readers.text import text_of

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?=[\w\"'-]+[ \t]*:)(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
BUT_LINE_FEEDS = re.compile(r"[^\n]+")
NAMED = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


def read(path: Path) -> Iterator[Section]:
    """A section for each heading, titled with those above it."""
    text = text_of(path)
    lines = text.split("\n")
    front = FRONT_MATTER.match(text)
    found = list(_headings(BUT_LINE_FEEDS.sub("", front.group()) + text[front.end() :] if front else text))
    named = NAMED.search(front.group(1)) if front else None
    first = next((words for _, level, words in found if level == 1), "")
    name = (named.group(1) if named else "") or first or shown(path.name)
    above: list[tuple[int, str]] = []
    starts = [line for line, _, _ in found]
    if head := "\n".join(lines[: starts[0] if starts else len(lines)]):
        yield Section(head, name, "line", line_marks(head), "markdown")
    for (line, level, words), end in zip(found, [*starts[1:], len(lines)], strict=False):
        above = [*(entry for entry in above if entry[0] < level), (level, words)]
        body = "\n".join(lines[line:end])
        yield Section(body, trail(name, *(entry[1] for entry in above)), "line", line_marks(body, line + 1), "markdown")


def _headings(text: str) -> Iterator[tuple[int, int, str]]:
    """The headings of a text: line from 0, level, words. A parser knows those that stand in code from real ones."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").disable(["emphasis", "link", "image"]).parse(text)
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.map and token.level == 0:
            yield token.map[0], int(token.tag[1:]), tokens[place + 1].content
