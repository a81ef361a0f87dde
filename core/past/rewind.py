"""Going back: pop, retry, restore, undo and redo, rethink and rewrite. Nothing is deleted; the head moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.context.queue import groups
from core.context.wording import REWORDED, as_reworded, reworded
from core.messages import MAIN_CONVERSATION, Item, State, Step, Text
from core.past import editing
from core.past.moving import announce, move_head
from core.session import Session
from core.store import lookups
from core.store.journal import Draft
from core.turn.rerender import rendered
from memgpt.home import UserError

MEMORY_KINDS = ("return", "edit", "undo", "redo")


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
            return await reverse(session, "undo", step, "before")
    raise UserError("There is no change of memory to undo.", "Memory stands as it began.")


async def redo(session: Session) -> Step:
    """Takes the newest undo back, until a new change is made.

    Raises:
        UserError: nothing is undone.
    """
    changes, undone = await _changes(session)
    newest = changes[-1].id if changes else 0
    since = [step for step in changes if undone.get(step.id, 0) > newest]
    if not since:
        raise UserError("There is nothing to redo.", "A change of memory ends what can be redone.")
    return await reverse(session, "redo", max(since, key=lambda step: undone[step.id]), "after")


async def _changes(session: Session) -> tuple[list[Step], dict[int, int]]:
    """Changes of memory on the path, and those of them that are undone with the step that did it."""
    steps = await session.journal.steps(kinds=MEMORY_KINDS)
    changes = [
        step
        for step in steps
        if step.kind in ("return", "edit") and not {"label", "passage", "unpassage"}.isdisjoint(step.body)
    ]
    undone: dict[int, int] = {}
    for step in steps:
        if step.kind == "undo":
            undone[step.body["of"]] = step.id
        elif step.kind == "redo":
            undone.pop(step.body["of"], None)
    return changes, undone


async def reverse(session: Session, kind: str, change: Step, to: str) -> Step:
    """Appends the step that cancels a change of memory (`undo`), or makes it again (`redo`)."""
    body: dict[str, Any] = {"of": change.id}
    texts: dict[str, Text] = {}
    items: tuple[Item, ...] = ()
    if "label" in change.body:
        label = change.body["label"]
        items = await editing.told(session, session.state.blocks[label], change.text(to))
        block = session.state.blocks[label]
        body["label"] = label
        texts = {"before": Text(block.text_id, block.text), "after": change.texts[to]}
    for name, other in (("passage", "unpassage"), ("unpassage", "passage")):
        if name in change.body:
            body[other if kind == "undo" else name] = change.body[name]
    (step,) = await session.journal.append(Draft(kind, body, texts, items))
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
    await reword(session, kind, text, step.id)


async def reword(session: Session, kind: str, text: str, reply: int) -> None:
    """Puts other words in the place of those of that reply; the old ones stay in the journal.

    Raises:
        UserError: it is not in main context any more.
    """
    check_held(session.state, reply)
    agent = await session.agent()
    step = as_reworded(await session.journal.steps(after=reply - 1, kinds=("reply", *REWORDED)))[0]
    item = await rendered(agent.manager, await agent.fixed(), reworded(step, kind, Text(0, text)))
    draft = await _reworded(session, step, kind, text, replace(item, step=step.id))
    steps = await session.journal.append(draft)
    await announce(session, steps)


def check_held(state: State, reply: int) -> None:
    """
    Raises:
        UserError: that reply is not in main context any more.
    """
    if reply not in {item.step for item in state.queue}:
        raise UserError("That answer has left main context.", "Only what the model still reads can be replaced.")


async def _reworded(session: Session, old: Step, kind: str, text: str, item: Item) -> Draft:
    """The new words are searchable under the old message's id; as long as this step is on the path the old ones are not."""
    from core.memory.documents import Document, insert

    role, prefix = ("inner_monologue", "t") if kind == "rethink" else ("assistant", "m")
    first, key, state = session.journal.reserve_docs(1), f"{prefix}{old.id}", session.state
    hidden = await session.journal.read(lambda connection: lookups.with_role(connection, state.path, key, role))

    def effect(connection: Any, step: Step) -> None:
        document = Document(key, "recall", role, "", "", MAIN_CONVERSATION, old.id, old.at, text)
        insert(connection, [document], step.id, step.branch, first, 0, [step.texts["text"].id])

    return Draft(kind, {"of": old.id, "hides": hidden}, {"text": text}, (item,), effect)
