"""Words as they are indexed: folded, stemmed by language, without those that say nothing; exact strings whole beside
their parts.

A term is a 63-bit hash, so no vocabulary has to be kept, and forgetting leaves no word behind. Texts of ASCII alone,
which most are, go a short way: twenty words take some five microseconds.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any

import regex
import Stemmer
from stop_words import get_stop_words

ANALYSIS = 4  # the version of these rules: a file that was indexed by others is indexed anew
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー々〆"
ASCII_WORD = re.compile(r"[a-z0-9]+")
WORD = regex.compile(rf"(?V1)[[\p{{L}}\p{{M}}\p{{N}}]--[{UNSPACED}]]+")
RUN = regex.compile(rf"(?V1)[{UNSPACED}]+")
WORDLIKE = r"\p{L}\p{M}\p{N}_"
SIGN = re.compile(r"[!-/:-@\[-^`{-~]")  # what both engines take with a backslash before it
PARTED = regex.compile(rf"(?V1)[[{WORDLIKE}]--[{UNSPACED}]]")
EMOJI = regex.compile(
    r"\p{Regional_Indicator}{2}|\p{Extended_Pictographic}\p{Emoji_Modifier}?(?:\u200d\p{Extended_Pictographic}\p{Emoji_Modifier}?)*"
)
COMPOUND = regex.compile(r"\w+(?:[-_.:/@#+'\\&=%~?]+\w+)+|\w+[+#]+(?!\w)|\d+(?:[.,]\d+)+")
JOINED = re.compile(
    r"[-_.:/@#+'\\&=%~?,](?=\w)|[+#]"
)  # without one of these no compound, and the slower look is spared
GROUPED = re.compile(r"\d{1,3}(?:[,.'\u00a0\u202f ]\d{3})+(?![\d])")  # 1,234,567 and its kin are also 1234567
HUMPED = re.compile(r"[a-z][A-Z]")
CAMEL = re.compile(r"[A-Za-z]*[a-z][A-Z][A-Za-z]*")
HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
CONTRACTION = re.compile(r"(?<=[a-z])(?:n't|'(?:s|m|d|ll|re|ve|t))(?![a-z0-9])")
# What a word is written with or without: accents, the points of Hebrew and Arabic, nuktas, tatweel, hyphens that are not
# seen, the Latin letters that no decomposition parts from their stroke; and an apostrophe is one, however it is set. Other
# marks are letters of their scripts.
OPTIONAL = (
    *range(0x300, 0x370), *range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7, *range(0x610, 0x61B), 0x640,
    *range(0x64B, 0x660), 0x670, *range(0x6D6, 0x6DD), *range(0x6DF, 0x6E9), *range(0x6EA, 0x6EE),
    0x93C, 0x9BC, 0xA3C, 0xABC, 0xB3C, 0xAD, 0x200B, 0x2060, 0xFEFF,
)  # fmt: skip
FOLDS = (
    dict.fromkeys(OPTIONAL) | str.maketrans("łøđðħŧı’", "loddhti'") | str.maketrans({"æ": "ae", "œ": "oe", "þ": "th"})
)
IDENTIFIER = regex.compile(
    r"(?!\d+(?:st|nd|rd|th|am|pm)$)(?=.*\d)(?=.*\p{L})[\w\W]{4,}|\d{5,}|.*[@_/\\].*|.*\p{L}[.:]\p{L}.*|\d+(?:\.\d+){2,}.*"
)
LARGEST_VOCABULARY = 400_000  # words remembered with their terms for each language, some 60 MB at the most

# English function words and what questions are made of. Shorter than most lists: face, fire and computer say something.
ENGLISH_STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be been before being but by can could did do does doing done for
    from get got had has have having he her here hers him his how i if in into is it its just like ll me more most my no
    not of off on once one only or other our out over own re s same she should so some such t than that the their them
    then there these they this those through to too under until up us ve very was we were what when where which while
    who whom why will with would you your yours m d don""".split()
)
PLAINLY_ENGLISH = frozenset("the and you that this have with what your they there would been were from".split())
# Words that an answer to `when` has; they are looked for in English, as `WHEN` of the search is.
TIME_WORDS = frozenset(
    """yesterday today tomorrow tonight last next ago week weeks weekend weekends month months year years monday tuesday
    wednesday thursday friday saturday sunday january february march april may june july august september october november
    december recently since day days morning mornings night nights""".split()
)
# The languages that a stemmer and a list of function words are at hand for; a message is of the one whose function words
# it has most of. The order is stored with the messages: new ones go to the end.
LANGUAGES = (
    "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "danish", "norwegian",
    "finnish", "russian", "hungarian", "romanian", "turkish", "polish", "czech", "catalan", "greek", "indonesian",
    "arabic", "hindi", "persian",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a text is found by. `language` is a place in LANGUAGES, `times` how many words of it tell of a time."""

    terms: frozenset[int]
    language: int
    times: int


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A word of a query with the terms that it may stand as, one for each language that was spoken; an identifier is
    meant to the letter."""

    word: str
    terms: tuple[int, ...]
    identifier: bool
    whole: bool = False  # made of words that are looked for by themselves, too


def index(text: str) -> Indexed:
    """The terms of a text, without the function words of its language."""
    words, exact = _words(text)
    apart = frozenset(words)
    language = _language(apart)
    found = {*map(_vocabulary(language).__getitem__, apart), *map(_term, exact)}
    found.discard(0)
    times = len(apart & TIME_WORDS) + sum(map(str.isdecimal, apart))
    return Indexed(frozenset(found), language, times)


def query_terms(text: str, languages: frozenset[int] = frozenset()) -> list[QueryTerm]:
    """The words to look for; `languages` are those that are spoken in what is searched."""
    words, exact = _words(text)
    own = _language(frozenset(words))
    spoken = (own, *sorted(languages - {own}))
    found: dict[str, QueryTerm] = {}
    for word in words:
        if _vocabulary(own)[word]:
            terms = dict.fromkeys(_vocabulary(language)[word] for language in spoken)
            found[word] = QueryTerm(word, tuple(term for term in terms if term), _is_identifier(word))
    for whole in exact:
        found[whole] = QueryTerm(whole, (_term(whole),), _is_identifier(whole), whole=whole not in found)
    several = any(len(word) > 1 and RUN.fullmatch(word) for word in found)
    kept = [term for word, term in found.items() if not (several and len(word) == 1 and RUN.fullmatch(word))]
    return list({term.terms: term for term in kept}.values())


def language_of(text: str) -> int:
    return _language(frozenset(_words(text)[0]))


def speaker_terms(name: str) -> frozenset[int]:
    """Terms that say who spoke, which are not those of the words that a name is made of."""
    return frozenset(_term(f"\0{stem}") for stem in _name_stems(name))


@functools.lru_cache(4096)
def file_terms(file: str) -> frozenset[int]:
    """Terms of a file's name as a whole, with its ending and without: its words alone, in all of its passages, would tell
    none of them from another."""
    name = folded(file.rpartition("/")[2])
    return frozenset(map(_term, COMPOUND.findall(name) + COMPOUND.findall(name.rpartition(".")[0])))


def as_speaker(term: QueryTerm) -> int:
    """The term that messages have whose speaker the word names."""
    return _term(f"\0{_stemmed(term.word)}")


def folded(text: str) -> str:
    """A text as it is compared: compatible forms, case and accents are one."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(FOLDS)
    return unicodedata.normalize("NFC", apart).casefold()


def verbatim(text: str) -> str:
    """A text as it is looked for to the letter: folded, any white space one blank."""
    return " ".join(folded(text).split())


def whole_words(text: str) -> str:
    """A pattern, of `regex` and of DuckDB, for a text where it is no part of longer words; scripts that do not part words
    have no such bounds."""
    before = rf"(?:^|[^{WORDLIKE}])" if PARTED.match(text) else ""
    after = rf"(?:$|[^{WORDLIKE}])" if PARTED.match(text[::-1]) else ""
    return before + SIGN.sub(r"\\\g<0>", text) + after


def loosely(text: str) -> str:
    """A pattern of DuckDB for a text with any white space between its words, and apostrophes of either kind."""
    spaced = r"[\s\x{a0}\x{3000}]+".join(SIGN.sub(r"\\\g<0>", word) for word in text.split())
    return re.sub(r"\\'|’", "['’]", spaced)


def _words(text: str) -> tuple[list[str], list[str]]:
    """The words of a text, folded, and the strings that are also kept whole."""
    low = folded(text)
    exact: list[str] = []
    if "'" in low:
        low = CONTRACTION.sub("", low)
    if JOINED.search(low):
        exact += COMPOUND.findall(low)
        exact += [re.sub(r"\D", "", number) for number in GROUPED.findall(low)]
    words = ASCII_WORD.findall(low) if text.isascii() else _wide_words(low)
    if low != text and HUMPED.search(text):
        exact += [
            hump for name in CAMEL.findall(text) for part in HUMP.findall(name) for hump in [_stemmed(part.lower())]
        ]
    return words, exact


def _wide_words(low: str) -> list[str]:
    """The words of a text with other scripts in it. Where words are not parted by blanks, each pair of characters and
    each character is one."""
    words: list[str] = WORD.findall(low)
    for run in RUN.findall(low):
        words += [*run, *(run[place : place + 2] for place in range(len(run) - 1))]
    words += EMOJI.findall(low.replace("\ufe0f", ""))
    return words


def _language(found: frozenset[str]) -> int:
    """The language that most function words are of; one word alone may be of many, and says nothing."""
    if not PLAINLY_ENGLISH.isdisjoint(found):
        return 0
    votes: Counter[int] = Counter()
    for word in found & _function_words().keys():
        votes.update(_function_words()[word])
    best = max(votes, key=lambda language: (votes[language], -language), default=0)
    return best if votes[best] > max(1, votes[0]) else 0


@functools.cache
def _function_words() -> dict[str, tuple[int, ...]]:
    """The function words of all languages, and which have them."""
    found: dict[str, tuple[int, ...]] = {}
    for language in range(len(LANGUAGES)):
        for word in _stop_words(language):
            found[word] = (*found.get(word, ()), language)
    return found


class _Vocabulary(dict[str, int]):
    """Words of one language and their terms, 0 for function words."""

    def __init__(self, language: int) -> None:
        super().__init__()
        self._silent = _stop_words(language)
        self._stemmer: Any = Stemmer.Stemmer(LANGUAGES[language], 0)

    def __missing__(self, word: str) -> int:
        if len(self) > LARGEST_VOCABULARY:
            self.clear()
        term = 0 if word in self._silent else _term(self._stemmer.stemWord(word))
        self[word] = term
        return term


@functools.cache
def _vocabulary(language: int) -> _Vocabulary:
    return _Vocabulary(language)


@functools.cache
def _stop_words(language: int) -> frozenset[str]:
    if language == 0:
        return ENGLISH_STOP_WORDS
    return frozenset(part for word in get_stop_words(LANGUAGES[language]) for part in WORD.findall(folded(word)))


def _stemmed(word: str) -> str:
    return str(_english().stemWord(word))


@functools.cache
def _english() -> Any:
    return Stemmer.Stemmer("english", 0)


@functools.lru_cache(4096)
def _name_stems(name: str) -> tuple[str, ...]:
    return tuple(_stemmed(word) for word in _words(name)[0] if len(word) > 1)


def _is_identifier(word: str) -> bool:
    return IDENTIFIER.fullmatch(word) is not None


def _term(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest()) >> 1
