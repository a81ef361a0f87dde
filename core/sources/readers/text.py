"""Plain text in whatever encoding it is in."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from core.sources.names import shown
from core.sources.readers import encodings
from core.sources.readers.sections import Binary, Section, Unreadable, line_marks

LIMIT = 50_000_000  # bytes
# The longer marks first: that of UTF-16 is how the one of UTF-32 begins.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
SHIFTED = re.compile(rb"\x1b\$[@B]")  # how ISO-2022-JP, all of it ASCII bytes, begins with Japanese
VALID_SHARE = 0.8  # of what is no ASCII, from which it is UTF-8 with bad bytes; older encodings do not come near it
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\b\v"))


def read(path: Path) -> Iterator[Section]:
    text = text_of(path)
    yield Section(text, shown(path.name), "line", line_marks(text))


def text_of(path: Path, declared: str = "") -> str:
    """The text of a file, which may declare its encoding.

    Raises:
        Binary: it is no text.
        Unreadable: it is too large.
    """
    if path.stat().st_size > LIMIT:
        raise Unreadable(f"a text of more than {LIMIT // 1_000_000} MB")
    return decoded(path.read_bytes(), declared)


def decoded(data: bytes, declared: str = "") -> str:
    """Text from bytes: by its mark, as it declares, as UTF-8, of which few bytes may be bad, or by a guess. Line ends
    become line feeds.

    Raises:
        Binary: it is no text.
    """
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), "")
    shifted = "iso2022_jp_ext" if SHIFTED.search(data) else ""
    read = (_strictly(data, encoding) for encoding in (marked or declared, shifted, "utf-8"))
    text = next((text for text in read if text is not None), None)
    if text is None and not marked:
        text = _nearly_utf8(data)
    if text is None:
        text = data.decode(marked or encodings.guessed(data), "replace")
    if not marked and is_binary(data[: encodings.LOOKED_AT]):
        wide = encodings.wide(data)
        if not wide:
            raise Binary("it is no text")
        text = data.decode(wide, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _strictly(data: bytes, encoding: str) -> str | None:
    """A text, where all of it is in that encoding."""
    try:
        return data.decode(encoding) if encoding else None
    except (LookupError, UnicodeError):
        return None


def _nearly_utf8(data: bytes) -> str | None:
    """A text, where nearly all of it that is no ASCII is UTF-8: bad bytes are replaced, and a character that is cut off at
    the end is left out, as a file has one that is still being written."""
    reader = codecs.getincrementaldecoder("utf-8")("ignore")
    valid = reader.decode(data)
    unfinished = len(reader.getstate()[0])
    bad = len(data) - unfinished - len(valid.encode())
    good = len(valid) - len(valid.encode("ascii", "ignore"))
    if not good or good < (good + bad) * VALID_SHARE:
        return None
    return data[: len(data) - unfinished].decode("utf-8", "replace")


def is_binary(sample: bytes) -> bool:
    """Whether more of it are control characters than slip into a text by accident."""
    return len(sample) - len(sample.translate(None, CONTROLS)) > len(sample) // 50
