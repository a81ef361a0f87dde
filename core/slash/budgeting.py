"""`/budget`: what models have cost, what they may, and letting an agent go on that was stopped for it."""

from __future__ import annotations

from core.context import instructions
from core.session import Session
from core.settings import change_settings
from core.slash.asked import Asked, Outcome
from core.slash.cost import cost
from core.store.journal import now
from memgpt.home import UserError
from memgpt.words import money

ALLOWED = "The user lets you go on; the budget was used up."
USAGE = "Write /budget, /budget go, /budget turn 0.50 or /budget day 5; 0 is no limit."


async def budget(asked: Asked) -> Outcome:
    """Shows, sets, or lets go on.

    Raises:
        UserError: the argument is none of these.
    """
    word, _, amount = asked.argument.partition(" ")
    match word:
        case "":
            return await _told(asked.session)
        case "go":
            return await _go_on(asked)
        case "turn" | "day":
            await change_settings(asked.session, {f"budget.{word}": _dollars(amount)})
            return await _told(asked.session)
    raise UserError(f"/budget {asked.argument} means nothing.", USAGE, status=2)


async def _go_on(asked: Asked) -> Outcome:
    """Another turn, with a turn's budget of its own, and the day's once more."""
    session = asked.session
    session.gateway.purse.allow(float(session.state.settings.get("budget.day", 0.0)))
    agent = await session.agent(asked.keys)
    packed = instructions.heartbeat_event(ALLOWED, now(), agent.renderer.zone)
    return Outcome(turn=session.happen("heartbeat", packed, ALLOWED, asked.keys))


def _dollars(text: str) -> float:
    try:
        dollars = float(text.strip().removeprefix("$"))
    except ValueError:
        raise UserError(f"{text.strip() or 'nothing'!r} is no amount of dollars.", USAGE, status=2) from None
    if not 0 <= dollars < 1e6:
        raise UserError(f"{text.strip()} is no amount that can be spent.", USAGE, status=2)
    return dollars


async def _told(session: Session) -> Outcome:
    """What was spent and what may be, in words and figures."""
    settings, ever = session.state.settings, (await cost(session))["agent"]["cost_usd"] or 0.0
    today = session.gateway.purse.spent
    limits = {name: float(settings.get(f"budget.{name}", 0.0)) for name in ("turn", "day")}
    may = " and ".join(f"{money(most)} a {name}" for name, most in limits.items() if most) or "no limit is set"
    shown = f"Spent today, over all agents: {money(today)}; by this one ever: {money(ever)}. Budget: {may}."
    return Outcome(shown, data={"today": today, "agent": ever, **limits})
