"""The window: what is sent, in sections, with a ledger that adds up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.context.queue import UNRECONCILED_MARGIN, Limits
from core.messages import Item, State

MESSAGE_OVERHEAD = 4  # tokens that a chat template adds to a message
APART = ("schemas", "examples")  # parts that are no piece of the system message
SECTION_OF = {"schemas": "functions", "examples": "instructions"}  # the section that they are counted under
PRIMING = 3  # and to the whole


class WindowTooSmall(Exception):
    """The fixed part alone does not fit; the message says which section and by how much."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of the system message, or the schemas, with its section's name."""

    section: str
    body: str
    tokens: int

    @property
    def hash(self) -> str:
        return hashlib.blake2b(self.body.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Fixed:
    """What is sent with every call whatever was said: instructions, functions, core memory, metadata."""

    parts: tuple[Part, ...]
    schemas: tuple[dict[str, Any], ...] = ()

    @property
    def tokens(self) -> int:
        return sum(part.tokens for part in self.parts) + MESSAGE_OVERHEAD + PRIMING

    @property
    def examples(self) -> list[dict[str, Any]]:
        """Messages that show a small model how to answer; they stand before the conversation."""
        return [message for part in self.parts if part.section == "examples" for message in json.loads(part.body)]

    @property
    def system(self) -> dict[str, Any]:
        """The one message with role system."""
        pieces = [part.body for part in self.parts if part.section not in APART]
        return {"role": "system", "content": "\n\n".join(piece for piece in pieces if piece)}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Tokens by section, which add up to `total`; `source` is `provider` or `own`."""

    sections: tuple[tuple[str, int], ...]
    total: int
    window: int
    source: str
    cached: int = 0

    def rows(self) -> list[dict[str, Any]]:
        """One object a section; the provider's cached tokens are the first ones, as the model reads them."""
        left, found = self.cached, []
        for name, tokens in self.sections:
            cached = min(left, tokens)
            left -= cached
            found.append({"name": name, "tokens": tokens, "cached": cached})
        return found


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt as it is sent, and what it costs by our own count."""

    fixed: Fixed
    summary: Item | None
    items: tuple[Item, ...]
    own: int = field(default=0)

    @property
    def messages(self) -> list[dict[str, Any]]:
        first = [self.summary.sent] if self.summary else []
        return [self.fixed.system, *self.fixed.examples, *first, *(item.sent for item in self.items)]


def assemble(state: State, fixed: Fixed) -> Prompt:
    """Main context as it stands: the system message, the summary, the queue."""
    return Prompt(fixed, state.summary, state.queue, own_total(state, fixed))


def own_total(state: State, fixed: Fixed) -> int:
    items = sum(item.tokens + MESSAGE_OVERHEAD for item in state.queue)
    summary = state.summary.tokens + MESSAGE_OVERHEAD if state.summary else 0
    return fixed.tokens + items + summary


def predicted(own: int, state: State, model: str) -> int:
    """What the provider will count: by its own last figure, else by ours with a margin that is never shown."""
    factor = state.factor if state.reconciled == model else UNRECONCILED_MARGIN
    return round(own * factor + 0.5)


def space(state: State, fixed: Fixed, limits: Limits, model: str, held: Sequence[Item]) -> int:
    """Tokens by our own count that something new may take when all that may leave main context has left it: beside
    the fixed part, the summary, and `held`, which stays whatever happens."""
    own = own_total(state, fixed)
    scale = max(1.0, predicted(own, state, model) / max(1, own))
    stays = fixed.tokens + limits.summary + sum(item.tokens + MESSAGE_OVERHEAD for item in held)
    return int(limits.flush / scale) - stays - 3 * MESSAGE_OVERHEAD


def ledger(state: State, fixed: Fixed, window: int, model: str) -> Ledger:
    """Tokens by section. After a reconciliation they are scaled by the provider's factor; they add up exactly."""
    own = _own_sections(state, fixed)
    reconciled = state.reconciled == model
    total = round(sum(own.values()) * state.factor) if reconciled else sum(own.values())
    sections = scaled(own, total)
    return Ledger(tuple(sections.items()), total, window, "provider" if reconciled else "own", state.cached_tokens)


def fits(state: State, fixed: Fixed, limits: Limits, model: str) -> bool:
    """Whether the fixed part leaves room for the summary and a message."""
    return predicted(fixed.tokens, state, model) + limits.summary + MESSAGE_OVERHEAD * 4 <= limits.flush


def check_fits(state: State, fixed: Fixed, limits: Limits, model: str) -> None:
    """Holds the fixed part, with the summary and the last message of the user, against the window.

    Raises:
        WindowTooSmall: it alone is more than may be sent.
    """
    needed = predicted(fixed.tokens, state, model)
    if fits(state, fixed, limits, model):
        return
    own = {name: tokens for name, tokens in _own_sections(state, fixed).items() if name not in ("messages", "recalled")}
    largest = max(own, key=lambda name: own[name])
    over = needed + limits.summary + MESSAGE_OVERHEAD * 4 - limits.flush
    raise WindowTooSmall(
        f"The window of {limits.window} tokens is too small by {over}: the part that is always sent takes {needed}, "
        f"of which {largest} takes {own[largest]}."
    )


def _own_sections(state: State, fixed: Fixed) -> dict[str, int]:
    found: dict[str, int] = {"instructions": 0, "functions": 0}
    for part in fixed.parts:
        name = SECTION_OF.get(part.section, part.section)
        found[name] = found.get(name, 0) + part.tokens
    found["summary"] = state.summary.tokens if state.summary else 0
    found["messages"] = sum(item.tokens - item.recalled for item in state.queue)
    found["recalled"] = sum(item.recalled for item in state.queue)
    count = 1 + len(state.queue) + int(state.summary is not None)
    found["overhead"] = MESSAGE_OVERHEAD * count + PRIMING
    return found


def scaled(own: Mapping[str, int], total: int) -> dict[str, int]:
    """The sections scaled so that they add up to `total`, by largest remainder."""
    summed = sum(own.values()) or 1
    exact = {name: tokens * total / summed for name, tokens in own.items()}
    floors = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: floors[name] - exact[name])
    for name in by_remainder[: total - sum(floors.values())]:
        floors[name] += 1
    return floors
