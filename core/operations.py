"""What front ends may ask of the engine: one function for each operation, found by its name.

An operation is an async generator: it yields `("event", object)` for what it tells on the way, and at its end
`("result", value)`. It raises UserError for what the user can mend.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core import (
    alternatives,
    attaching,
    browsing,
    cost,
    editing,
    forking,
    history,
    jobs,
    lifecycle,
    portable,
    replaying,
    returning,
    setting_up,
    slash,
    timeline,
    why,
)
from core.asked import Outcome
from core.context.instructions import zone_of
from core.external import ExternalContext, result_json
from core.filters import Filters, listed
from core.forgetting import forget
from core.functions.conversation import base_executor
from core.messages import State, Step
from core.roster import Roster
from core.session import Session
from core.show import show
from core.transcript import transcript
from memgpt import config
from memgpt.config import AgentConfig
from memgpt.events import microseconds
from memgpt.home import UserError
from memgpt.words import counted

Part = tuple[str, Any]
Parameters = Mapping[str, Any]


@dataclass(slots=True)
class Caller:
    """The front end that asks: who it is, the keys it brought, where its attachment's events go, what to undo when it
    goes."""

    front_end: object
    role: str
    keys: Mapping[str, str]
    deliver: Callable[[str, dict[str, Any]], None]
    leaving: list[Callable[[], None]] = field(default_factory=list)


async def operate(roster: Roster, op: str, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Carries out one operation.

    Raises:
        UserError: there is no such operation, or the user has something to mend.
    """
    operation = _OPERATIONS.get(op)
    if operation is None:
        raise UserError(f"The engine knows no operation {op!r}.", "Update the program that asked.")
    roster.jobs += 1  # what is asked for keeps its agent open and the engine here
    try:
        async for part in operation(roster, given, caller):
            yield part
    finally:
        roster.jobs -= 1


async def _session(roster: Roster, given: Parameters) -> Session:
    overrides = {key: given.get(key) for key in ("model", "model_endpoint", "context_window", "persona", "human")}
    return await roster.session(given["agent"], bool(given.get("create")), overrides)


# --- agents ---------------------------------------------------------------------------------------------------


