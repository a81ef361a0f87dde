"""What it would have said with another model, another core memory, or without something that it knew: asked again in a
fork, beside what it did say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.agents.forking import fork, free_name
from core.agents.lifecycle import discard
from core.context.queue import groups
from core.messages import Step
from core.past.editing import edit_block
from core.roster import Roster
from core.settings import change_settings
from core.store import lookups
from core.store.journal import Draft
from memgpt import events as e
from memgpt.events import rfc3339
from memgpt.home import UserError

if TYPE_CHECKING:
    from core.session import Session

CHANGES = ("model", "model_endpoint", "context_window", "protocol")
Part = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the user, and what was answered to it."""

    step: int
    at: int
    text: str
    did: str


async def operation(roster: Roster, given: Mapping[str, Any], caller: Any) -> AsyncIterator[Part]:
    """`replay` (agent, from, model, model_endpoint, edits=[[label, text]], without=[id], turns=None, name=""): for each
    question an event `replayed` with `step`, `at`, `question`, `did` and `would`; the result is `{"agent", "from",
    "turns"}`, the fork's name and all of them.

    Raises:
        UserError: there is no such step, block or id, or the model cannot be had. Nothing is left of the fork then.
    """
    session = await roster.session(given["agent"])
    asked = (await questions(session, int(given["from"])))[: int(given["turns"]) if given.get("turns") else None]
    before = await session.journal.steps(before=asked[0].step, limit=1)
    name = given.get("name") or free_name(roster, f"{session.name} replay")
    made = await fork(roster, session.name, name, before[0].id, _untold)
    fresh = await roster.session(made["name"])
    try:
        await _changed(fresh, given)
    except BaseException:
        await discard(roster, fresh)
        raise
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
    yield "result", {"agent": fresh.name, "from": asked[0].step, "turns": found}


def _untold(phase: str, count: int, total: int = 0) -> None:
    """A fork for a replay is short work beside the model's."""


async def questions(session: Session, start: int) -> list[Asked]:
    """The user's messages from the turn on that a step lies in, each with its answer.

    Raises:
        UserError: there are none.
    """
    steps = await session.journal.steps(kinds=("user", "reply", "rewrite"))
    asked = [step for step in steps if step.kind == "user"]
    first = max((step.id for step in asked if step.id <= start), default=start)
    wanted = [step for step in asked if step.id >= first]
    if not wanted or start > session.state.head:
        raise UserError(f"No message of yours stands at or after step {start}.", "`memgpt show messages` lists them.")
    ends = [step.id for step in wanted[1:]] + [session.state.head + 1]
    return [
        Asked(step.id, step.at, step.text("text"), _answer(steps, step.id, end))
        for step, end in zip(wanted, ends, strict=True)
    ]


def _answer(steps: Sequence[Step], start: int, end: int) -> str:
    said = {step.id: step.text("said") for step in steps if step.kind == "reply" and start < step.id < end}
    for step in steps:
        if step.kind == "rewrite" and step.body["of"] in said:
            said[step.body["of"]] = step.text("text")
    return "\n\n".join(text for text in said.values() if text)


async def _changed(fresh: Session, given: Mapping[str, Any]) -> None:
    """Makes the fork what is to be tried."""
    settings = {name: given[name] for name in CHANGES if given.get(name) is not None}
    if settings:
        await change_settings(fresh, settings)
    for label, text in given.get("edits") or ():
        await edit_block(fresh, label, text)
    for key in given.get("without") or ():
        await _without(fresh, key)


async def _without(fresh: Session, key: str) -> None:
    """Takes a passage or a message out of all that the fork can see."""
    state = fresh.state
    held = await fresh.journal.read(lambda connection: lookups.with_key(connection, state.path, key))
    shown = [(doc, kind) for doc, _, kind in held if doc not in state.hidden]
    if not shown:
        raise UserError(f"Nothing has the id {key!r} at that step.", "A search gives the ids.")
    said = {step for _, step, kind in held if kind == "recall"}
    gone = [item.id for group in groups(state.queue) if any(item.step in said for item in group) for item in group]
    kinds = [kind for _, kind in shown]
    body = {
        "key": key, "docs": [doc for doc, _ in shown], "items": gone,
        "recall": kinds.count("recall"), "archival": kinds.count("archival"),
    }  # fmt: skip
    await fresh.journal.append(Draft("without", body))


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
        fresh.withdraw(caller.front_end)
        raise
    return "\n\n".join(said), trouble
