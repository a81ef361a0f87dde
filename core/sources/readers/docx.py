"""Word documents: headings, paragraphs and tables in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.sources.names import shown
from core.sources.readers.sections import Section, Unreadable, trail, unpacked

FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # says again what a text box says
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
    from docx.oxml.ns import qn
    from docx.text.paragraph import Paragraph

    for block in document.element.body.iter(qn("w:p"), qn("w:tbl")):
        if any(above.tag == qn("w:tbl") or above.tag == FALLBACK for above in block.iterancestors()):
            continue
        if block.tag == qn("w:tbl"):
            yield from ((0, row) for row in _rows(block))
        else:
            style = Paragraph(block, document).style
            name = (style.name if style is not None else "") or ""
            found = HEADING.match(name)
            yield (int(found.group(1)) if found else int(name == "Title")), _text(block)


def _rows(table: Any) -> Iterator[str]:
    """The rows of a table; a cell that goes on from the row above says the same again."""
    above: dict[int, str] = {}
    for row in _own(table, "w:tr"):
        column, cells = 0, []
        for cell in _own(row, "w:tc"):
            if cell.vMerge != "continue":
                above[column] = " ".join(" ".join(map(_text, _inner_paragraphs(cell))).split())
            cells.append(above.get(column, ""))
            column += cell.grid_span
        yield " | ".join(filter(None, cells))


def _inner_paragraphs(cell: Any) -> list[Any]:
    """The paragraphs of a cell, with those of tables in it."""
    from docx.oxml.ns import qn

    return [found for found in cell.iter(qn("w:p")) if next(found.iterancestors(FALLBACK), None) is None]


def _text(paragraph: Any) -> str:
    """The words of a paragraph, also those in content controls and tracked insertions."""
    from docx.oxml.ns import qn

    return "".join(
        run.text for run in _own(paragraph, "w:r") if next(run.iterancestors(qn("w:moveFrom")), None) is None
    )


def _own(node: Any, tag: str) -> Iterator[Any]:
    """The parts of a table, row or paragraph, however they are wrapped, without those of another one inside it."""
    from docx.oxml.ns import qn

    return (found for found in node.iter(qn(tag)) if next(found.iterancestors(node.tag)) is node)


def _section(parts: list[tuple[int, str]], title: str) -> Iterator[Section]:
    marks, offset = [], 0
    for number, text in parts:
        marks.append((offset, number))
        offset += len(text) + 2
    text = "\n\n".join(text for _, text in parts)
    if text.strip():
        yield Section(text, title, "paragraph", marks)
