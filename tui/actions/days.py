"""A day as it is written at the prompt."""

from __future__ import annotations

from datetime import datetime, timedelta

from memgpt.home import UserError
from memgpt.words import whole

FORMS = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")


def is_year(text: str) -> bool:
    return 1970 <= whole(text) <= 2100


def moment(text: str) -> int:
    """The beginning of a year, month, day or minute in this machine's zone, in UTC microseconds.

    Raises:
        UserError: it is none.
    """
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    found = named.get(text.lower())
    for form in FORMS if found is None else ():
        try:
            found = datetime.strptime(text, form)
            break
        except ValueError:
            continue
    if found is None:
        raise UserError(f"{text!r} is not a day.", "Write 2026, 2026-03, 2026-03-14, today or yesterday.")
    return int(found.astimezone().timestamp() * 1_000_000)
