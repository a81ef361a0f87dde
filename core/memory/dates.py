"""The days that a query names: `in May 2023`, `on 3 June`, `yesterday`, `vor zwei Wochen`."""

from __future__ import annotations

import calendar
import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

# What no date is without, or in the languages of CODES hardly ever: the look for one is spared without it.
HINT = re.compile(
    r"\d|\b(?:yesterday|today|last|ago|this|january|february|march|april|june|july|august|september"
    r"|october|november|december|past|in may|since may)\b|[^\x00-\x7f]|day\b|woche|monat|jahr|gestern|heute|hier|mois|ayer"
    r"|mes\b|ieri",
    re.IGNORECASE,
)
DIGITS = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
HOW = "write it as 2026-11-24, or in words such as last week."
LAST = 1 << 62  # later than any time
YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
UNTIL = re.compile(
    r"\s*(?:to|until|till|through|bis(?: zum)?|jusqu'(?:au|à)|hasta|fino a|[-–—]|\.\.)\s*(?:the\s+)?", re.IGNORECASE
)
AND = re.compile(r"\s*(?:and|und|et|y|e|en|och|og)\s*(?:the\s+)?", re.IGNORECASE)
BETWEEN = re.compile(r"\b(?:between|zwischen|entre|tra|fra|tussen|mellan|mellem)\b", re.IGNORECASE)
ENDS = re.compile(r"(.+?)(?:\s+(?:to|until|till|through|[-–—])\s+|\s*\.\.\s*)(.+)", re.IGNORECASE)
LATELY = re.compile(r"\b(?:the )?(?:(?:last|past) (\d{1,4}) |past )(day|week|month|year)s?\b", re.IGNORECASE)
DOTTED = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{4})(?![\d.])")  # day first, wherever dots are written
DECADE = re.compile(r"\b(?:the )?((?:1[89]|20)\d0)s\b", re.IGNORECASE)
# What dateparser makes something else of inside a text, and what it is.
SINOGRAPHS = re.compile(r"(\d{4})年\s*(\d{1,2})月(?:\s*(\d{1,2})日)?")
MAY = re.compile(r"\b(in|since) may\b(?!\s+\d)", re.IGNORECASE)  # elsewhere it is a verb
NTH = re.compile(r"\bon the (\d{1,2})(?:st|nd|rd|th)(?=\s*(?:$|[?.!,;]))", re.IGNORECASE)
DAY_BEFORE = re.compile(r"\bthe day before yesterday\b", re.IGNORECASE)
NO_DAY = re.compile(r"(?:on )?(?:the )?\d{1,2}(?:st|nd|rd|th)", re.IGNORECASE)  # a floor, a prize, a time
EARLIEST_YEAR = 1900  # of a year alone: an earlier one is mostly a number
EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
NO_DATE = re.compile(r"[-+]?\d{1,3}|.*\b(?:decade|centur).*", re.IGNORECASE)  # what dateparser makes something else of
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

    named = []
    for lately in LATELY.finditer(text):
        with contextlib.suppress(ValueError):  # before there was a calendar
            named.append(_lately(int(lately[1] or 1), lately[2].lower(), present))
    named += [_decade(int(decade[1]), present.tzinfo) for decade in DECADE.finditer(text)]
    rest = _in_digits(DECADE.sub(" ", LATELY.sub(" ", text)), present)
    settings = {"RELATIVE_BASE": present.replace(tzinfo=None), "PREFER_DATES_FROM": "past"}
    languages = list(dict.fromkeys((CODES[language], "en", *(("ja", "zh", "ko") if EAST_ASIAN.search(rest) else ()))))
    found = search_dates(rest, languages=languages, settings=settings, add_period=True) or ()
    return [*named, *_joined(rest, _placed(rest, filter(_is_date, found)), present.tzinfo)]


def _in_digits(text: str, present: datetime) -> str:
    """A text with those of its dates in digits that would be taken for others."""
    today = present.date()
    text = DOTTED.sub(r"\3-\2-\1", text)
    text = SINOGRAPHS.sub(lambda found: f" {'-'.join(part.zfill(2) for part in found.groups() if part)} ", text)
    text = DAY_BEFORE.sub(str(today - timedelta(days=2)), text)
    text = MAY.sub(rf"\1 May {today.year - (today.month < 5)}", text)
    return NTH.sub(lambda found: _latest(int(found[1]), today) or found[0], text)


def _latest(day: int, today: date) -> str:
    """The last day with that number in its month; empty where there is none."""
    for back in range(1, 32 + today.day):
        then = today - timedelta(days=back - 1)
        if then.day == day:
            return f"on {then}"
    return ""


def _is_date(found: tuple[str, datetime, str]) -> bool:
    words, moment, period = found
    return not NO_DAY.fullmatch(words) and (period != "year" or moment.year >= EARLIEST_YEAR)


@dataclass(frozen=True, slots=True)
class _Named:
    """A date as a text names it, with where it stands."""

    start: int
    end: int
    words: str
    moment: datetime
    period: str

    @property
    def year(self) -> int:
        """The year that it names itself, 0 where it was guessed."""
        return self.moment.year if YEAR.search(self.words) or self.period == "year" else 0

    def of(self, year: int) -> _Named:
        return replace(self, moment=_months_on(self.moment, 12 * (year - self.moment.year)))


