"""The vocabulary of a turn: what happened, in the order in which it happened.

The screen, `memgpt send --json`, the Python client and the tests all read these events and nothing else.
Every event carries the journal step that it belongs to and the time of that step; `Delta` and `Retry` are not
committed yet and carry the step of what they become.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

# What is told and kept as a time lies between the year 2 and the end of 9998, in UTC microseconds: elsewhere is a day more.
EARLIEST, LATEST = -62_104_060_800_000_000, 253_370_764_799_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. `at` is UTC in microseconds since 1970."""

    type: ClassVar[str] = ""
    step: int
    at: int

    def to_json(self) -> dict[str, Any]:
        """The event as the object that outside programs read: `type`, `step`, `at` (RFC 3339), then its own keys."""
        values = asdict(self)
        step, at = values.pop("step"), values.pop("at")
        return {"type": self.type, "step": step, "at": rfc3339(at), **values}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage(Event):
    type: ClassVar[str] = "user_message"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalMonologue(Event):
    type: ClassVar[str] = "internal_monologue"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantMessage(Event):
    """What the model said to the user; `interrupted` where it was cut off before its end."""

    type: ClassVar[str] = "assistant_message"
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta(Event):
    """Text that has just arrived, not committed yet. `of` names the type of event that it becomes."""

    type: ClassVar[str] = "delta"
    of: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    """Something other than a user's message that the model is told of: login, heartbeat, timer, document."""

    type: ClassVar[str] = "event"
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall(Event):
    type: ClassVar[str] = "function_call"
    call_id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionReturn(Event):
    """`status` is `OK` or `Failed`."""

    type: ClassVar[str] = "function_return"
    call_id: str
    name: str
    status: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled(Event):
    """What the engine paged in by itself: `items` are objects of `id`, `source` and `tokens`."""

    type: ClassVar[str] = "recalled"
    items: list[dict[str, Any]]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPressure(Event):
    type: ClassVar[str] = "memory_pressure"
    tokens: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evicted(Event):
    """Messages left main context for recall; `summary` is the text that now stands for them."""

    type: ClassVar[str] = "evicted"
    messages: int
    tokens: int
    summary: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMemory(Event):
    """A block changed. `cause` is who did it: the name of a function, `user`, `undo` or `redo`."""

    type: ClassVar[str] = "core_memory"
    label: str
    before: str
    after: str
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry(Event):
    """A call to the model failed and is tried again after `wait_s` seconds; the deltas before it are void."""

    type: ClassVar[str] = "retry"
    attempt: int
    of: int
    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Event):
    type: ClassVar[str] = "usage"
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: float | None
    first_token_ms: int
    total_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Event):
    """Something that only the user may allow; `call_id` says what: a call that waits for `/allow` or `/deny`, or going on
    after the `budget`, or after the `steps` of a turn are used up."""

    type: ClassVar[str] = "question"
    call_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    type: ClassVar[str] = "cancelled"
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(Event):
    type: ClassVar[str] = "error"
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd(Event):
    """Always the last event of a turn. `reason` is `done`, `cancelled`, `error` or `step_cap`."""

    type: ClassVar[str] = "turn_end"
    reason: str
    steps: int
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    total_ms: int = 0


# --- beside the turn: what a screen needs to draw the present -------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One block of main context in the order in which the model reads it; `step` is 0 for what is not a message."""

    section: str
    tokens: int
    step: int = 0
    role: str = ""
    recalled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextChanged(Event):
    """The ledger of main context. `warn` and `flush` are the pressure and eviction lines in tokens; `source` says
    whether the total is the provider's figure or our own count; `gone` is how many messages have been evicted ever;
    `model` is the one that is asked, which may stand in for the agent's own."""

    type: ClassVar[str] = "context"
    total: int
    window: int
    warn: int
    flush: int
    source: str
    sections: list[dict[str, Any]]
    cells: list[dict[str, Any]] = field(default_factory=list)
    gone: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Event):
    """What the engine is doing for this agent: `phase` is `idle`, `loading`, `thinking`, `answering`, a function's
    name, or `summarising`; `queued` are the messages that wait for their turn."""

    type: ClassVar[str] = "activity"
    phase: str
    queued: list[str] = field(default_factory=list)
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """One line for the user from the engine itself, such as the answer to a command of another screen."""

    type: ClassVar[str] = "notice"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound(Event):
    """The conversation was moved to another leaf (pop, retry, restore, rethink, rewrite), or its file was opened anew
    (forget, rename, opened): draw it anew."""

    type: ClassVar[str] = "rewound"
    why: str
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed(Event):
    """The agent is called otherwise from now on: whoever looks on at it asks for it by that name."""

    type: ClassVar[str] = "renamed"
    old: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTold(Event):
    """How far long work in the background is: `done` of `total` (0 where nobody knows) in a `phase`; `ended` comes last."""

    type: ClassVar[str] = "job"
    job: str
    what: str
    phase: str = ""
    done: int = 0
    total: int = 0
    ended: bool = False


SCREEN_ONLY = (ContextChanged, Activity, Notice, Rewound, Renamed, JobTold)


def bounded(at: int) -> int:
    """The moment itself, or the nearest one that has a day in every zone and a year of four digits in UTC."""
    return min(max(at, EARLIEST), LATEST)


def rfc3339(at: int) -> str:
    """UTC microseconds as RFC 3339 with milliseconds, such as `2026-11-24T09:14:03.120Z`."""
    moment = datetime.fromtimestamp(bounded(at) / 1_000_000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def microseconds(text: str) -> int:
    """The inverse of `rfc3339`, for any RFC 3339 or ISO date, `bounded`; without a zone it is UTC.

    Raises:
        ValueError: the text is not a date.
    """
    moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return bounded(round(moment.timestamp() * 1_000_000))


def from_json(value: dict[str, Any]) -> Event | None:
    """The event that an object of the wire stands for; None where its type is not known here."""
    known = _TYPES.get(str(value.get("type")))
    if known is None:
        return None
    names = {entry.name for entry in fields(known)} - {"step", "at"}
    return known(
        step=int(value["step"]), at=microseconds(value["at"]), **{name: value[name] for name in names & set(value)}
    )


def _subclasses(root: type[Event]) -> list[type[Event]]:
    return [child for direct in root.__subclasses__() for child in (direct, *_subclasses(direct))]


_TYPES: dict[str, type[Event]] = {child.type: child for child in _subclasses(Event)}
