"""Plain text in whatever encoding it is in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from core.sources.names import shown
from core.sources.readers.sections import Binary, Section, Unreadable, line_marks

LIMIT = 50_000_000  # bytes
LOOKED_AT = 65_536  # bytes from which an encoding is guessed
WESTERN_SHARE = 0.3  # of the bytes of a western text, at most, are letters with accents
# The longer marks first: that of UTF-16 is how the one of UTF-32 begins.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\b\v"))


def read(path: Path) -> Iterator[Section]:
    text = text_of(path)
    yield Section(text, shown(path.name), "line", line_marks(text))


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        Binary: it is no text.
        Unreadable: it is too large.
    """
    if path.stat().st_size > LIMIT:
        raise Unreadable(f"a text of more than {LIMIT // 1_000_000} MB")
    return decoded(path.read_bytes())


def decoded(data: bytes) -> str:
    """Text from bytes: by its mark, as UTF-8, or by a guess. Line ends become line feeds.

    Raises:
        Binary: it is no text.
    """
    marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
    try:
        text = data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        text = data.decode(marked or _guessed(data[:LOOKED_AT]), "replace")
    if not marked and is_binary(data[:LOOKED_AT]):
        unmarked = _unmarked(data)
        if unmarked is None:
            raise Binary("it is no text")
        text = data.decode(unmarked, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def is_binary(sample: bytes) -> bool:
    """Whether more of it are control characters than slip into a text by accident."""
    return len(sample) - len(sample.translate(None, CONTROLS)) > len(sample) // 50


def _unmarked(data: bytes) -> str | None:
    """UTF-16 without its mark: every second byte of western text is nothing."""
    sample = data[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(1, len(sample) // 2)
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.6 and odd < half * 0.05 else None


def _guessed(sample: bytes) -> str:
    """An encoding. Guesses about western text, where few bytes tell, are worse than its usual encoding."""
    high = sum(byte > 127 for byte in sample)
    if high <= len(sample) * WESTERN_SHARE:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best else "cp1252"