def _placed(text: str, found: Iterable[tuple[str, datetime, str]]) -> list[_Named]:
    """The dates that were found, in order; a year that stands after a month is its year."""
    placed: list[_Named] = []
    at = 0
    for words, moment, period in found:
        start = max(text.find(words, at), at)
        at = start + len(words)
        named = _Named(start, at, words, moment, period)
        if named.period == "year" and placed and not placed[-1].year and not text[placed[-1].end : start].strip():
            before = placed.pop()
            named = replace(before, end=at, words=f"{before.words} {words}").of(moment.year)
        placed.append(named)
    return placed


def _joined(text: str, named: Sequence[_Named], zone: tzinfo | None) -> Iterator[Span]:
    """What two dates are the ends of is one span; the first may leave its year to the second."""
    place = 0
    while place < len(named):
        first, then = named[place], named[place + 1] if place + 1 < len(named) else None
        if then and _are_ends(text, first, then):
            if then.year and not first.year:
                first = first.of(then.year)
            if first.moment > then.moment and not named[place].year:
                first = first.of(first.moment.year - 1)
            ends = sorted((first, then), key=lambda one: one.moment)
            yield Span(
                _span(ends[0].moment, ends[0].period, zone).start, _span(ends[1].moment, ends[1].period, zone).end
            )
            place += 2
            continue
        if len(first.words) >= SHORTEST or EAST_ASIAN.search(first.words):
            yield _span(first.moment, first.period, zone)
        place += 1


def _are_ends(text: str, first: _Named, then: _Named) -> bool:
    gap, before = text[first.end : then.start], text[: first.start] + first.words
    return bool(UNTIL.fullmatch(gap) or (AND.fullmatch(gap) and BETWEEN.search(before)))


def named_days(text: str, present: datetime) -> Span:
    """The day or span that a text is: `2025-05-03`, `2025-05`, `2025`, a moment such as `2025-05-03T09:00:00Z`,
    `yesterday`, `last week`, `March 2024`, `Q1 2025`, `last 7 days`, `2025-05 to 2025-07`.

    Raises:
        ValueError: it is none; the message says so.
    """
    wanted = DOTTED.sub(r"\3-\2-\1", text.strip())
    if ends := ENDS.fullmatch(wanted):
        first, last = named_days(ends[1], present), named_days(ends[2], present)
        if last.end <= first.start:
            raise ValueError(f"{ends[2]!r} is before {ends[1]!r}.")
        return Span(first.start, last.end)
    if lately := LATELY.fullmatch(wanted):
        return _lately(int(lately[1] or 1), lately[2].lower(), present)
    if found := DIGITS.fullmatch(wanted):
        period = "year" if not found[2] else "month" if not found[3] else "day"
        try:
            moment = datetime(int(found[1]), int(found[2] or 1), int(found[3] or 1))
            return _span(moment, period, present.tzinfo)
        except (ValueError, OverflowError):
            raise ValueError(f"{text!r} is no day of the calendar.") from None
    if "T" in wanted and wanted[:4].isdecimal():
        try:
            at = _microseconds(datetime.fromisoformat(wanted), present.tzinfo)
        except ValueError:
            raise ValueError(f"{text!r} is not a date; write it as 2026-11-24.") from None
        return Span(at, at)
    from dateparser.date import DateDataParser

    if NO_DATE.fullmatch(wanted):
        raise ValueError(f"{text!r} is not a date; {HOW}")
    settings = {"RELATIVE_BASE": present.replace(tzinfo=None), "PREFER_DATES_FROM": "past"}
    found_date = DateDataParser(languages=["en"], settings=settings).get_date_data(wanted)
    if found_date is None or found_date.date_obj is None:
        raise ValueError(f"{text!r} is not a date; {HOW}")
    return _span(found_date.date_obj, found_date.period or "day", present.tzinfo)


def _lately(count: int, unit: str, present: datetime) -> Span:
    """So many days, weeks, months or years until today, today included."""
    today = _span(present, "day", present.tzinfo)
    days = {"day": count, "week": 7 * count}.get(unit, 0)
    try:
        back = _months_on(present, -{"month": count, "year": 12 * count}.get(unit, 0)) - timedelta(days=days - 1)
        return Span(_span(back, "day", present.tzinfo).start, today.end)
    except (ValueError, OverflowError):
        raise ValueError(f"{count} {unit}s ago is no day of the calendar.") from None


def _decade(first: int, zone: tzinfo | None) -> Span:
    return Span(_span(datetime(first, 1, 1), "year", zone).start, _span(datetime(first + 9, 1, 1), "year", zone).end)


def _months_on(moment: datetime, count: int) -> datetime:
    """So many months later, or earlier where negative; the last day of a shorter month where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + count, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, calendar.monthrange(year, month + 1)[1]))


def _span(moment: datetime, period: str, zone: tzinfo | None) -> Span:
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period == "year":
        start, length = start.replace(month=1, day=1), timedelta(days=366 if calendar.isleap(start.year) else 365)
    elif period == "quarter":
        first = start.replace(month=(start.month - 1) // 3 * 3 + 1, day=1)
        last = first.replace(month=first.month + 2)
        start, length = first, last - first + timedelta(days=calendar.monthrange(last.year, last.month)[1])
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
