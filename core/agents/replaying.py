"""What it would have said with another model, another core memory, or without something that it knew: asked again in a
fork, beside what it did say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import regex

from core.agents.forking import fork, free_name
from core.agents.lifecycle import discard
from core.context.queue import groups
from core.memory.terms import whole_words
from core.messages import OPEN_END, State, Step, on_path
from core.past.editing import edit_block
from core.past.holding import items_with, steps_with
from core.roster import Roster
from core.settings import change_settings
from core.store import lookups, rows, tree
from core.store.journal import Draft
from memgpt import events as e
from memgpt.events import rfc3339
from memgpt.home import UserError

if TYPE_CHECKING:
    import duckdb

    from core.session import Session

CHANGES = ("model", "model_endpoint", "context_window", "protocol")
NAMED = 5  # places of the same words
Part = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the user, what was answered to it, and the step that it came after."""

    step: int
    before: int
    at: int
    text: str
    did: str


async def operation(roster: Roster, given: Mapping[str, Any], caller: Any) -> AsyncIterator[Part]:
    """`replay` (agent, from, model, model_endpoint, edits=[[label, text]], without=[id], turns=None, name=""): for each
    question an event `replayed` with `step`, `at`, `question`, `did` and `would`; the result is `{"agent", "from",
    "turns", "notes"}`, the fork's name, all of them, and where what was to be taken away still stands. Notes are told
    before the first question in an event `notes`, too.

    Raises:
        UserError: there is no such step, block or id, or the model cannot be had. Nothing is left of the fork then.
    """
    session = await roster.session(given["agent"])
    asked = (await questions(session, int(given["from"])))[: int(given["turns"]) if given.get("turns") else None]
    name = given.get("name") or free_name(roster, f"{session.name} replay")
    made = await fork(roster, session.name, name, asked[0].before, _untold)
    fresh = await roster.session(made["name"])
    try:
        notes = await _changed(fresh, given)
    except BaseException:
        await discard(roster, fresh)
        raise
    if notes:
        yield "event", {"type": "notes", "notes": notes}
    found = []
    for each in asked:
        would, trouble = await _asked_again(fresh, each.text, caller)
        row = {
            "step": each.step, "at": rfc3339(each.at), "question": each.text, "did": each.did, "would": would,
            **({"error": trouble} if trouble else {}),
        }  # fmt: skip
        found.append(row)
        yield "event", {"type": "replayed", **row}
        if trouble:
            break
    yield "result", {"agent": fresh.name, "from": asked[0].step, "turns": found, "notes": notes}


def _untold(phase: str, count: int, total: int = 0) -> None:
    """A fork for a replay is short work beside the model's."""


async def questions(session: Session, start: int) -> list[Asked]:
    """The user's messages from the turn on that a step lies in, each with its answer; of a step that was left, those of
    its own line.

    Raises:
        UserError: there are none.
    """
    state = session.state

    def work(connection: duckdb.DuckDBPyConnection) -> list[Step]:
        return rows.steps(connection, _line(connection, state, start), 0, None, ("user", "reply", "rewrite"), 1 << 31)

    steps: list[Step] = await session.journal.read(work)
    asked = [step for step in steps if step.kind == "user"]
    first = max((step.id for step in asked if step.id <= start), default=start)
    wanted = [step for step in asked if step.id >= first]
    if not wanted or start > state.head:
        raise UserError(f"No message of yours stands at or after step {start}.", "`memgpt show messages` lists them.")
    ends = [step.id for step in wanted[1:]] + [OPEN_END]
    return [
        Asked(step.id, step.parent, step.at, step.text("text"), _answer(steps, step.id, end))
        for step, end in zip(wanted, ends, strict=True)
    ]


def _line(connection: duckdb.DuckDBPyConnection, state: State, start: int) -> rows.Path:
    """The present path, or where it does not hold that step, the one that leads to it and on to where it was left."""
    stretches = tree.stretches(connection)
    branch = next((each.branch for each in stretches if each.first <= start <= each.last), None)
    if branch is None or on_path(state, branch, start):
        return state.path
    return rows.lineage(connection, tree.tip(stretches, start))