async def _agents(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", await roster.listed()


async def _create_agent(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    names = ("name", "persona", "human", "model", "model_endpoint", "context_window")
    wanted = AgentConfig.of({key: given[key] for key in names if given.get(key) is not None})
    yield "result", {"name": await roster.create(wanted, bool(given.get("throw_if_exists")))}


async def _configure_agent(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    await slash.change_settings(await _session(roster, given), given["changes"])
    yield "result", {}


async def _agent_settings(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", (await _session(roster, given)).state.settings


# --- looking on and talking -----------------------------------------------------------------------------------


async def _attach(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """A snapshot, and from then on every event, without a gap or a repeat."""
    fresh = not roster.exists(given["agent"])
    session = await _session(roster, given)
    logs_in = bool(given.get("login")) and not given.get("read_only")
    session.owes_login = session.owes_login or (fresh and logs_in)
    snapshot = await _snapshot(session, int(given.get("since") or 0))
    jobs.Embedding.watch(session)
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
        await session.login()


async def _greet(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """A new agent speaks first; asked for by the front end that made it, when its user has not begun to write."""
    await (await _session(roster, given)).greet(caller.keys)
    yield "result", {}


async def _snapshot_now(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", {"snapshot": await _snapshot(await _session(roster, given), 0)}


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


async def _send(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await _session(roster, given)
    async for event in session.submit(given["text"], caller.keys, caller.front_end):
        yield "event", event.to_json()
    yield "result", {}


async def _resume(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await _session(roster, given)
    async for event in session.resume(caller.keys):
        yield "event", event.to_json()
    yield "result", {}


async def _cancel(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Stops the turn under way, or with `own` only what this front end has asked for."""
    session = await _session(roster, given)
    if given.get("own"):
        yield "result", {"cancelled": session.withdraw(caller.front_end), "dropped": []}
        return
    dropped = session.drop_queue() if given.get("queued") else []
    yield "result", {"cancelled": session.cancel(), "dropped": dropped}


async def _command(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await _session(roster, given)
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
    from memgpt.commands import load_argument, parse

    word, argument = parse(line)
    match word.lower():
        case "load" if argument:
            path, name = load_argument(argument)
            source = attaching.load_and_attach(roster, session, Path(path), name)
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
        case "detach":
            await attaching.detach(session, argument)
            return Outcome(f"Source {argument!r} is detached.")
    return None


# --- memory ---------------------------------------------------------------------------------------------------


async def _search(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await _session(roster, given)
    yield "result", await _answer(session, given, given["query"])


async def _search_many(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await _session(roster, given)
    for query in given["queries"]:
        yield "event", {"id": query["id"], **await _answer(session, given, query["query"])}
    yield "result", {}


async def _answer(session: Session, given: Parameters, text: str) -> dict[str, Any]:
    limit, page = int(given.get("limit") or 10), int(given.get("page") or 0)
    filters = Filters(
        roles=listed(given.get("roles")),
        start=given.get("start") or "",
        end=given.get("end") or "",
        sources=listed(given.get("sources")),
        tags=listed(given.get("tags")),
        mode=given.get("mode") or "hybrid",
    )
    external = external_of(session)
    try:
        query = filters.query(text, given["kind"], limit, limit * page, external.zone)
        since, until = _moment(given.get("since")), _moment(given.get("until"))
        query = replace(
            query,
            since=query.since if since is None else since,
            until=query.until if until is None else until,
            explain=bool(given.get("explain")),
        )
        answer = await external.find(query)
    except ValueError as error:
        raise UserError(str(error), status=2) from None
    return {
        "results": [result_json(hit, query.explain) for hit in answer.hits],
        "ms": answer.ms,
        "embed_ms": answer.embed_ms,
        "total": answer.total,
        "note": answer.note,
    }


def external_of(session: Session) -> ExternalContext:
    """External context without a model: searching needs none."""
    zone = zone_of(session.state.settings["timezone"])
    return ExternalContext(session.journal, session.corpus, session.sources, zone, 10, 1000)


def _moment(value: str | None) -> int | None:
    try:
        return microseconds(value) if value else None
    except ValueError:
        raise UserError(
            f"{value!r} is not a date.", "Write it as 2026-11-24 or 2026-11-24T09:00:00Z.", status=2
        ) from None


async def _show(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", await show(await _session(roster, given), given["what"], given.get("at"), given.get("last"))


async def _forget(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    found = await forget(
        roster, given["agent"], given.get("message_id"), given.get("text"), bool(given.get("confirmed"))
    )
    yield "result", found


# --- files in -------------------------------------------------------------------------------------------------


async def _import_messages(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    session = await _session(roster, {**given, "create": True})
    path, embed = Path(given["path"]), bool(given.get("embed", True))
    async for part in jobs.with_progress(lambda told: roster.import_messages(session, path, embed, told)):
        yield part


async def _load(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    kind, name, path = given["kind"], given["name"], Path(given["path"])
    endings, recursive = tuple(given.get("extensions") or ()), bool(given.get("recursive"))
    async for part in jobs.with_progress(
        lambda told: attaching.load(roster, kind, name, path, told, endings, recursive)
    ):
        yield part


async def _sources(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    agents = await roster.listed()
    listed = await roster.library.listed()
    yield (
        "result",
        [{**row, "agents": [a["name"] for a in agents if row["name"] in a.get("sources", ())]} for row in listed],
    )


async def _attach_source(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    first = not roster.home.agent_names() and given["agent"] == config.DEFAULT_AGENT  # as opening the app would make it
    session = await _session(roster, {**given, "create": first})
    await attaching.attach(roster, session, given["source"])
    yield "result", {}


async def _detach_source(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    await attaching.detach(await _session(roster, given), given["source"])
    yield "result", {}


async def _delete_source(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    await attaching.delete(roster, given["name"])
    yield "result", {}


# --- the machine ----------------------------------------------------------------------------------------------


async def _check(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """Whether an agent's file holds together: what is stored beside the journal is what the journal comes to."""
    session = await _session(roster, given)
    same = await session.journal.folded() == session.state
    yield "result", {"ok": same, "found": f"{session.state.head} steps" + ("" if same else ", but the present differs")}


async def _functions(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    schemas = base_executor().schemas(plain=False)
    yield "result", [{"name": schema["name"], **schema} for schema in schemas]


async def _settings(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    yield "result", config.load(roster.home)


Operation = Callable[[Roster, Parameters, Caller], AsyncIterator[Part]]
LASTING = ("send", "resume", "command")  # go on when the front end that asked is gone
_OPERATIONS: dict[str, Operation] = {
    "agents": _agents, "create_agent": _create_agent, "delete_agent": lifecycle.delete,
    "configure_agent": _configure_agent, "agent_settings": _agent_settings, "attach": _attach, "greet": _greet, "snapshot": _snapshot_now, "history": history.operation,
    "send": _send, "resume": _resume, "cancel": _cancel, "command": _command, "search": _search,
    "search_many": _search_many, "show": _show, "forget": _forget, "import_messages": _import_messages,
    "load": _load, "sources": _sources, "attach_source": _attach_source,
    "detach_source": _detach_source, "delete_source": _delete_source, "check": _check, "servers": setting_up.servers, "probe": setting_up.probe,
    "settings": _settings, "functions": _functions,
    "go_back": returning.go_back, "take_back": returning.take_back, "cancel_job": jobs.cancel_job,
    "edit_block": editing.operation, "newest": browsing.newest, "neighbours": browsing.neighbours,
    "change_passages": browsing.change_passages, "timeline": timeline.operation, "why": why.operation,
    "alternatives": alternatives.operation, "fork_agent": forking.operation, "rename_agent": lifecycle.rename,
    "archive_agent": lifecycle.archive, "undelete_agent": lifecycle.undelete,
    "export_agent": portable.export, "import_agent": portable.bring, "replay": replaying.operation, "cost": cost.operation,
}  # fmt: skip
