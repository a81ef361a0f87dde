"""Readers of documents, one module for each kind of file, found by the file's ending."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from core.sources.readers import code, docx, epub, html, mail, markdown, pdf, table, text
from core.sources.readers.sections import Section

Reader = Callable[[Path], Iterator[Section]]

READERS: dict[str, Reader] = {
    **dict.fromkeys((".txt", ".text", ".rst", ".org", ".adoc", ".tex", ".log", ".srt", ".vtt"), text.read),
    **dict.fromkeys((".md", ".markdown", ".mdx"), markdown.read),
    **dict.fromkeys((".html", ".htm", ".xhtml"), html.read),
    ".pdf": pdf.read,
    ".docx": docx.read,
    ".epub": epub.read,
    **dict.fromkeys((".csv", ".tsv"), table.read),
    **dict.fromkeys(code.LANGUAGES, code.read),
    ".eml": mail.read,
    ".mbox": mail.read_box,
}
VERSION = 3  # raise it where readers or chunks change so much that files should be read again


def reader_of(path: Path) -> Reader | None:
    """What reads a file of that ending; None where the file itself has to say whether it is text."""
    return READERS.get(path.suffix.lower())


def sections(path: Path) -> Iterator[Section]:
    """The sections of a document; a file of an unknown ending is read as text. One without a byte is none of any kind,
    and has no sections.

    Raises:
        Unreadable: nothing in it can be read; `Binary` where it is no text at all.
        OSError: the file cannot be opened.
    """
    return (reader_of(path) or text.read)(path) if path.stat().st_size else iter(())