def _answer(steps: Sequence[Step], start: int, end: int) -> str:
    said = {step.id: step.text("said") for step in steps if step.kind == "reply" and start < step.id < end}
    for step in steps:
        if step.kind == "rewrite" and step.body["of"] in said:
            said[step.body["of"]] = step.text("text")
    return "\n\n".join(text for text in said.values() if text)


async def _changed(fresh: Session, given: Mapping[str, Any]) -> list[str]:
    """Makes the fork what is to be tried; what is to be said of it."""
    settings = {name: given[name] for name in CHANGES if given.get(name) is not None}
    if settings:
        await change_settings(fresh, settings)
    for label, text in given.get("edits") or ():
        await edit_block(fresh, label, text)
    taken = {key: await _without(fresh, key) for key in given.get("without") or ()}
    notes = [await _summarised(fresh, taken)] if taken else []
    notes += [await _left(fresh, key, out.text) for key, out in taken.items()]
    return [note for note in notes if note]


@dataclass(frozen=True, slots=True)
class _Out:
    """What was taken out of a fork: its words, and the steps at which it was said, written or found."""

    text: str
    steps: set[int]


async def _without(fresh: Session, key: str) -> _Out:
    """Takes a passage or a message out of what the fork can find, with the messages that hold it out of its queue."""
    state = fresh.state

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[_Out, list[tuple[int, str]], set[int]]:
        held = lookups.with_key(connection, state.path, key)
        shown = [(doc, kind) for doc, _, kind in held if doc not in state.hidden]
        if not shown:
            raise UserError(f"Nothing has the id {key!r} at that step.", "A search gives the ids.")
        stored = [step for _, step, _ in held]
        (_, _, text), *_ = lookups.wordings(connection, state.path, key)
        out = _Out(text, steps_with(connection, state.path, key, stored))
        return out, shown, items_with(connection, state.path, key, stored)

    out: _Out
    out, shown, items = await fresh.journal.read(work)
    gone = [item.id for group in groups(state.queue) if any(item.id in items for item in group) for item in group]
    kinds = [kind for _, kind in shown]
    body = {
        "key": key, "docs": [doc for doc, _ in shown], "items": gone,
        "recall": kinds.count("recall"), "archival": kinds.count("archival"),
    }  # fmt: skip
    await fresh.journal.append(Draft("without", body))
    return out


async def _summarised(fresh: Session, taken: Mapping[str, _Out]) -> str:
    """Makes the summary again where it was made of that too; what is to be said of it."""
    note = f"The summary was made again without {', '.join(taken)}: it is an extract of what else had left."
    steps = set().union(*(out.steps for out in taken.values()))
    agent = await fresh.agent()
    return note if await agent.manager.summarised_without(steps, note) else ""


async def _left(fresh: Session, key: str, text: str) -> str:
    """Where the very words still stand, said by somebody else or written into core memory."""
    state, words = fresh.state, text.strip()
    whole = regex.compile(whole_words(words))
    places = [f"core memory ({block.label})" for block in state.blocks.values() if whole.search(block.text)]
    if state.summary_text and whole.search(state.summary_text.body):
        places.append("the summary")
    found = await fresh.journal.read(lambda at: lookups.found_holding(at, state.path, state.hidden, words))
    keys = list(dict.fromkeys(known for known, body in found if whole.search(body)))
    places += keys[:NAMED] + ([f"{len(keys) - NAMED} more"] if len(keys) > NAMED else [])
    return f"The words of {key} still stand in {', '.join(places)}." if places else ""


async def _asked_again(fresh: Session, text: str, caller: Any) -> tuple[str, str]:
    """What is said to the question now, and what went wrong."""
    said, trouble = [], ""
    try:
        async for event in fresh.submit(text, caller.keys, caller.front_end):
            match event:
                case e.AssistantMessage(text=words):
                    said.append(words)
                case e.Error(message=message, hint=hint) | e.Cancelled(message=message, hint=hint):
                    trouble = f"{message} {hint}".strip()
    except BaseException:
        fresh.turns.withdraw(caller.front_end)
        raise
    return "\n\n".join(said), trouble
