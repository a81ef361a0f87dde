"""What a search is narrowed to, as people and models write it: roles, days, sources, tags, mode."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from core.memory.columns import ROLES
from core.memory.dates import DIGITS, UNTIL, Span, named_days
from core.memory.scope import Query
from memgpt.home import fold

MODES = ("hybrid", "vector", "text")
NAMES = ("roles", "start", "end", "source", "tags", "mode")
DAYS = ("start", "end")
MOST_WORDS = 4  # that may follow in a day in words: `start:the day before yesterday`
TELLING = re.compile(r"ago|\d+", re.IGNORECASE)  # belongs to a day, though it may say nothing new
WORD = re.compile(r'\w+:(?:"[^"]*"|[^\s"])+|"[^"]*"|\S+')
MOST_TAGS = 16
LONGEST_TAG = 64  # characters
OWN = "archival"  # the name by which the agent's own passages are asked for beside sources


@dataclass(frozen=True, slots=True)
class Filters:
    """`start` and `end` are days or spans in words or digits, both included; `sources` name attached sources or the
    agent's own `archival`; a result has all of the `tags`."""

    roles: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    mode: str = "hybrid"

    def query(self, text: str, kind: str, limit: int, offset: int, zone: tzinfo | None) -> Query:
        """The query that they make of a text.

        Raises:
            ValueError: one of them means nothing; the message says which and what would.
        """
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}; it may be {', '.join(MODES)}.")
        for role in self.roles:
            if role not in ROLES:
                raise ValueError(f"{role!r} is no role; there are {', '.join(ROLES[:3])}.")
        present = datetime.now(zone) if zone else datetime.now().astimezone()
        since = named_days(self.start, present).start if self.start else None
        until = named_days(self.end, present).end if self.end else None
        if since is not None and until is not None and until <= since:
            raise ValueError(f"end {self.end} is before start {self.start}.")
        return Query(
            text, kind, self.mode, limit, offset, since, until, self.roles,
            sources=tuple(map(fold, self.sources)), tags=tags_of(self.tags),
        )  # fmt: skip


def parsed(argument: str) -> tuple[Filters, str]:
    """Filters that stand within a query as `roles:user start:2025-05 end:last week tags:work,home mode:text`, and the rest
    of it. What stands in quotation marks is one word, and no filter: `"mode:text"`."""
    given: dict[str, str] = {}
    words = []
    left = [match[0] for match in WORD.finditer(argument)]
    while left:
        word = left.pop(0)
        name, _, value = word.partition(":")
        if value and name in NAMES:
            given[name] = value.replace('"', "")
            if name in DAYS:
                given[name] = _days(given[name], left)
        elif word.partition(":")[0].lstrip('"') in NAMES:
            words.append(word.strip('"'))
        else:
            words.append(word)
    filters = Filters(
        roles=_several(given.get("roles")),
        start=given.get("start", ""),
        end=given.get("end", ""),
        sources=_several(given.get("source")),
        tags=_several(given.get("tags")),
        mode=given.get("mode", "hybrid"),
    )
    return filters, " ".join(words).strip()


def _days(value: str, after: list[str]) -> str:
    """A day or span, with the words `after` it that belong to it: each that makes it one, or another one, and those
    between; these are taken out there. After a day in digits only the end of a span does."""
    best, taken = value, 0
    if DIGITS.fullmatch(value) and not UNTIL.fullmatch(after[0] if after else ""):
        return value
    known: Span | None = None
    for count in range(min(MOST_WORDS, len(after)) + 1):
        words = " ".join([value, *after[:count]])
        with contextlib.suppress(ValueError):
            span = named_days(words, datetime.now())
            if span != known or TELLING.fullmatch(after[count - 1]):
                best, taken, known = words, count, span
    del after[:taken]
    return best


def _several(text: str | None) -> tuple[str, ...]:
    return listed((text or "").split(","))


def listed(values: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(value for value in values or () if value)


def tag_of(given: str) -> str:
    """A tag, or words of one, as it is stored."""
    return " ".join(given.split()).casefold()


def tags_of(given: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are stored: folded to one case, so that what is filed under Work is found under work; each once.

    Raises:
        ValueError: there are too many, or one is too long.
    """
    found = tuple(dict.fromkeys(tag_of(tag) for tag in given if tag.strip()))
    if len(found) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in found):
        raise ValueError(f"A passage has at most {MOST_TAGS} tags of {LONGEST_TAG} characters.")
    return found
