"""What the screen shows, as plain data. The bridge keeps it true; widgets draw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from memgpt.words import WAITING_FOR_YOU

if TYPE_CHECKING:
    from memgpt.events import ContextChanged

Stage = Literal["resting", "busy", "asking"]
Kind = Literal["user", "assistant", "queued", "rule", "note", "error", "thought", "call", "block"]


@dataclass(slots=True, eq=False)
class Entry:
    """One piece of a transcript. `version` grows with every change, so that a widget knows what to draw anew.
    `detail` are the arguments of a call, one a line; `folded` is what the user chose, None where nothing was chosen."""

    kind: Kind
    text: str
    step: int = 0
    at: int = 0
    who: str = ""
    open: bool = False
    status: str = ""
    result: str = ""
    detail: str = ""
    folded: bool | None = None
    call_id: str = ""
    marks: tuple[str, ...] = ()
    version: int = 0

    def change(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.version += 1


@dataclass(slots=True)
class BlockView:
    """One block of core memory, and what it was when the present turn began; `cause` and `at` say who changed it last,
    and when."""

    label: str
    text: str
    limit: int
    before: str | None = None
    cause: str = ""
    at: int = 0


@dataclass(slots=True)
class Figures:
    """What the last turn cost, and the course of the prompt's size over the calls of this conversation, in which a
    negative number stands for an eviction."""

    tokens: int = 0
    seconds: float = 0.0
    cost_usd: float | None = None
    total_cost_usd: float = 0.0
    cached: int = 0
    prompt_tokens: int = 0
    course: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Retrying:
    """The model is asked again in `wait_s` seconds, counted from when it is first shown."""

    what: str
    wait_s: float
    reason: str


@dataclass(slots=True)
class View:
    """Everything that is on the screen of one agent."""

    agent: str = ""
    model: str = ""
    chat: list[Entry] = field(default_factory=list)
    monologue: list[Entry] = field(default_factory=list)
    blocks: dict[str, BlockView] = field(default_factory=dict)
    context: ContextChanged | None = None
    evictions: int = 0
    paging: str = ""
    phase: str = "starting"
    queued: list[str] = field(default_factory=list)
    retry: Retrying | None = None
    figures: Figures = field(default_factory=Figures)
    step: int = 0
    first_step: int = 0
    earlier: bool = False

    @property
    def stage(self) -> Stage:
        """What keys do depends on: whether the model rests, is at work, or a call of it waits for the user's word."""
        if self.phase in ("idle", "starting"):
            return "resting"
        return "asking" if self.phase == WAITING_FOR_YOU else "busy"
