"""What encoding a text is in that does not say so, and is not UTF-8.

The guessing library weighs how texts look in a hundred encodings: a few lines with a few accents look as well in Baltic
or DOS ones. So of what is mostly ASCII we ask which language it would be: all that is not ASCII is letters of it. What
fits none is taken for the usual western encoding.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter

LOOKED_AT = 65_536  # bytes from which an encoding is guessed
USUAL = "cp1252"
FOREIGN_SHARE = 0.3  # of the bytes of a text in Latin letters, at most, are letters with accents
FITTING = 0.9  # of what is no ASCII are letters of a language
FEWEST, KINDS = 4, 2  # letters, and different ones, from which other than the usual encoding is believed
WORLD = (
    "cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic", "cp1253", "cp1255", "cp1256", "iso8859_6",
    "cp874", "cp932", "euc_jp", "gb18030", "big5", "cp949",
)  # fmt: skip
# Encodings, and the letters of the languages that are written in them. Of equals the first is taken.
ALPHABETS = (
    (
        ("cp1252", "iso8859_15", "mac_roman"),
        ("äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü¿¡", "àáâãçéêíóôõúü", "àèéìíîòóùú", "åäöéàü", "æøåéèêóòâô", "éèëïöüóêç"),
    ),
    (("cp1250", "iso8859_2"), ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž")),
    (("cp1254",), ("çğıöşüâîû",)),
    (("cp1257",), ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")),
    (("cp1252",), ("áéíóúýþæöð",)),
    (("cp1251", "koi8_u", "cp866"), ("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґ",)),
    (("cp1253",), ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)),
    (("cp874",), ("".join(map(chr, range(0x0E01, 0x0E5C))),)),
)  # fmt: skip
MARKS = "“”„‘’‚‹›«»–—…•·°§€£©®™\u00a0\u00ad"
LATIN = "\u024f"  # its last letter
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
KNOWN = 0.98  # of the characters of a text
COMMON = " \n,.、。，"
HIGH = re.compile(rb"[\x80-\xff]")


def guessed(data: bytes) -> str:
    """The encoding of a text of which some bytes are no ASCII."""
    sample = _sample(data)
    if len(HIGH.findall(sample)) <= len(sample) * FOREIGN_SHARE:
        return _by_letters(sample) or USUAL
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(WORLD)).best() or from_bytes(sample).best()
    return best.encoding if best else USUAL


def _sample(data: bytes) -> bytes:
    """Lines from the first one on that is not ASCII."""
    found = HIGH.search(data)
    start = data.rfind(b"\n", 0, found.start()) + 1 if found else 0
    end = start + LOOKED_AT
    return data[start : data.rfind(b"\n", start, end) + 1 or end] if end < len(data) else data[start:]


def _by_letters(sample: bytes) -> str:
    """The encoding in which what is no ASCII is the letters of one language; empty where none fits."""
    best, fits = "", (FITTING, 0.0)
    for encodings, languages in ALPHABETS:
        for encoding in encodings:
            text = sample.decode(encoding, "replace")
            found = _letters(text)
            total = found.total()
            if encoding != USUAL and (total < FEWEST or len(found) < KINDS):
                continue
            small = sum(map(str.islower, text)) / len(text)  # capitals and small letters are exchanged in KOI8
            for language in languages:
                share = sum(found[letter] for letter in language + MARKS) / max(1, total)
                if (share, small) > fits:
                    best, fits = encoding, (share, small)
    return best


def _letters(text: str) -> Counter[str]:
    """How often each letter and mark beside ASCII stands in a text. A capital behind a small letter is a letter of no
    language, and so is another script's amidst a Latin word; a sign that stands alone says nothing."""
    found: Counter[str] = Counter()
    for before, character, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if character in MARKS:
            found[character] += 1
        elif not character.isascii() and (after.isalpha() or not before.isspace()):
            mixed = character > LATIN and (_is_latin(before) or _is_latin(after))
            found["" if mixed else character if before.islower() else character.lower()] += 1
    return found


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def wide(data: bytes) -> str:
    """Which of UTF-16 and UTF-32 a text is in that bears no mark; empty where it is no text."""
    sample = data[: LOOKED_AT - LOOKED_AT % 4]
    return next((encoding for encoding in WIDE if _is_text(sample, encoding)), "")


def _is_text(sample: bytes, encoding: str) -> bool:
    """Whether what is read in that encoding is known characters, with some of those that every text has. In the wrong
    order of bytes a space and a line's end are others."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    known = sum(unicodedata.category(character)[0] in "LMNPSZ" or character in "\t\n\r\f" for character in text)
    return known > len(text) * KNOWN and any(character in COMMON for character in text)
