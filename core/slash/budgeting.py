"""`/budget`: what models have cost, what they may, and letting an agent go on that was stopped for it."""

from __future__ import annotations

from core.context import instructions
from core.session import Session
from core.settings import change_settings
from core.slash.asked import Asked, Outcome
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
            return Outcome(_shown(asked.session), data=_data(asked.session))
        case "go":
            return await _go_on(asked)
        case "turn" | "day":
            await change_settings(asked.session, {f"budget.{word}": _dollars(amount)})
            return Outcome(_shown(asked.session), data=_data(asked.session))
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


def _data(session: Session) -> dict[str, float]:
    settings = session.state.settings
    limits = {name: float(settings.get(f"budget.{name}", 0.0)) for name in ("turn", "day")}
    return {"today": session.gateway.purse.spent, "agent": session.state.cost_usd, **limits}


def _shown(session: Session) -> str:
    told = _data(session)
    limits = [f"{money(told[name])} a {name}" for name in ("turn", "day") if told[name]]
    may = " and ".join(limits) if limits else "no limit is set"
    return f"Spent today, over all agents: {money(told['today'])}; by this one ever: {money(told['agent'])}. Budget: {may}."
