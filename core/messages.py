"""What is stored and what it comes to: journal steps, and the state that folding them gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPEN_END = 1 << 62  # the last step of a branch that still grows
MAIN_CONVERSATION = "main"
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is stored once and named by its id."""

    id: int
    body: str


@dataclass(frozen=True, slots=True)
class Step:
    """One journal entry. `body` is small JSON, `texts` the long ones by their role in it; `at` is UTC microseconds."""

    id: int
    parent: int
    branch: int
    kind: str
    at: int
    body: Body
    texts: dict[str, Text] = field(default_factory=dict)
    items: tuple[Item, ...] = ()

    def text(self, name: str) -> str:
        found = self.texts.get(name)
        return found.body if found else ""


@dataclass(frozen=True, slots=True)
class Item:
    """One message of main context as it is sent, with what it costs.

    `kind` is `user`, `login`, `event`, `pressure`, `reply`, `return` or `summary`; `recalled` are those of its tokens
    that are pages found for it.
    """

    id: int
    step: int
    kind: str
    tokens: int
    sent: dict[str, Any]
    recalled: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A block of core memory; `limit` in characters."""

    label: str
    text: str
    limit: int
    text_id: int
    changed_at: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A call whose return is not committed yet."""

    call_id: str
    name: str
    arguments: Body
    error: str = ""


def written(name: str, arguments: Mapping[str, Any]) -> str:
    """A call in one line: `name(key='value')`."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn under way: the step that began it, and what it has come to."""

    start: int
    calls: int = 0
    said: bool = False
    evicted: bool = False
    nudged: bool = False
    user: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What the steps along a path come to. `made` tells an attached source from a later one of the same name."""

    name: str = ""
    head: int = 0
    branch: int = 0
    branches: int = 1
    path: tuple[tuple[int, int], ...] = ((0, OPEN_END),)
    settings: Body = field(default_factory=dict)
    blocks: dict[str, Block] = field(default_factory=dict)
    shown: dict[str, Block] = field(default_factory=dict)
    instructions: Text | None = None
    queue: tuple[Item, ...] = ()
    summary: Item | None = None
    summary_text: Text | None = None
    evicted: int = 0
    warned: bool = False
    pending: tuple[Pending, ...] = ()
    turn: Turn | None = None
    recall: int = 0
    archival: int = 0
    sources: tuple[str, ...] = ()
    passages: dict[str, int] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    factor: float = 1.0
    reconciled: str = ""
    slope: float = 1.0
    own_tokens: int = 0
    provider_tokens: int = 0
    cached_tokens: int = 0
    memory_at: int = 0
    archived: bool = False


def on_path(state: State, branch: int, step: int) -> bool:
    return any(branch == known and step <= last for known, last in state.path)
