"""Operations of a memory browser: pages without a query, the surroundings of a message, changes to many passages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from core.memory import leafing
from core.memory.answers import hit_of
from core.memory.corpus import Corpus
from core.memory.filters import OWN
from core.memory.scope import Path, Query, Scope
from core.messages import Step
from core.operations.caller import Caller, Parameters, Part
from core.past import passages
from core.past.rewind import reverse
from core.roster import Roster
from core.session import Session
from core.turn.external import result_json
from memgpt.home import UserError, fold

AROUND, PAGE = 12, 50


async def newest(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`newest` (agent, kind, source="", limit, page): what is stored, the newest first, as `search` gives it."""
    session = await roster.session(given["agent"])
    corpus, scope = _place(session, given)
    limit = int(given.get("limit") or PAGE)
    rows, total = await leafing.newest(corpus, scope, limit, limit * int(given.get("page") or 0))
    results = [result_json(hit_of(row, corpus.source, 0.0)) for row in rows]
    yield "result", {"results": results, "total": total, "ms": 0, "embed_ms": 0, "note": ""}


async def neighbours(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`neighbours` (agent, key, kind, source="", count): a message and what was said before and after it."""
    session = await roster.session(given["agent"])
    corpus, scope = _place(session, given)
    rows = await leafing.around(corpus, scope, given["key"], int(given.get("count") or AROUND))
    if not rows:
        raise UserError(f"There is nothing with the id {given['key']!r} any more.", "Search again.")
    yield (
        "result",
        [{**result_json(hit_of(row, corpus.source, 0.0)), "name": row.name, "step": row.step} for row in rows],
    )


async def change_passages(roster: Roster, given: Parameters, caller: Caller) -> AsyncIterator[Part]:
    """`change_passages` (agent, action, ids, texts): `edit`, `tag` or `delete` for each of some passages of the agent's
    own, each with its text, or `undo` for the steps in `ids`; the steps that did it, by which it is undone."""
    session = await roster.session(given["agent"])
    if given["action"] == "undo":
        done = await _taken_back(session, [int(number) for number in given["ids"]])
    else:
        keys = given["ids"]
        texts = given.get("texts") or [""] * len(keys)
        lines = [f"{given['action']} {key} {text}".strip() for key, text in zip(keys, texts, strict=True)]
        planned = [await passages.planned(session, line) for line in lines]  # all of them, or none
        done = [await passages.apply(session, change) for change in planned]
    yield "result", {"steps": [step.id for step in done]}


async def _taken_back(session: Session, numbers: Sequence[int]) -> list[Step]:
    """Reverses those steps, the last first.

    Raises:
        UserError: one of them is undone already, or not there any more.
    """
    found = await session.journal.steps(kinds=("edit", "undo", "redo"))
    undone: set[int] = set()
    for step in found:
        if step.kind != "edit":
            (undone.add if step.kind == "undo" else undone.discard)(step.body["of"])
    changes = {step.id: step for step in found if step.kind == "edit"}
    if any(number in undone or number not in changes for number in numbers):
        raise UserError("That is undone already.", "/undo takes back the newest change of memory.")
    return [await reverse(session, "undo", changes[number], "before") for number in sorted(numbers, reverse=True)]


def _place(session: Session, given: Parameters) -> tuple[Corpus, Scope]:
    """The file that is looked through, and what of it may be seen."""
    kind, source = given["kind"], fold(given.get("source") or "")
    if kind == "archival" and source and source != OWN:
        for corpus in session.sources(session.state):
            if fold(corpus.source) == source:
                return corpus, Scope.of(Query("", "archival"), Path(()))
        raise UserError(f"There is no source {given['source']!r} attached.", "/attach NAME attaches one.")
    return session.corpus, Scope.of(Query("", kind), Path(session.state.path, session.state.hidden))
