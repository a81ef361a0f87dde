"""Sections cut into passages on their structure, each knowing its title and its place."""

from __future__ import annotations

import bisect
import functools
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.sources.readers.sections import Section, trail

CHARACTERS = 900  # about 150 words: with its title a passage fits the 256 tokens that a small model reads
DENSE_CHARACTERS = 220  # of scripts in which a character is a token
DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
BLOCK = 100_000  # characters that are cut at once: what has no gaps takes time with the square of its length
SAMPLE = 2000
SCRAP = 150  # characters
GRAMMARS = {
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
}
DEFINITION = re.compile(
    r"^([ \t]*)(?:(?:export|default|public|private|protected|internal|static|abstract|final|async|pub(?:\([^)]*\))?|unsafe|"
    r"inline|override|virtual|const)\s+)*(?:def|class|function|fn|func|struct|enum|interface|trait|impl|module|namespace|type)"
    r"\s+(?:\([^)]*\)\s*)?(\w+(?:[.:]+\w+)*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a file. `place` is where it stands in words; `at` the time of a mail, else 0."""

    text: str
    title: str
    place: str
    at: int = 0


def chunks(section: Section) -> Iterator[Chunk]:
    """The passages of a section, in its order. None of them parts a word unless the word is longer than a passage."""
    offsets = [offset for offset, _ in section.marks]
    definitions = _definitions(section) if section.language not in ("", "markdown") else []
    for start, text in _cut(section):
        if any(character.isalnum() for character in text):
            place = _place(section, offsets, start, len(text))
            title = trail(section.title, _inside(definitions, section.text, start, len(text)))
            yield Chunk(text, title, place, section.at)


def _cut(section: Section) -> Iterator[tuple[int, str]]:
    """The pieces of a section with their offsets; a scrap goes to its neighbour where there is room."""
    capacity = _capacity(section.text)
    splitter = _splitter(section.language, capacity)
    for start, block in _blocks(section.text):
        spans: list[tuple[int, int]] = []
        for offset, text in splitter.chunk_indices(block):
            first, last = spans[-1] if spans else (offset, offset)
            end = offset + len(text)
            if spans and min(last - first, len(text)) < SCRAP and end - first <= capacity:
                spans[-1] = (first, end)
            else:
                spans.append((offset, end))
        yield from ((start + first, block[first:end]) for first, end in spans)


def _capacity(text: str) -> int:
    sample = text[:SAMPLE]
    return DENSE_CHARACTERS if len(DENSE.findall(sample)) > len(sample) * 0.3 else CHARACTERS


@functools.cache
def _splitter(language: str, capacity: int) -> Any:
    from semantic_text_splitter import CodeSplitter, MarkdownSplitter, TextSplitter

    if language == "markdown":
        return MarkdownSplitter(capacity)
    if language in ("", "code"):
        return TextSplitter(capacity)
    module, function = GRAMMARS.get(language, (f"tree_sitter_{language}", "language"))
    return CodeSplitter(getattr(importlib.import_module(module), function)(), capacity)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """A text in parts of bearable length, cut at a paragraph's, a line's or a word's end where there is one."""
    start = 0
    while start < len(text):
        end = start + BLOCK
        if end < len(text):
            gaps = (text.rfind(gap, start + BLOCK // 2, end) + len(gap) for gap in ("\n\n", "\n", " "))
            end = next((gap for gap in gaps if gap > start + BLOCK // 2), end)
        yield start, text[start:end]
        start = end


def _place(section: Section, offsets: Sequence[int], start: int, length: int) -> str:
    """`page 12`, `lines 30-55`: from the last mark at or before the passage to the last one inside it."""
    if not offsets:
        return ""
    first = section.marks[max(0, bisect.bisect_right(offsets, start) - 1)][1]
    last = section.marks[max(0, bisect.bisect_left(offsets, start + length) - 1)][1]
    return f"{section.unit} {first}" if last <= first else f"{section.unit}s {first}-{last}"


def _definitions(section: Section) -> list[tuple[int, int, str]]:
    """Where the functions and classes of source code begin: offset, indentation, name."""
    return [
        (found.start(), len(found.group(1).expandtabs(4)), found.group(2))
        for found in DEFINITION.finditer(section.text)
    ]


def _inside(definitions: Sequence[tuple[int, int, str]], text: str, start: int, length: int) -> str:
    """The definitions that a passage stands in or begins with, outermost first; else the first one inside it."""
    before = bisect.bisect_right(definitions, (start, 1 << 30, ""))
    begins = before > 0 and definitions[before - 1][0] == start
    indented = text[start : start + 1].isspace() or (text[start - 1 : start].isspace() and text[start - 1] != "\n")
    names: list[str] = []
    indent = 1 << 30
    for _, depth, name in reversed(definitions[:before] if indented or begins else []):
        if depth < indent:
            names, indent = [name, *names], depth
        if not depth:
            break
    if not names and before < len(definitions) and definitions[before][0] < start + length:
        names = [definitions[before][2]]
    return ".".join(names)
