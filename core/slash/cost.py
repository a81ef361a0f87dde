"""What an agent has cost: tokens and money of its last turn, of the time since it was opened, and of its whole life.

Everything that was paid counts, also what was taken back since, or could not be used; the calls that wrote summaries are
among it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.session import Session
from core.slash.asked import Asked, Outcome
from core.store import rows
from memgpt.words import money

NAMES = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_usd")


async def cost(session: Session) -> dict[str, dict[str, Any]]:
    """`turn`, `session` and `agent`, each with the figures of NAMES. The turn is the one under way, or the last one."""
    turn = session.state.turn
    began = turn.start if turn else await session.journal.read(rows.last_turn_began)
    since = {"turn": began, "session": session.opened_at, "agent": 0}
    found: list[tuple[Any, ...]] = await session.journal.read(lambda c: rows.spent(c, list(since.values())))
    return {name: dict(zip(NAMES, figures, strict=True)) for name, figures in zip(since, found, strict=True)}


async def command(asked: Asked) -> Outcome:
    """`/cost`: a line for each."""
    found = await cost(asked.session)
    names = {"turn": "last turn", "session": "since it was opened", "agent": "ever"}
    return Outcome("\n".join(f"{names[name]:<20} {described(figures)}" for name, figures in found.items()), data=found)


def described(figures: Mapping[str, Any]) -> str:
    """Tokens and money in words: `8,120 in (6,400 cached, 1,720 fresh), 214 out, $0.0123`."""
    prompt, cached = figures["prompt_tokens"], figures["cached_tokens"]
    paid = figures["cost_usd"]
    price = "no price known" if paid is None else money(paid)
    return (
        f"{prompt:,} in ({cached:,} cached, {prompt - cached:,} fresh), {figures['completion_tokens']:,} out, {price}"
    )
