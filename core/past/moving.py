"""Moving the head of the journal: to an earlier step, or over to another branch. What was left stays where it is.

What is no answer comes along: settings, system instructions, sources, imports, and what the user did to memory with his own
hand. Its name and whether it is put away belong to the agent, wherever its head is. The changes of memory that come along are journalled again on the new branch, by reference, so that `/undo` and the history know them there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.messages import OPEN_END, State, Step, Text, on_path
from core.session import Session
from core.store import lookups, rows, tree
from core.store.journal import Draft, Drafted

if TYPE_CHECKING:
    import duckdb

BY_HAND = ("edit", "undo", "redo")
CARRIED_KINDS = ("settings", "attach", "detach", "import", *BY_HAND)
# Settings that a message is packed by.
PACKAGING = ("model", "model_endpoint", "protocol", "learnt_protocol", "standing_in")
Places = Mapping[int, tuple[int, int]]
"""Where documents lie: branch and step by their number."""


async def move_head(session: Session, target: int, why: str, removed: int, drop: bool = False) -> None:
    """Goes on from another step, with everything that is no answer.

    With `drop` without it, as `/restore` has it after asking.
    """
    past = await session.journal.state_at(target)
    left = [] if drop else await left_steps(session, target, CARRIED_KINDS)
    present = past if drop else session.state
    imports = [step for step in left if step.kind == "import" and not _has_branch(past, step.body["branch"])]
    carried = {
        "name": session.state.name,
        "archived": session.state.archived,
        "settings": present.settings,
        "sources": list(present.sources),
        "passages": dict(present.passages),
        "made": dict(present.made),
        "imports": [[branch, OPEN_END] for branch in dict.fromkeys(step.body["branch"] for step in imports)],
        "recall": sum(step.body["count"] for step in imports),
        "branches": session.state.branches,
    }
    texts = {"instructions": present.instructions} if present.instructions else {}
    head = Draft("head", {"to": target, "why": why, "removed": removed, "carried": carried}, texts)
    drafts = await _by_hand(session, past, [step for step in left if step.kind in BY_HAND])
    steps = await session.journal.append(head, *drafts, parent=past)
    if any(past.settings.get(name) != present.settings.get(name) for name in PACKAGING):
        await session.rerender()
    await announce(session, steps)


def _has_branch(state: State, branch: int) -> bool:
    return any(branch == known for known, _ in state.path)


async def left_steps(session: Session, target: int, kinds: Sequence[str] = ()) -> list[Step]:
    """The steps of the present path that a move to the target leaves: those after the last one that both have.

    Raises:
        KeyError: there is no such step.
    """
    head = session.state.head

    def work(connection: duckdb.DuckDBPyConnection) -> list[Step]:
        here, there = rows.lineage(connection, head), rows.lineage(connection, target)
        return rows.steps(connection, here, tree.parted(here, there), None, kinds, 1 << 31)

    found: list[Step] = await session.journal.read(work)
    return found


# --- what the user did by hand comes along ------------------------------------------------------------------------


async def _by_hand(session: Session, past: State, left: Sequence[Step]) -> list[Drafted]:
    """The drafts that make the user's changes of memory again from an earlier state on."""
    docs = [step.body[name] for step in left for name in ("passage", "unpassage") if name in step.body]
    known = {step.body["carried"] for step in left if "carried" in step.body}
    wanted = known | {step.id for step in left} | {step.body["of"] for step in left if "of" in step.body}

    def work(connection: duckdb.DuckDBPyConnection) -> tuple[Places, list[Step]]:
        path = rows.lineage(connection, past.head)
        return lookups.places(connection, docs), rows.steps(connection, path, 0, None, ("return", *BY_HAND), 1 << 31)

    places, before = await session.journal.read(work) if left else ({}, [])
    here = {step.id: step for step in before if step.id in wanted}
    here |= {step.body["carried"]: step for step in before if step.body.get("carried") in wanted}
    return _Carrying(places, here).drafts(left)


@dataclass(slots=True)
class _Carrying:
    """Changes on their way to another branch. `here` are the steps of that branch by the number of the change that they
    are, its own or the one that it was made from."""

    places: Places
    here: dict[int, Step]
    made: list[int] = field(default_factory=list)

    def drafts(self, left: Sequence[Step]) -> list[Drafted]:
        return [self._draft(step) for step in left if self._comes(step)]

    def _comes(self, step: Step) -> bool:
        """Not what is there already, nor what undoes or makes again an answer that is left."""
        origin = step.body.get("carried", step.id)
        if origin in self.here:
            self.here[step.id] = self.here[origin]
            return False
        if "of" in step.body and not self._is_here(step.body["of"]):
            return False
        self.made += [origin, step.id]
        return True

    def _is_here(self, change: int) -> bool:
        return change in self.here or change in self.made

    def _draft(self, step: Step) -> Callable[[State], Draft]:
        def drafted(state: State) -> Draft:
            draft = Draft(step.kind, self._body(step, state), self._texts(step, state))
            made = Step(state.head + 1, state.head, state.branch, step.kind, step.at, draft.body, _stored(draft.texts))
            self.here[step.body.get("carried", step.id)] = self.here[step.id] = made
            return draft

        return drafted

    def _body(self, step: Step, state: State) -> dict[str, Any]:
        body = {**step.body, "carried": step.body.get("carried", step.id)}
        if "of" in body:
            body["of"] = self.here[body["of"]].id
        gone = body.get("unpassage")
        if gone is not None and not self._visible(state, gone):
            del body["unpassage"]
        if "passage" in body and (self._visible(state, body["passage"]) or not self._took(step)):
            del body["passage"]
        return body

    def _took(self, step: Step) -> bool:
        """Whether the passage that an undo or redo brings back is of a change as it is here: what that took away there may
        be of an answer that is left."""
        if "of" not in step.body:
            return True
        return ("unpassage" if step.kind == "undo" else "passage") in self.here[step.body["of"]].body

    def _visible(self, state: State, doc: int) -> bool:
        return doc in self.places and on_path(state, *self.places[doc]) and doc not in state.hidden

    def _texts(self, step: Step, state: State) -> dict[str, str | Text]:
        texts: dict[str, str | Text] = dict(step.texts)
        if label := step.body.get("label"):
            block = state.blocks[label]
            texts["before"] = Text(block.text_id, block.text)
            if "of" in step.body:
                texts["after"] = self.here[step.body["of"]].texts["before" if step.kind == "undo" else "after"]
        return texts


def _stored(texts: Mapping[str, str | Text]) -> dict[str, Text]:
    """All of them: what is carried was stored before."""
    return {name: text for name, text in texts.items() if isinstance(text, Text)}


# --- and is told --------------------------------------------------------------------------------------------------


async def announce(session: Session, steps: Sequence[Step]) -> None:
    """Tells the screens what was done to the journal outside of a turn, and how main context stands now."""
    from core.transcript import events_of

    for step in steps:
        if "carried" not in step.body or step.kind == "head":
            for event in events_of(step):
                session.tell(event)
    session.corpus.added()
    await session.tell_context()
