"""What is asked of a model and what comes back, whoever the provider is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One function call of a reply; `error` says why its arguments could not be read, and is empty if they could."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call cost. `reported` is False where the provider gave no figures; the counts are 0 then."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float | None
    first_token_ms: int
    total_ms: int
    reported: bool


@dataclass(frozen=True, slots=True)
class SaidDelta:
    """A piece of what is said to the user, as it arrives."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of the inner monologue, as it arrives."""

    text: str


@dataclass(frozen=True, slots=True)
class RetryNotice:
    """The call failed and is made again after `wait_s` seconds; the deltas before it are void. `refused` is a reply that came
    whole, and was paid, but could not be used."""

    attempt: int
    of: int
    wait_s: float
    reason: str
    refused: Reply | None = None


@dataclass(frozen=True, slots=True)
class SystemRefused:
    """The model takes no system message: from now on it is sent the prompt without one."""


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """The prompt is sent again after a reply that could not be used, with two messages more: what was written, and what is
    wrong with it. That leaves less room to answer."""

    written: str
    order: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. `content` is plain text that was meant for the user because there was no call at all.

    Of `thought` the first `reasoned` characters came in a field of the provider's own; `opaque` is what the provider
    wants back with the message, signed thoughts above all.
    """

    thought: str
    content: str
    calls: tuple[Call, ...]
    usage: Usage
    finish: str
    opaque: dict[str, Any] = field(default_factory=dict)
    reasoned: int = 0


Piece = SaidDelta | ThoughtDelta | RetryNotice | SystemRefused | AskedAgain | Reply


@dataclass(frozen=True)
class Request:
    """One call of a model. `timeout` is seconds without a byte, `retries` how often a failed call is made again;
    `window` is in tokens, 0 where nobody says, and `own` our count of the prompt, 0 where it was not counted; of the system
    text the first `stable` characters are the same in each."""

    model: str
    endpoint: str | None
    messages: list[dict[str, Any]]
    schemas: list[dict[str, Any]]
    protocol: str
    max_tokens: int
    keys: Mapping[str, str]
    timeout: float
    retries: int
    window: int = 0
    own: int = 0
    stable: int = 0


class ModelError(Exception):
    """There is no answer to be had. `message` and `hint` are one sentence each and hold no key.

    `kind` is `context` (too long; `window` is what the server says that it has, 0 where it does not, and `taken` what it
    is then taken to have, 0 where that is not known), `protocol`, `auth`, `quota`, `rate`, `not_found`, `connection`,
    `timeout`, `filter`, `garbled`, `budget` (the user is to be asked) or `other`.
    """

    def __init__(self, message: str, hint: str, kind: str = "other", window: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind
        self.window = window
        self.taken = 0
