"""Operations of a conversation: looking on, talking, stopping, slash commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from core import unasked
from core.agents import attaching, jobs
from core.messages import State, Step
from core.operations.caller import Caller, Parameters, Part, session_of
from core.past import history
from core.roster import Roster
from core.session import Session
from core.slash import commands as slash
from core.slash import cost
from core.slash.asked import Outcome
from core.transcript import transcript
from memgpt.commands import load_argument, parse
from memgpt.paths import absolute
from memgpt.words import counted


async def attach(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """A snapshot, and from then on every event, without a gap or a repeat."""
    fresh = not roster.exists(given["agent"])
    session = await session_of(roster, given)
    logs_in = bool(given.get("login")) and not given.get("read_only")
    session.owes_login = session.owes_login or (fresh and logs_in)
    snapshot = await _snapshot(session, int(given.get("since") or 0))
    jobs.Embedding.watch(roster, session)
    if not given.get("read_only"):
        session.timer_keys = caller.keys
    answers = not given.get("read_only")
    caller.leaving.append(session.listen(lambda event: caller.deliver(session.name, event.to_json()), answers))
    yield "result", {"snapshot": snapshot}
    for question in session.approvals.questions:
        caller.deliver(session.name, question.to_json())
    session.tell(session.activity())
    session.tell_news()
    await session.tell_context()
    if logs_in and not (fresh and given.get("greet")):  # after the first page: counting it loads a tokenizer
        await unasked.login(session)


async def greet(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """A new agent speaks first; asked for by the front end that made it, when its user has not begun to write."""
    await unasked.greet(await session_of(roster, given), caller.keys)
    yield "result", {}


async def snapshot(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", {"snapshot": await _snapshot(await session_of(roster, given), 0)}


async def _snapshot(session: Session, since: int) -> dict[str, Any]:
    paid = await cost.cost(session)
    state, steps = await _present(session, since)
    shown = steps[-history.PAGE :]
    return {
        "agent": session.name,
        "step": state.head,
        "events": [event.to_json() for event in transcript(shown)],
        "earlier": len(steps) > history.PAGE,
        "reset": since > state.head
        or (since > 0 and any(step.kind == "head" for step in steps))
        or len(steps) > history.PAGE,
        "blocks": [{"label": block.label, "text": block.text, "limit": block.limit} for block in state.blocks.values()],
        "activity": session.activity().to_json(),
        "settings": state.settings,
        "unfinished": state.turn is not None and not session.busy,
        "cost": paid,
    }


async def _present(session: Session, since: int) -> tuple[State, list[Step]]:
    """The state and the last steps that led to it, with nothing committed meanwhile: of what is told from now on, whoever
    is given them has missed nothing."""
    while True:
        state = session.state
        steps = await session.journal.steps(after=since, limit=history.PAGE + 1)
        if session.state is state:
            return state, steps


async def send(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """A message and its turn. `back` of the result is there where another front end took it back before that began: the
    words that are to stand here again, or none where they stand there."""
    session = await session_of(roster, given)
    turn = session.submit(given["text"], caller.keys, caller.front_end)
    caller.leaving.append(turn.orphaned)
    try:
        async for event in turn:
            yield "event", event.to_json()
    finally:
        caller.leaving.remove(turn.orphaned)
    yield "result", {} if turn.back is None else {"back": turn.back}


async def resume(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await session_of(roster, given)
    async for event in session.resume(caller.keys):
        yield "event", event.to_json()
    yield "result", {}


async def cancel(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Stops the turn under way, or with `own` only what this front end has asked for. With `queued` what waits is taken
    back: `dropped` is what this front end had asked for, or one that is gone."""
    session = await session_of(roster, given)
    if given.get("own"):
        yield "result", {"cancelled": session.turns.withdraw(caller.front_end), "dropped": []}
        return
    dropped = session.turns.drop(caller.front_end) if given.get("queued") else []
    yield "result", {"cancelled": session.turns.cancel(), "dropped": dropped}


async def command(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await session_of(roster, given)
    line = given["line"]
    outcome = await _roster_command(roster, session, line, caller) or await slash.run(
        session, line, bool(given.get("confirmed")), caller.keys
    )
    if outcome.turn:
        async for event in outcome.turn:
            yield "event", event.to_json()
    yield "result", {"text": outcome.text, "ask": outcome.ask, "data": outcome.data}


async def _roster_command(roster: Roster, session: Session, line: str, caller: Caller) -> Outcome | None:
    """The commands that need more than their own agent."""
    word, argument = parse(line)
    match word.lower():
        case "load" if argument:
            path, name = load_argument(argument)
            source = attaching.load_and_attach(roster, session, absolute(path), name)
            return Outcome(f"Loading {path} as source {source!r}; you can go on meanwhile.")
        case "sources" | "attach" if not argument:
            listed = await roster.library.listed()
            lines = [
                f"{'* ' if row['name'] in session.state.sources else '  '}{row['name']}: {counted(row['passages'], 'passage')}"
                for row in listed
            ]
            return Outcome("\n".join(lines) or "No source is loaded. /load PATH makes one.", data=listed)
        case "attach":
            await attaching.attach(roster, session, argument)
            return Outcome(f"Source {argument!r} is attached.")
        case "detach" if argument:
            await attaching.detach(session, argument)
            return Outcome(f"Source {argument!r} is detached.")
    return None


async def take_back(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Takes one waiting message back, by its place in the queue; `text` guards against a queue that has moved on."""
    session = await roster.session(given["agent"], False, {})
    yield "result", {"text": session.turns.take_back(int(given["place"]), str(given["text"]), caller.front_end)}
