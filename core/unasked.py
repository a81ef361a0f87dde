"""What begins without a message: the greeting of a new agent, logins, timed heartbeats."""

from __future__ import annotations

from collections.abc import Mapping

from core.context import instructions
from core.session import Session
from core.store.journal import now

MINUTE = 60_000_000  # microseconds
LOOKED_BACK = 50  # function returns among which a pause of heartbeats is looked for
TIMER = "A timed heartbeat: nothing has happened for a while."


async def greet(session: Session, keys: Mapping[str, str]) -> None:
    """A new agent speaks first: its first login begins a turn, unless the user has written meanwhile. Small models
    make nothing of an event."""
    agent = await session.agent(keys)
    if session.busy or not session.owes_login:
        return
    if not agent.renderer.searches:
        await login(session)
        return
    session.owes_login = False
    session.happen("login", instructions.login_event(now(), None, agent.renderer.zone), "", keys)


async def login(session: Session) -> None:
    """Journals that the app was opened; it goes with the next message and calls no model. While a turn runs, whoever
    opens it sees that turn, and the model is not told."""
    draft = await session.login_draft()
    if not session.busy:
        session.owes_login = False
        await session.journal.append(draft)
        await session.tell_context()


async def beat(session: Session) -> bool:
    """Begins the turn of a timed heartbeat where one is due: somebody looks on, nothing has happened for
    `heartbeat_minutes`, and the model has not paused them. Whether it did."""
    after = session.state.settings.get("heartbeat_minutes", 0) * MINUTE
    if not after or session.busy or not session.watched or now() - session.turns.used_at < after:
        return False
    agent = await session.agent()
    returns = await session.journal.steps(kinds=("return",), limit=LOOKED_BACK)
    if any(step.at + step.body.get("pause_minutes", 0) * MINUTE > now() for step in returns):
        return False
    if agent.renderer.searches and not session.busy:
        packed = instructions.heartbeat_event(TIMER, now(), agent.renderer.zone)
        session.happen("timer", packed, "", session.timer_keys)
    return session.busy
