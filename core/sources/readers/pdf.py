"""PDF, page by page, with the headings of its outline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.sources.names import shown
from core.sources.readers.sections import Section, Unreadable, trail

JOINED = ("\ufffe\r\n", "\ufffe\n", "\ufffe", "\x02\r\n", "\x02")  # how the library marks a hyphen at the end of a line


def read(path: Path) -> Iterator[Section]:
    """A section for each page.

    Raises:
        Unreadable: it is damaged, locked, or holds pictures of pages only.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise Unreadable("it is locked with a password" if locked else "it is damaged: no PDF") from None
    try:
        yield from _pages(document, path)
    finally:
        document.close()


def _pages(document: Any, path: Path) -> Iterator[Section]:
    import pypdfium2

    name = document.get_metadata_dict(skip_empty=True).get("Title", "") or shown(path.name)
    outline, above, found = _outline(document), "", False
    for number in range(1, len(document) + 1):
        above = outline.get(number, above)
        try:
            text = _text(document, number - 1)
        except pypdfium2.PdfiumError:  # one bad page: the others are still worth reading
            continue
        if text.strip():
            found = True
            yield Section(text, trail(name, above), "page", ((0, number),))
    if not found:
        raise Unreadable("there is no text in it; scanned pages have to be recognised first")


def _text(document: Any, place: int) -> str:
    page = document[place]
    try:
        words = page.get_textpage()
        text = str(words.get_text_range())
        words.close()
    finally:
        page.close()
    for mark in JOINED:
        text = text.replace(mark, "")
    return text.replace("\r\n", "\n").replace("\0", "")


def _outline(document: Any) -> dict[int, str]:
    """The heading that holds from each page on that has one."""
    found: dict[int, str] = {}
    above: list[str] = []
    for entry in document.get_toc(max_depth=6):
        above = [*above[: entry.level], entry.get_title() or ""]
        target = entry.get_dest()
        page = target.get_index() if target else None
        if page is not None:
            found.setdefault(page + 1, trail(*above))
    return found
