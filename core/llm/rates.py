"""How long a provider asks to be left alone, read from the headers of its answers."""

from __future__ import annotations

import re
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PREFIX = "llm_provider-"  # under which litellm passes a provider's headers on
# What is left, and when it is filled up again, as OpenAI and those like it, Anthropic and others have it.
LEFT_AND_RESET = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
)


@dataclass(slots=True)
class Rates:
    """Until when models are to be left alone, by what the limit holds for."""

    _until: dict[Hashable, float] = field(default_factory=dict)

    def note(self, limited: Hashable, headers: Mapping[str, Any]) -> None:
        """Takes note of what the headers of an answer say is left."""
        if wait := spent(headers):
            self._until[limited] = time.monotonic() + wait

    def wait(self, limited: Hashable) -> float:
        """Seconds that are left until it may be asked again."""
        return max(0.0, self._until.get(limited, 0.0) - time.monotonic())


def spent(headers: Mapping[str, Any]) -> float:
    """Seconds until what is used up is filled up again; 0 where something is left, or nobody says."""
    plain = _plain(headers)
    waits = [
        seconds(plain[reset])
        for left, reset in LEFT_AND_RESET
        if plain.get(left, "").strip() in ("0", "0.0") and reset in plain
    ]
    return max((wait for wait in waits if wait), default=0.0)


def retry_after(error: Exception) -> float | None:
    """Seconds after which a refused call may be made again, as the refusal has it."""
    response = getattr(error, "response", None)
    headers = _plain(getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {})
    if (milliseconds := headers.get("retry-after-ms", "")).strip().isdecimal():
        return int(milliseconds) / 1000
    if "retry-after" in headers:
        return seconds(headers["retry-after"])
    return spent(headers) or None


def seconds(text: str) -> float | None:
    """A span from now: seconds, `1m30.5s`, a date of HTTP's or RFC 3339, or a moment in seconds since 1970."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        spans = SPAN.findall(text)
        if spans and SPAN.sub("", text) == "":
            return sum(float(count) * SECONDS[unit] for count, unit in spans)
        return _until(text)
    return max(0.0, number - time.time()) if number > 1e9 else max(0.0, number)


def _until(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _plain(headers: Mapping[str, Any]) -> dict[str, str]:
    return {str(name).lower().removeprefix(PREFIX): str(value) for name, value in headers.items()}
