"""Going back: pop, retry, restore, undo and redo, rethink and rewrite. Nothing is deleted; the head moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.context.queue import groups
from core.llm.types import Call
from core.messages import OPEN_END, Step, Text
from core.session import Session
from core.store.journal import Draft
from memgpt.home import UserError

MEMORY_KINDS = ("return", "edit", "undo", "redo")
CARRIED_KINDS = ("settings", "attach", "detach", "import", "edit")


async def pop(session: Session, count: int) -> int:
    """Undoes the last `count` messages of main context, with what they did to memory; gives how many it took.

    One more is taken where a call would be parted from its return.

    Raises:
        UserError: there are not so many.
    """
    queue = [item for item in session.state.queue if item.kind != "summary"]
    if not queue:
        raise UserError("There is nothing to take back.", "Main context holds no messages.")
    taken = 0
    first = queue[-1].step
    for piece in reversed(groups(queue)):
        if taken >= count:
            break
        taken += len(piece)
        first = piece[0].step
    await move_head(session, await _step_before(session, first), "pop", taken)
    return taken


async def last_question(session: Session) -> Step:
    """The last message of the user on the path.

    Raises:
        UserError: there is none.
    """
    steps = await session.journal.steps(kinds=("user",), limit=1)
    if not steps:
        raise UserError("There is no answer to take back.", "Send a message first.")
    return steps[0]


async def move_head(session: Session, target: int, why: str, removed: int, drop: bool = False) -> None:
    """Goes on from an earlier step. What is no answer comes along: settings, sources, imports, the user's own edits.

    With `drop` it does not, as `/restore` has it after asking.
    """
    past = await session.journal.state_at(target)
    left = await carried_steps(session, target)
    present = past if drop else session.state
    imports = [] if drop else [step for step in left if step.kind == "import"]
    edits = {} if drop else {step.body["label"]: step for step in left if step.kind == "edit" and "label" in step.body}
    texts: dict[str, Text] = {label: step.texts["after"] for label, step in edits.items()}
    carried = {
        "settings": present.settings,
        "sources": list(present.sources),
        "passages": dict(present.passages),
        "imports": [[step.body["branch"], OPEN_END] for step in imports],
        "recall": sum(step.body["count"] for step in imports),
        "blocks": sorted(edits),
        "branches": session.state.branches,
    }
    body = {"to": target, "why": why, "removed": removed, "carried": carried}
    steps = await session.journal.append(Draft("head", body, texts), parent=past)
    await announce(session, steps)


async def carried_steps(session: Session, target: int) -> list[Step]:
    """Steps after the target that are not answers: moving the head carries them over, or leaves them on purpose."""
    return await session.journal.steps(after=target, kinds=CARRIED_KINDS)


async def _step_before(session: Session, step: int) -> int:
    """The last step before that one which belongs to no model call."""
    before = await session.journal.steps(before=step, limit=1)
    if not before:
        raise UserError("There is nothing before that.", "Start a new agent with /new.")
    return before[0].id


async def undo(session: Session) -> Step:
    """Cancels the newest change of memory that is not cancelled yet.

    Raises:
        UserError: there is none.
    """
    changes, undone = await _changes(session)
    for step in reversed(changes):
        if step.id not in undone:
            return await _reverse(session, "undo", step, "before")
    raise UserError("There is no change of memory to undo.", "Memory stands as it began.")


async def redo(session: Session) -> Step:
    """Takes the newest undo back, until a new change is made.

    Raises:
        UserError: nothing is undone.
    """
    changes, undone = await _changes(session)
    open_ones = [step for step in changes if step.id in undone]
    newest = changes[-1].id if changes else 0
    if not open_ones or any(undone[step.id] < newest for step in open_ones):
        raise UserError("There is nothing to redo.", "A change of memory ends what can be redone.")
    return await _reverse(session, "redo", min(open_ones, key=lambda step: -undone[step.id]), "after")


async def _changes(session: Session) -> tuple[list[Step], dict[int, int]]:
    """Changes of memory on the path, and those of them that are undone with the step that did it."""
    steps = await session.journal.steps(kinds=MEMORY_KINDS)
    changes = [
        step for step in steps if step.kind in ("return", "edit") and ("label" in step.body or "passage" in step.body)
    ]
    undone: dict[int, int] = {}
    for step in steps:
        if step.kind == "undo":
            undone[step.body["of"]] = step.id
        elif step.kind == "redo":
            undone.pop(step.body["of"], None)
    return changes, undone


async def _reverse(session: Session, kind: str, change: Step, to: str) -> Step:
    body: dict[str, Any] = {"of": change.id}
    texts: dict[str, Text] = {}
    if "label" in change.body:
        label = change.body["label"]
        block = session.state.blocks[label]
        body["label"] = label
        texts = {"before": Text(block.text_id, block.text), "after": change.texts[to]}
    if "passage" in change.body:
        body["unpassage" if kind == "undo" else "passage"] = change.body["passage"]
    (step,) = await session.journal.append(Draft(kind, body, texts))
    await announce(session, [step])
    return step


async def replace_reply(session: Session, kind: str, text: str) -> None:
    """Puts other words in the place of the last inner monologue (`rethink`) or the last answer (`rewrite`).

    Raises:
        UserError: there is no reply to change.
    """
    wanted = "thought" if kind == "rethink" else "said"
    held = {item.step for item in session.state.queue}
    steps = await session.journal.steps(kinds=("reply",), limit=50)
    step = next((step for step in reversed(steps) if step.id in held and wanted in step.texts), None)
    if step is None:
        what = "inner monologue" if kind == "rethink" else "answer"
        raise UserError(f"There is no {what} to replace.", "Send a message first.")
    agent = await session.agent()
    present = {"rethink": step.text("thought"), "rewrite": step.text("said")}
    for change in await session.journal.steps(after=step.id, kinds=tuple(present)):
        if change.body["of"] == step.id:
            present[change.kind] = change.text("text")
    present[kind] = text
    thought, said = present["rethink"], present["rewrite"]
    calls = [_with_message(Call(**call), said) for call in step.body["calls"]]
    item = await agent.renderer.reply(thought, said if not calls else "", calls, {})
    draft = Draft(
        kind, {"of": step.id}, {"text": text}, (_placed(item, step.id),), _reworded(session, step, kind, text)
    )
    steps = await session.journal.append(draft)
    session.corpus.removed()
    await announce(session, steps)


def _placed(item: Any, step: int) -> Any:
    from dataclasses import replace

    return replace(item, step=step)


def _with_message(call: Call, said: str) -> Call:
    return Call(call.call_id, call.name, {**call.arguments, "message": said}) if call.name == "send_message" else call


def _reworded(session: Session, old: Step, kind: str, text: str) -> Any:
    """The new words are searchable under the old message's id; the old ones no longer are."""
    from core.memory.documents import Document, insert

    role, prefix = ("inner_monologue", "t") if kind == "rethink" else ("assistant", "m")
    first = session.journal.reserve_docs(1)

    def effect(connection: Any, step: Step) -> None:
        key = f"{prefix}{old.id}"
        row = connection.execute("SELECT id FROM doc WHERE key = ? AND role = ?", [key, role]).fetchall()
        gone = ",".join(str(entry[0]) for entry in row) or "-1"
        for table in ("posting", "posting_tail", "vector"):
            connection.execute(f"DELETE FROM {table} WHERE doc IN ({gone})")
        connection.execute(f"UPDATE doc SET kind = 'rewritten' WHERE id IN ({gone})")
        document = Document(key, "recall", role, "", "", "main", old.id, old.at, text)
        insert(connection, [document], step.id, step.branch, first, 0, [step.texts["text"].id])

    return effect


async def announce(session: Session, steps: Sequence[Step]) -> None:
    """Tells the screens what was done to the journal outside of a turn, and how main context stands now."""
    from core.transcript import events_of

    for step in steps:
        for event in events_of(step):
            session.tell(event)
    session.corpus.added()
    await session.tell_context()
