"""HTML: what a reader of the page would read, under its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.sources.names import shown
from core.sources.readers.sections import Section, Unreadable, trail
from core.sources.readers.text import text_of

SILENT = frozenset(
    (
        "script", "style", "noscript", "template", "svg", "head", "nav", "iframe", "button", "select", "datalist",
        "textarea",
    )
)  # fmt: skip
BLOCKS = frozenset(
    (
        "p", "div", "section", "article", "main", "header", "footer", "aside", "ul", "ol", "li", "dl", "dt", "dd",
        "table", "tr", "blockquote", "pre", "figure", "figcaption", "address", "body", "html", "h1", "h2", "h3", "h4",
        "h5", "h6", "br", "hr", "details", "summary", "form", "fieldset", "legend",
    )
)  # fmt: skip
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
DECLARED = re.compile(rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def read(path: Path) -> Iterator[Section]:
    with path.open("rb") as file:
        declared = DECLARED.search(file.read(4096))
    text = text_of(path, declared.group(1).decode("ascii") if declared else "")
    yield from sections(text, shown(path.name))


def sections(text: str, name: str, unit: str = "line", number: int = 0) -> Iterator[Section]:
    """The sections of a page; with a `number`, all of them stand at that one of `unit`.

    Raises:
        Unreadable: there is no page in it.
    """
    from lxml import etree, html

    try:
        root = html.document_fromstring(DECLARATION.sub("", text.replace("\0", "")))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        raise Unreadable("no page in it") from None
    titles = root.xpath("//head/title/text()")
    title = trail(str(titles[0])) if titles else ""
    above: list[tuple[int, str]] = []
    blocks: list[tuple[int, str]] = []
    for tag, line, words in _blocks(root):
        if tag in HEADINGS:
            yield from _section(blocks, trail(title or name, *(entry[1] for entry in above)), unit, number)
            blocks, level = [], int(tag[1])
            above = [*(entry for entry in above if entry[0] < level), (level, words)]
        blocks.append((line, words))
    yield from _section(blocks, trail(title or name, *(entry[1] for entry in above)), unit, number)


def plain(text: str) -> str:
    """The words of a page alone."""
    return "\n\n".join(section.text for section in sections(text, ""))


def _section(blocks: list[tuple[int, str]], title: str, unit: str, number: int) -> Iterator[Section]:
    marks, parts, offset = [], [], 0
    for line, words in blocks:
        marks.append((offset, number or line))
        parts.append(words)
        offset += len(words) + 2
    if parts:
        yield Section("\n\n".join(parts), title, unit, marks)


def _blocks(root: Any) -> Iterator[tuple[str, int, str]]:
    """The blocks of a page in its order: tag, line, words. Not recursive: pages nest as deep as they like."""
    from lxml import etree

    words: list[str] = []
    tag, line = "body", 1
    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        known = node.tag if isinstance(node.tag, str) else ""
        if event == "start" and known not in SILENT:
            if known in BLOCKS:
                yield from _block(tag, line, words)
                words, tag, line = (["- "] if known == "li" else []), known, node.sourceline or line
            words.append("" if _silent(node) else node.text or "")
        elif event != "start":
            if known in BLOCKS and event == "end":
                yield from _block(tag, line, words)
                words, tag = [], "p"
            elif known in ("td", "th") and event == "end":
                words.append(" | ")
            words.append("" if _silent(node.getparent()) else node.tail or "")
    yield from _block(tag, line, words)


def _silent(node: Any) -> bool:
    return node is not None and (node.tag in SILENT or any(above.tag in SILENT for above in node.iterancestors()))


def _block(tag: str, line: int, words: list[str]) -> Iterator[tuple[str, int, str]]:
    joined = "".join(words)
    text = joined.strip("\n") if tag == "pre" else " ".join(joined.split()).strip("| ")
    if any(character.isalnum() for character in text):
        yield tag, line, text
