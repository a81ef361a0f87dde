"""Days as people and models write them: what is no date is refused, and never taken for another."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.memory.dates import Span, named_days, spans
from core.memory.filters import parsed

PRESENT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def days(span: Span) -> tuple[str, str]:
    """The first day, and the one after the last."""
    first, after = (datetime.fromtimestamp(moment / 1e6, UTC).date() for moment in (span.start, span.end))
    return first.isoformat(), after.isoformat()


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("otters between 2025-05-10 and 2025-05-20", "2025-05-10", "2025-05-21"),
        ("what did we do from 10 May to 20 May 2025", "2025-05-10", "2025-05-21"),
        ("from May to July 2025", "2025-05-01", "2025-08-01"),
        ("between May and July 2025", "2025-05-01", "2025-08-01"),
        ("from November to January 2025", "2024-11-01", "2025-02-01"),
        ("March - June 2024", "2024-03-01", "2024-07-01"),
        ("from Monday until Wednesday", "2026-11-23", "2026-11-26"),
        ("tea in the last 3 weeks", "2026-11-06", "2026-11-27"),
        ("what did the dentist say on the 5th?", "2026-11-05", "2026-11-06"),
        ("what did the dentist say on the 28th", "2026-10-28", "2026-10-29"),
        ("tea on 4.11.2026", "2026-11-04", "2026-11-05"),
        ("the day before yesterday", "2026-11-24", "2026-11-25"),
        ("who lived there in the 1990s", "1990-01-01", "2000-01-01"),
        ("what was in May", "2026-05-01", "2026-06-01"),
        ("2023年5月3日に何を言った", "2023-05-03", "2023-05-04"),
        ("昨日の会議", "2026-11-25", "2026-11-26"),
    ],
)
def test_days_and_spans_that_a_query_names(text: str, first: str, after: str) -> None:
    assert [days(span) for span in spans(text, PRESENT)] == [(first, after)]


@pytest.mark.parametrize(
    "text", ["room 1204", "on the 2nd floor", "you may go", "it was the 3rd time", "in the last 9999 years"]
)
def test_what_names_no_day(text: str) -> None:
    assert spans(text, PRESENT) == []


@pytest.mark.parametrize(
    ("argument", "start", "end", "query"),
    [
        ("start:March 2024 end:May 2024 ferry", "March 2024", "May 2024", "ferry"),
        ("start:2025-05 to 2025-07 ferry", "2025-05 to 2025-07", "", "ferry"),
        ("ferry start:10 May 2026 late", "10 May 2026", "", "ferry late"),
        ("start:3 days ago the ferry", "3 days ago", "", "the ferry"),
        ("start:yesterday at the pier", "yesterday", "", "at the pier"),
        ("start:last week walrus", "last week", "", "walrus"),
        ('walrus start:"last week" end:2 weeks ago', "last week", "2 weeks ago", "walrus"),
        ("end:2025-05 may", "", "2025-05", "may"),
        ('"start:now" walrus', "", "", "start:now walrus"),
        ("start:soonish walrus", "soonish", "", "walrus"),
    ],
)
def test_a_day_in_a_filter_has_all_of_its_words(argument: str, start: str, end: str, query: str) -> None:
    filters, rest = parsed(argument)
    assert (filters.start, filters.end, rest) == (start, end, query)


def test_two_days_that_are_named_beside_each_other_are_two() -> None:
    assert len(spans("on 2025-05-10 and on 2025-05-20", PRESENT)) == 2


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("Q1 2025", "2025-01-01", "2025-04-01"),
        ("05.06.2025", "2025-06-05", "2025-06-06"),
        ("last 7 days", "2026-11-20", "2026-11-27"),
        ("past week", "2026-11-20", "2026-11-27"),
        ("last 3 months", "2026-08-27", "2026-11-27"),
        ("last week", "2026-11-16", "2026-11-23"),
        ("2025-05 to 2025-07", "2025-05-01", "2025-08-01"),
        ("2025-05..2025-05", "2025-05-01", "2025-06-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
    ],
)
def test_a_filter_is_a_day_or_a_span(text: str, first: str, after: str) -> None:
    assert days(named_days(text, PRESENT)) == (first, after)


@pytest.mark.parametrize(
    "text", ["12", "-1", "last decade", "2025-13", "2025-07 to 2025-05", "soonish", "last 5000 years"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a date|no day of the calendar|is before"):
        named_days(text, PRESENT)


@given(st.dates(date(1, 1, 2), date(9999, 12, 30)), st.dates(date(1, 1, 2), date(9999, 12, 30)))
def test_any_two_days_make_a_span_with_both(one: date, other: date) -> None:
    first, last = sorted((one, other))
    found = named_days(f"{first.isoformat()} to {last.isoformat()}", PRESENT)
    assert found.start == named_days(first.isoformat(), PRESENT).start
    assert found.end == named_days(last.isoformat(), PRESENT).end
