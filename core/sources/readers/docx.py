"""Word documents: headings, paragraphs and tables in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.sources.names import shown
from core.sources.readers.sections import Section, Unreadable, trail, unpacked

HEADING = re.compile(r"heading (\d)", re.IGNORECASE)


def read(path: Path) -> Iterator[Section]:
    """A section for each heading; a Word document knows no pages, so its paragraphs are counted.

    Raises:
        Unreadable: it is damaged.
    """
    unpacked(path).close()
    import docx

    try:
        document = docx.Document(str(path))
    except Exception:  # whatever the library, zip or XML makes of damage: it has no common kind
        raise Unreadable("it is damaged: no Word document") from None
    yield from _sections(document, document.core_properties.title or shown(path.name))


def _sections(document: Any, name: str) -> Iterator[Section]:
    above: list[tuple[int, str]] = []
    parts: list[tuple[int, str]] = []
    for number, (level, text) in enumerate(_paragraphs(document), 1):
        if level:
            yield from _section(parts, trail(name, *(entry[1] for entry in above)))
            parts = []
            above = [*(entry for entry in above if entry[0] < level), (level, text)]
        parts.append((number, text))
    yield from _section(parts, trail(name, *(entry[1] for entry in above)))


def _paragraphs(document: Any) -> Iterator[tuple[int, str]]:
    """Level (0 for what is no heading) and text of each paragraph, a row of a table being one."""
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                cells = dict.fromkeys(" ".join(cell.text.split()) for cell in row.cells)
                yield 0, " | ".join(cell for cell in cells if cell)
        else:
            style = block.style.name if block.style is not None else ""
            found = HEADING.match(style or "")
            yield (int(found.group(1)) if found else int(style == "Title")), block.text


def _section(parts: list[tuple[int, str]], title: str) -> Iterator[Section]:
    marks, offset = [], 0
    for number, text in parts:
        marks.append((offset, number))
        offset += len(text) + 2
    text = "\n\n".join(text for _, text in parts)
    if text.strip():
        yield Section(text, title, "paragraph", marks)
