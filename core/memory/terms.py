"""Words as they are indexed: folded, stemmed, without those that say nothing; exact strings whole beside their parts."""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections import Counter
from typing import Any

WORD = re.compile(r"\w+")
COMPOUND = re.compile(r"\w+(?:[-_.:/@#+]\w+)+")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "before",
        "being",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "done",
        "for",
        "from",
        "get",
        "got",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "like",
        "ll",
        "me",
        "more",
        "most",
        "my",
        "no",
        "not",
        "of",
        "off",
        "on",
        "once",
        "one",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "re",
        "s",
        "same",
        "she",
        "should",
        "so",
        "some",
        "such",
        "t",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "us",
        "ve",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "yours",
    ]
)
MOST_TIMES = 255  # a posting keeps how often a word stands in a text in one byte
LONGEST_TEXT = 65535  # and the text's length in two


def terms(text: str) -> Counter[str]:
    """The terms of a text and how often each stands in it, those that say nothing too: a band may be called The Who."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: Counter[str] = Counter()
    for word in WORD.findall(folded):
        if CJK.fullmatch(word):
            found.update(word[place : place + 2] for place in range(len(word) - 1))
        else:
            found[stem(word)] += 1
    found.update(whole for whole in COMPOUND.findall(folded))
    return found


def telling(found: Counter[str]) -> Counter[str]:
    """Those terms that say something."""
    return Counter({term: times for term, times in found.items() if len(term) > 1 and term not in SILENT})


def query_terms(text: str) -> list[str]:
    """The terms to look for; where a query is nothing but stop words, those."""
    found = terms(text)
    return list(telling(found) or found)


@functools.lru_cache(65536)
def stem(word: str) -> str:
    return str(_stemmer().stemWord(word)) if word.isascii() and word.isalpha() else word


@functools.lru_cache(65536)
def term_id(term: str) -> int:
    """A word's 63-bit number: a hash, so that no vocabulary has to be kept, and forgetting leaves no word behind."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest()) >> 1


@functools.cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


SILENT = frozenset(stem(word) for word in STOP_WORDS)
