"""Why the agent believes something: the steps and the words that made a line of core memory or a passage, and every
answer that it was in context for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from core.messages import Step
from core.past.holding import items_with, queued, writers
from core.store import lookups, rows
from core.transcript import cause_of
from memgpt.events import rfc3339
from memgpt.home import UserError

if TYPE_CHECKING:
    import duckdb

    from core.session import Session

ALIKE = 0.4  # how much of a line must be the same in the one that it took the place of
WORDS_KINDS = ("user", "event", "login", "recalled", "reply", "return")
CHANGES = ("born", "return", "edit", "undo", "redo", "import")


async def why(session: Session, text: str) -> dict[str, Any]:
    """Of what holds that text: an id of a passage or message, a line of core memory, or a passage.

    Raises:
        UserError: nothing does.
    """
    wanted = text.strip()
    if any(wanted.casefold() in block.text.casefold() for block in session.state.blocks.values()):
        return await of_line(session, "", wanted)
    key = await session.journal.read(
        lambda connection: lookups.key_of(connection, session.state.path, session.state.hidden, wanted)
    )
    if key is None:
        hint = "Give words of a line of core memory or of a passage as they stand there, or an id from a search."
        raise UserError(f"Memory holds nothing like {wanted[:80]!r}.", hint)
    return await of_passage(session, key)


async def of_line(session: Session, label: str, line: str) -> dict[str, Any]:
    """Why a line stands in core memory. Part of it is enough; without a label every block is looked through.

    Raises:
        UserError: no block has such a line.
    """
    found = [
        (block.label, known.strip())
        for block in session.state.blocks.values()
        if label in ("", block.label)
        for known in block.text.splitlines()
        if line.strip().casefold() in known.casefold() and known.strip()
    ]
    if not found or not line.strip():
        where = f"Block {label!r}" if label else "Core memory"
        raise UserError(f"{where} has no line {line.strip()[:80]!r}.", "`memgpt show memory` shows them.")
    label, whole = next((pair for pair in found if pair[1] == line.strip()), found[0])

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        path = session.state.path
        changes = [step for step in rows.steps(connection, path, 0, None, CHANGES, 1 << 31) if _of_label(step, label)]
        traced = list(_traced(changes, label, whole))
        made = [_told(connection, path, step, *texts) for step, *texts in traced]
        held = {key for key, body in lookups.parts_holding(connection, whole) if _stands_in(whole, body)}
        calls = _calls(connection, path)
        untold = _before_shown(connection, path, calls, label, [step for step, _, left in traced if left == whole])
        calls = [step for step in calls if step.id in untold or _part(step, label) in held]
        return {"subject": whole, "where": label, "made": made, "answers": _answers(connection, path, calls)}

    result: dict[str, Any] = await session.journal.read(work)
    return result


def _stands_in(line: str, rendered: str) -> bool:
    """Whether a rendered block has that very line; for small models the first one follows a few words of ours."""
    return any(line in (known.strip(), known.partition(": ")[2].strip()) for known in rendered.splitlines())


def _part(call: Step, label: str) -> str:
    """The hash of a block as it was sent."""
    return next((key for section, key in call.body["parts"] if section == f"core_memory.{label}"), "")


def _before_shown(
    connection: duckdb.DuckDBPyConnection, path: rows.Path, calls: Sequence[Step], label: str, made: Iterable[Step]
) -> set[int]:
    """The calls in which only what wrote a line told of it: with `paging.memory_edits = append` the block is sent as it
    was until the next eviction."""
    found = set()
    for reply in writers(connection, path, [step.id for step in made]):
        items = lookups.items_holding(connection, [reply], ())
        found |= {call.id for call in _unchanged(calls, label, reply) if queued(call, items)}
    return found


def _unchanged(calls: Sequence[Step], label: str, reply: int) -> Iterable[Step]:
    """The calls after a reply for as long as a block was sent as it was before it."""
    asked = ""
    for call in calls:
        part = _part(call, label)
        if call.id < reply:
            asked = part
        elif part == asked:
            yield call
        else:
            return


def _of_label(step: Step, label: str) -> bool:
    return label in step.texts if step.kind == "born" else step.body.get("label") == label


def _traced(changes: Sequence[Step], label: str, line: str) -> Iterable[tuple[Step, str, str]]:
    """From the newest change that brought a line back to the first words of it: each step with the line that it found
    there, if any, and the one that it left."""
    wanted = line
    for step in reversed(changes):
        before = step.text("before").splitlines()
        after = (step.text(label) if step.kind == "born" else step.text("after")).splitlines()
        if not _holds(after, wanted) or _holds(before, wanted):
            continue
        gone = [known for known in before if not _holds(after, known)]
        alike = max(gone, key=lambda known: _likeness(known, wanted), default="")
        old = alike if alike and _likeness(alike, wanted) >= ALIKE else ""
        yield step, old.strip(), wanted
        if step.kind in ("undo", "redo"):
            continue  # it brought the same words back: what made them lies further down
        if not old:
            return
        wanted = old.strip()


def _holds(lines: Sequence[str], line: str) -> bool:
    return any(known.strip() == line.strip() for known in lines)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


async def of_passage(session: Session, key: str) -> dict[str, Any]:
    """Why a passage, or a message, is there.

    Raises:
        UserError: there is none with that id.
    """

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        state = session.state
        documents = [_Document(*row) for row in lookups.wordings(connection, state.path, key)]
        if not documents:
            raise UserError(f"There is nothing with the id {key!r}.", "A search gives the ids.")
        made = []
        for number, document in enumerate(documents):
            older = documents[number + 1].text if number + 1 < len(documents) else ""
            found = rows.steps(connection, state.path, document.step - 1, document.step + 1, (), 1)
            if found:
                made.append(_told(connection, state.path, found[0], older, document.text))
        held = items_with(connection, state.path, key, [document.step for document in documents])
        calls = [step for step in _calls(connection, state.path) if queued(step, held)]
        answers = _answers(connection, state.path, calls)
        return {"subject": documents[0].text, "where": documents[0].kind, "made": made, "answers": answers}

    result: dict[str, Any] = await session.journal.read(work)
    return result


@dataclass(frozen=True, slots=True)
class _Document:
    """One wording of a passage or a message, and the step that stored it."""

    kind: str
    step: int
    text: str


def _calls(connection: duckdb.DuckDBPyConnection, path: rows.Path) -> list[Step]:
    return rows.bare_steps(connection, path, 0, None, ("call",), 1 << 31)


def _answers(connection: duckdb.DuckDBPyConnection, path: rows.Path, calls: Sequence[Step]) -> list[dict[str, Any]]:
    """What was said in the answers of those calls, the newest first."""
    if not calls:
        return []
    asked = {step.id for step in calls}
    found = []
    call = 0
    for step in rows.bare_steps(connection, path, calls[0].id - 1, None, ("call", "reply"), 1 << 31):
        if step.kind == "call":
            call = step.id
        elif call in asked:
            found.append(step.id)
            call = 0
    said = rows.steps(connection, path, calls[0].id - 1, None, ("reply", "rewrite"), 1 << 31)
    words = {step.id: step.text("said") for step in said if step.kind == "reply"}
    words |= {step.body["of"]: step.text("text") for step in said if step.kind == "rewrite"}
    at = {step.id: step.at for step in said}
    return [{"step": step, "at": rfc3339(at[step]), "text": words[step]} for step in reversed(found) if words.get(step)]


def _told(
    connection: duckdb.DuckDBPyConnection, path: rows.Path, step: Step, before: str, after: str
) -> dict[str, Any]:
    cause = "new agent" if step.kind == "born" else cause_of(step)
    words = _words(connection, path, step) if step.kind in ("return", "reply", "user") else []
    return {
        "step": step.id, "at": rfc3339(step.at), "cause": cause, "before": before, "after": after, "words": words,
    }  # fmt: skip


def _words(connection: duckdb.DuckDBPyConnection, path: rows.Path, step: Step) -> list[dict[str, Any]]:
    """What the model had before it when it did that: the turn from what began it to the call, searches included."""
    start = rows.bare_steps(connection, path, 0, step.id + 1, ("user", "event"), 8)
    began = [found.id for found in start if found.body.get("turn")]
    turn = rows.steps(connection, path, (began[-1] if began else step.id) - 1, step.id + 1, WORDS_KINDS, 200)
    return [word for found in turn for word in _said(found) if found.id != step.id or step.kind != "return"]


def _said(step: Step) -> Iterable[dict[str, Any]]:
    match step.kind:
        case "user":
            yield _word(step, "m", "user", step.text("text"))
        case "event" | "login":
            if step.body.get("reason"):
                yield _word(step, "m", "event", step.body["reason"])
        case "recalled":
            for page in step.body["pages"]:
                yield {"id": page["id"], "at": rfc3339(step.at), "role": "recalled", "text": f"from {page['source']}"}
        case "reply":
            for name, prefix, role in (("thought", "t", "inner_monologue"), ("said", "m", "assistant")):
                if step.text(name):
                    yield _word(step, prefix, role, step.text(name))
            for call in step.body["calls"]:
                if call["name"] != "send_message":
                    arguments = json.dumps(call["arguments"], ensure_ascii=False)
                    yield _word(step, "m", "function_call", f"{call['name']}({arguments})")
        case "return" if step.body["name"] != "send_message" and "label" not in step.body:
            yield _word(step, "m", "function", step.text("text"))


def _word(step: Step, prefix: str, role: str, text: str) -> dict[str, Any]:
    return {"id": f"{prefix}{step.id}", "at": rfc3339(step.at), "role": role, "text": text}
