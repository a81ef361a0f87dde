"""Operations on what was said and done: pages of it, what was sent, why something is believed, going back."""

from __future__ import annotations

from collections.abc import AsyncIterator

from core.operations.caller import Caller, Parameters, Part, session_of
from core.past import alternatives as answers
from core.past import history as pages
from core.past import show as shown
from core.past import timeline as calls
from core.past import why as reasons
from core.past.moving import move_head
from core.roster import Roster
from core.session import Session
from core.slash import cost as paid
from memgpt.home import UserError


async def show(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", await shown.show(await session_of(roster, given), given["what"], given.get("at"), given.get("last"))


async def go_back(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Moves the head to a message of the path, or with `before` to just before it: what came after is left.

    A message's step may be followed by the returns of its calls; they stay with it.
    """
    session = await roster.session(given["agent"], False, {})
    step, before = int(given["step"]), bool(given.get("before"))
    async with session.turns.alone("Going back"):
        yield "result", {"step": await _gone_back(session, step, before)}


async def _gone_back(session: Session, step: int, before: bool) -> int:
    if not await session.journal.steps(after=step - 1, before=step + 1):
        raise UserError(f"Step {step} is no longer part of the conversation.", "Choose a message that is shown.")
    if before:
        earlier = await session.journal.steps(before=step, limit=1)
        if not earlier:
            raise UserError("There is nothing before that.", "Start a new agent with /new.")
        target = earlier[0].id
    else:
        target = step
        for later in await session.journal.steps(after=step):
            if later.kind not in ("return", "usage"):
                break
            target = later.id
    await move_head(session, target, "pop", 0)
    return target


async def history(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`history` (agent, before=None, after=None, at=None, limit=PAGE): the last steps before one, or with `after` the first
    ones after another, with `at` (UTC microseconds) those from a moment on: `{"events", "first", "last", "earlier",
    "later", "from"}`; `first` and `last` are 0 where there are none, `from` is the step that has that moment, 0 where none
    came later."""
    session = await roster.session(given["agent"])
    before, after, at = (
        None if (value := given.get(name)) is None else int(value) for name in ("before", "after", "at")
    )
    yield "result", await pages.page(session, before, after, at, int(given.get("limit") or pages.PAGE))


async def timeline(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`timeline` (agent, before=None, limit=400, at=None): the last calls before a step, oldest first, each with the marks
    of what happened since the call before it; `since` are those after the last call. With `at` the calls that led to that
    step, also where it was left since."""
    session = await roster.session(given["agent"])
    before, at = (int(given[name]) if given.get(name) else None for name in ("before", "at"))
    yield "result", await calls.timeline(session, before, int(given.get("limit") or calls.PAGE), at)


async def why(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`why` (agent, label and line, or passage=ID, or text): see `core.past.why`."""
    session = await roster.session(given["agent"])
    if given.get("passage"):
        yield "result", await reasons.of_passage(session, str(given["passage"]))
    elif given.get("line"):
        yield "result", await reasons.of_line(session, given.get("label") or "", str(given["line"]))
    else:
        yield "result", await reasons.why(session, str(given["text"]))


async def alternatives(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`alternatives` (agent, step=None): the answers at the place of that step, the last answer by default, oldest first."""
    session = await roster.session(given["agent"])
    step = given.get("step")
    yield "result", [found.to_json() for found in await answers.alternatives(session, int(step) if step else None)]


async def cost(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`cost` (agent): `turn`, `session` and `agent`, each with `prompt_tokens`, `cached_tokens` (of those),
    `completion_tokens` and `cost_usd`, which is null where no price is known."""
    yield "result", await paid.cost(await roster.session(given["agent"]))
