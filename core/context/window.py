"""The window: what is sent, in sections, with a ledger that adds up."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.context.queue import Limits
from core.context.reckoning import Provider, Reckoning, weight
from core.llm.tokens import MESSAGE_OVERHEAD, PRIMING
from core.messages import Item, State

APART = ("schemas", "examples")  # parts that are no piece of the system message
SECTION_OF = {"schemas": "functions", "examples": "instructions"}  # the section that they are counted under
LEAST_TALK = 240  # tokens that are left to the conversation at the least: a question, a call and its result, cut short
OVERFLOW_GROWTH = 1.25  # how much more the provider is taken to count after it refused a prompt as too long
REFUSED_SHARE = 0.75  # of what it refused, that its window is taken to be where it gives no figure


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
        return digest_of(self.body, self.tokens)


def digest_of(body: str, tokens: int) -> str:
    """The key by which a rendered part is kept once a count: models that count otherwise share an agent's journal."""
    return hashlib.blake2b(f"{tokens}\n{body}".encode(), digest_size=12).hexdigest()


def digest_before_counts(body: str) -> str:
    """The key of earlier versions, whose count may be another model's."""
    return hashlib.blake2b(body.encode(), digest_size=12).hexdigest()


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
    def stable(self) -> int:
        """Characters of the system message that no edit of core memory changes."""
        pieces = [part.body for part in self.parts if part.section in ("instructions", "functions") and part.body]
        return len("\n\n".join(pieces))

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
    items = weight(state.queue)
    summary = state.summary.tokens + MESSAGE_OVERHEAD if state.summary else 0
    return fixed.tokens + items + summary


def space(state: State, fixed: Fixed, limits: Limits, provider: Provider, held: Sequence[Item]) -> int:
    """Tokens by our own count that something new may take when all that may leave main context has left it: beside
    the fixed part, the summary, and `held`, which stays whatever happens."""
    stays = fixed.tokens + limits.summary + weight(held)
    return Reckoning.of(state, provider).affordable(limits.flush) - stays - 3 * MESSAGE_OVERHEAD


def ledger(state: State, fixed: Fixed, window: int, provider: Provider) -> Ledger:
    """Tokens by section. Where the provider has counted, they are scaled to its figure; they add up exactly."""
    own, reckoning = _own_sections(state, fixed), Reckoning.of(state, provider)
    total = reckoning.total(sum(own.values()))
    source = "provider" if reckoning.reported else "own"
    return Ledger(tuple(scaled(own, total).items()), total, window, source, state.cached_tokens)


def fits(state: State, fixed: Fixed, limits: Limits, provider: Provider, more: int = 0) -> bool:
    """Whether the fixed part, `more` tokens larger, leaves room for the summary and the least of a conversation."""
    needed = Reckoning.of(state, provider).predicted(fixed.tokens + more)
    return needed + limits.summary + LEAST_TALK <= limits.flush


def refused(state: State, fixed: Fixed, limits: Limits, provider: Provider) -> float:
    """The factor that the provider is taken to count with after it refused a prompt as too long: more than before, but
    never so much that what is always sent would not fit any more."""
    own = own_total(state, fixed)
    now = Reckoning.of(state, provider).predicted(own) / max(1, own)
    most = (limits.flush - limits.summary - LEAST_TALK - 1) / fixed.tokens
    return max(now, min(now * OVERFLOW_GROWTH, most))


def taken_window(state: State, fixed: Fixed, limits: Limits, provider: Provider) -> int:
    """The window that a provider is taken to have which refused a prompt as too long and gave no figure: less than that
    prompt, but not less than the last one that it read, nor than what is always sent needs. 0 where it has counted none:
    then it may be our count that is too low."""
    if state.reconciled != provider.model or not state.own_tokens:
        return 0
    sent = Reckoning.of(state, provider).total(own_total(state, fixed)) + limits.reserve
    read = state.provider_tokens + limits.reserve
    return max(int(sent * REFUSED_SHARE), read, _smallest_window(state, fixed, limits, provider))


def check_fits(state: State, fixed: Fixed, limits: Limits, provider: Provider) -> None:
    """Holds the fixed part, with the summary and the last message of the user, against the window.

    Raises:
        WindowTooSmall: it alone is more than may be sent.
    """
    needed = Reckoning.of(state, provider).predicted(fixed.tokens)
    if fits(state, fixed, limits, provider):
        return
    own = {name: tokens for name, tokens in _own_sections(state, fixed).items() if name not in ("messages", "recalled")}
    largest = max(own, key=lambda name: own[name])
    over = _smallest_window(state, fixed, limits, provider) - limits.window
    raise WindowTooSmall(
        f"The window of {limits.window} tokens is too small by {over}: the part that is always sent takes {needed}, "
        f"of which {largest} takes {own[largest]}, and a conversation needs room beside it."
    )


def _smallest_window(state: State, fixed: Fixed, limits: Limits, provider: Provider) -> int:
    """Tokens of the least window that `fits`: its shares grow with it."""
    needed = Reckoning.of(state, provider).predicted(fixed.tokens) + LEAST_TALK
    return math.ceil(limits.window * needed / max(1, limits.flush - limits.summary))


def _own_sections(state: State, fixed: Fixed) -> dict[str, int]:
    found = own_sections(((part.section, part.tokens) for part in fixed.parts), state.summary, state.queue)
    return {"instructions": 0, "functions": 0} | found


def own_sections(parts: Iterable[tuple[str, int]], summary: Item | None, queue: Sequence[Item]) -> dict[str, int]:
    """Tokens by our own count, by section; the parts of the system message are given with their section's name."""
    found: dict[str, int] = {}
    for section, tokens in parts:
        name = SECTION_OF.get(section, section)
        found[name] = found.get(name, 0) + tokens
    found["summary"] = summary.tokens if summary else 0
    found["messages"] = sum(item.tokens - item.recalled for item in queue)
    found["recalled"] = sum(item.recalled for item in queue)
    found["overhead"] = overhead(summary, queue)
    return found


def overhead(summary: Item | None, queue: Sequence[Item]) -> int:
    """What the chat template adds to all messages, the system message among them."""
    return MESSAGE_OVERHEAD * (1 + len(queue) + bool(summary)) + PRIMING


def scaled(own: Mapping[str, int], total: int) -> dict[str, int]:
    """The sections scaled so that they add up to `total`, by largest remainder."""
    summed = sum(own.values()) or 1
    exact = {name: tokens * total / summed for name, tokens in own.items()}
    floors = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: floors[name] - exact[name])
    for name in by_remainder[: total - sum(floors.values())]:
        floors[name] += 1
    return floors
