"""EPUB: a zip file of web pages, in the order in which they are to be read.

The readers that can be had under a permissive licence do less than these few lines.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from core.sources.names import shown
from core.sources.readers import html
from core.sources.readers.sections import Section, Unreadable, trail, unpacked
from core.sources.readers.text import decoded

CONTAINER = "META-INF/container.xml"
LOCKED = "META-INF/encryption.xml"


def read(path: Path) -> Iterator[Section]:
    """The sections of each chapter.

    Raises:
        Unreadable: it is damaged.
    """
    with unpacked(path) as archive:
        try:
            title, chapters = _contents(archive)
            for number, chapter in enumerate(chapters, 1):
                yield from _chapter(archive, chapter, title or shown(path.name), number)
        except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
            locked = LOCKED in archive.namelist()
            raise Unreadable("it is locked" if locked else "it is damaged: a part of it is missing") from None


def _chapter(archive: zipfile.ZipFile, chapter: str, title: str, number: int) -> Iterator[Section]:
    try:
        for section in html.sections(decoded(archive.read(chapter)), "", "chapter", number):
            yield Section(section.text, trail(title, section.title), section.unit, section.marks)
    except Unreadable:  # a chapter of pictures only
        return


def _contents(archive: zipfile.ZipFile) -> tuple[str, list[str]]:
    """The title of the book, and the names of its chapters."""
    roots = _parsed(archive.read(CONTAINER)).xpath("//*[local-name()='rootfile']/@full-path")
    if not roots:
        raise KeyError(CONTAINER)
    package = _parsed(archive.read(roots[0]))
    titles = package.xpath("//*[local-name()='title']/text()")
    pages = {
        item.get("id"): item.get("href")
        for item in package.xpath("//*[local-name()='manifest']/*[local-name()='item']")
        if "html" in (item.get("media-type") or "")
    }
    order = package.xpath("//*[local-name()='spine']/*[local-name()='itemref']/@idref")
    folder = posixpath.dirname(roots[0])
    names = [posixpath.normpath(posixpath.join(folder, unquote(pages[key]))) for key in order if pages.get(key)]
    return (str(titles[0]) if titles else ""), names


def _parsed(data: bytes) -> Any:
    """XML that fetches nothing and unfolds nothing."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    root = etree.fromstring(data, parser)
    if root is None:
        raise KeyError("no XML")
    return root
