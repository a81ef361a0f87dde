"""The days that a query names: `in May 2023`, `on 3 June`, `yesterday`, `vor zwei Wochen`."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

# What no date is without, or in the languages of CODES hardly ever: the look for one is spared without it.
HINT = re.compile(
    r"\d|\b(?:yesterday|today|last|ago|this|january|february|march|april|june|july|august|september"
    r"|october|november|december)\b|[^\x00-\x7f]|day\b|woche|monat|jahr|gestern|heute|hier|mois|ayer|mes\b|ieri",
    re.IGNORECASE,
)
DIGITS = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
LAST = 1 << 62  # later than any time
SHORTEST = 4  # characters; shorter finds are words of another meaning, such as `may` and `we`
# dateparser's names of the languages that messages are told apart by (core/memory/terms.py, LANGUAGES).
CODES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "ru", "hu", "ro", "tr", "pl", "cs", "ca", "el",
    "id", "ar", "hi", "fa",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until before `end`, UTC microseconds."""

    start: int
    end: int

    @property
    def days(self) -> float:
        return (self.end - self.start) / 86_400_000_000


def spans(text: str, present: datetime, language: int = 0) -> list[Span]:
    """The days, weeks, months and years that a text in a language (a place in LANGUAGES) names, seen from `present`,
    whose zone their days are in; a millisecond or two where it may name any, else nothing."""
    if not HINT.search(text):
        return []
    from dateparser.search import search_dates

    settings = {"RELATIVE_BASE": present.replace(tzinfo=None), "PREFER_DATES_FROM": "past"}
    languages = list(dict.fromkeys((CODES[language], "en")))
    found = search_dates(text, languages=languages, settings=settings, add_period=True) or ()
    return [_span(moment, period, present.tzinfo) for words, moment, period in found if len(words) >= SHORTEST]


def named_days(text: str, present: datetime) -> Span:
    """The day or span that a text is: `2025-05-03`, `2025-05`, `2025`, a moment such as `2025-05-03T09:00:00Z`,
    `yesterday`, `last week`, `March 2024`.

    Raises:
        ValueError: it is none; the message says so.
    """
    wanted = text.strip()
    if found := DIGITS.fullmatch(wanted):
        period = "year" if not found[2] else "month" if not found[3] else "day"
        try:
            moment = datetime(int(found[1]), int(found[2] or 1), int(found[3] or 1))
            return _span(moment, period, present.tzinfo)
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} is no day of the calendar.") from None
    if "T" in wanted and wanted[:4].isdigit():
        try:
            at = _microseconds(datetime.fromisoformat(wanted), present.tzinfo)
        except ValueError:
            raise ValueError(f"{text!r} is not a date; write it as 2026-11-24.") from None
        return Span(at, at)
    from dateparser.date import DateDataParser

    settings = {"RELATIVE_BASE": present.replace(tzinfo=None), "PREFER_DATES_FROM": "past"}
    found_date = DateDataParser(languages=["en"], settings=settings).get_date_data(wanted)
    if found_date is None or found_date.date_obj is None:
        raise ValueError(f"{text!r} is not a date; write it as 2026-11-24, or in words such as last week.")
    return _span(found_date.date_obj, found_date.period or "day", present.tzinfo)


def _span(moment: datetime, period: str, zone: tzinfo | None) -> Span:
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period == "year":
        start, length = start.replace(month=1, day=1), timedelta(days=366 if calendar.isleap(start.year) else 365)
    elif period == "month":
        start, length = start.replace(day=1), timedelta(days=calendar.monthrange(start.year, start.month)[1])
    elif period == "week":
        start, length = start - timedelta(days=start.weekday()), timedelta(days=7)
    else:
        length = timedelta(days=1)
    try:
        end = _microseconds(start + length, zone)
    except OverflowError:  # the last day of the calendar
        end = LAST
    return Span(_microseconds(start, zone), end)


def _microseconds(moment: datetime, zone: tzinfo | None) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone) if zone else moment.astimezone()
    return round(aware.astimezone(UTC).timestamp() * 1_000_000)
