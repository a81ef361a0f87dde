"""The other answers that were given at a place of the conversation, and stepping between them.

`/retry`, `/pop`, `/rewrite` and going back leave what they replace on branches of the journal. A *place* is a message with
all that went on from it; what stands between messages (moves of the head, settings, edits) makes no place of its own.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.messages import Step
from core.past.moving import move_head
from core.past.rewind import check_held, reword
from core.session import Session
from core.store import lookups, rows, tree
from memgpt.events import rfc3339
from memgpt.home import UserError
from memgpt.words import whole

if TYPE_CHECKING:
    import duckdb


MESSAGES = (
    "user", "event", "pressure", "recalled", "call", "overflow", "reply", "return", "evict", "turn_end",
)  # fmt: skip
WORDS = ("user", "event", "reply", "rewrite")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One answer in one wording. `start` is the step that its line of the conversation begins with at this place, `reply`
    the step whose words `wording` are; `text` is the whole answer. `here`: its line is the present path; `worded`: its
    line has the answer in these words."""

    start: int
    reply: int
    step: int
    at: int
    question: str
    wording: str
    text: str
    here: bool
    worded: bool

    @property
    def current(self) -> bool:
        return self.here and self.worded

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step, "at": rfc3339(self.at), "text": self.text, "question": self.question,
            "current": self.current,
        }  # fmt: skip


async def alternatives(session: Session, step: int | None = None) -> list[Alternative]:
    """The answers to the question before that step, in every wording. Where the last thing done was to take messages
    back, and no step is given: what was taken back from here.

    Raises:
        UserError: there is no such message on the path.
    """
    head = session.state.head
    found: list[Alternative] = await session.journal.read(lambda connection: _Tree.of(connection, head).at(step))
    if not found:
        raise UserError("No answer was given here yet.", "Send a message first.")
    return found


async def choose(session: Session, wanted: Alternative) -> None:
    """Goes on from another answer: with what was said after it, where there was something.

    Raises:
        UserError: its words have left main context there. Nothing is changed then.
    """
    tip = session.state.head
    if not wanted.here:
        tip = await session.journal.read(lambda connection: tree.tip(tree.stretches(connection), wanted.start))
    if not wanted.worded:
        check_held(await session.journal.state_at(tip), wanted.reply)
    if not wanted.here:
        await move_head(session, tip, "alternative", 0)
    if not wanted.worded:
        await reword(session, "rewrite", wanted.wording, wanted.reply)


@dataclass(slots=True)
class _Tree:
    """The journal as a tree of messages, and the path to the head in it."""

    connection: duckdb.DuckDBPyConnection
    head: int
    stretches: Sequence[tree.Stretch]
    path: rows.Path
    messages: Sequence[int] = field(default_factory=list)

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, head: int) -> _Tree:
        path = rows.lineage(connection, head) if head else ()
        return cls(connection, head, tree.stretches(connection), path, lookups.steps_of(connection, MESSAGES))

    def at(self, step: int | None) -> list[Alternative]:
        if step is None and not self._just_chosen():
            here = self._place(self.head)
            taken_back = [start for start in self._starts(here) if not self.on_path(start)]
            if found := [each for start in taken_back for each in self._answers(start)]:
                return found
        question = self._question(self.head if step is None else step)
        if question is None:
            return []
        starts = self._starts(self._place(question.parent))
        words = question.text("text")
        return [each for start in starts for each in self._answers(start) if each.question == words]

    def _just_chosen(self) -> bool:
        """Whether the last that was done here was to choose an answer: its others are meant, not what was taken back after
        it."""
        last = rows.steps(self.connection, self.path, 0, None, ("head", "user", "reply"), 1)
        return bool(last) and last[0].kind == "head" and last[0].body["why"] == "alternative"

    def on_path(self, step: int) -> bool:
        branch = tree.holding(self.stretches, step).branch
        return any(branch == known and step <= last for known, last in self.path)

    def _question(self, step: int) -> Step | None:
        """The message of the user that the answer at a step of the path is one to."""
        if not any(stretch.first <= step <= stretch.last for stretch in self.stretches) or not self.on_path(step):
            raise UserError(f"Step {step} is no message of the conversation.", "`memgpt show messages` lists them.")
        found = rows.steps(self.connection, self.path, 0, step + 1, ("user",), 1)
        return found[0] if found else None

    def _place(self, step: int) -> int:
        """The last message at or before a step, along its own path; 0 where there is none."""
        while step:
            stretch = tree.holding(self.stretches, step)
            index = bisect.bisect_right(self.messages, step) - 1
            if index >= 0 and self.messages[index] >= stretch.first:
                return self.messages[index]
            step = stretch.parent
        return 0

    def _starts(self, place: int) -> list[int]:
        """The messages that went on from a place, oldest first."""
        found = set()
        for stretch in self.stretches:
            if stretch.first <= place <= stretch.last:
                found.add(self._first_message(place, stretch.last))
            elif self._place(stretch.parent) == place:
                found.add(self._first_message(stretch.first - 1, stretch.last))
        return sorted(start for start in found if start)

    def _first_message(self, after: int, last: int) -> int:
        index = bisect.bisect_right(self.messages, after)
        found = self.messages[index] if index < len(self.messages) else 0
        return found if found <= last else 0

    def _answers(self, start: int) -> list[Alternative]:
        """What was answered on the line that begins with a message: each wording of its last words; nothing where nobody
        said anything more on it."""
        here = self.on_path(start)
        path = self.path if here else rows.lineage(self.connection, tree.tip(self.stretches, start))
        turn = self._turn(rows.steps(self.connection, path, start - 1, None, WORDS, 1 << 31))
        if not turn:
            return []
        question = turn[0].text("text") if turn[0].kind == "user" else ""
        replies = [step for step in turn if step.kind == "reply" and "said" in step.texts]
        if not replies:
            return [Alternative(start, 0, start, turn[0].at, question, "", "", here, True)]
        last = replies[-1]
        rewritten = [step for step in turn if step.kind == "rewrite" and step.body["of"] == last.id]
        wordings = {last.text("said"): last}
        for step in rewritten:
            wordings.setdefault(step.text("text"), step)
        before, now = [_present(step, turn) for step in replies[:-1]], _present(last, turn)
        return [
            Alternative(
                start, last.id, step.id, step.at, question, words, "\n\n".join([*before, words]), here, words == now
            )
            for words, step in wordings.items()
        ]

    def _turn(self, steps: Sequence[Step]) -> Sequence[Step]:
        """The steps up to the next message of the user."""
        for index, step in enumerate(steps):
            if index and step.kind == "user":
                return steps[:index]
        return steps


def _present(reply: Step, turn: Sequence[Step]) -> str:
    rewritten = [step.text("text") for step in turn if step.kind == "rewrite" and step.body["of"] == reply.id]
    return rewritten[-1] if rewritten else reply.text("said")


def told(found: Sequence[Alternative]) -> str:
    """The answers as numbered lines, the present one marked."""
    return "\n".join(
        f"{'*' if each.current else ' '} {number}  {' '.join(each.text.split())[:160] or '(no answer)'}"
        for number, each in enumerate(found, 1)
    )


def picked(found: Sequence[Alternative], wanted: str) -> Alternative:
    """The answer that a number, `next` or `previous` means.

    Raises:
        UserError: none.
    """
    current = next((index for index, each in enumerate(found) if each.current), -1)
    if wanted in ("next", "previous"):
        step = 1 if wanted == "next" else -1
        return found[(max(current, 0 if step < 0 else -1) + step) % len(found)]
    number = whole(wanted)
    if not 1 <= number <= len(found):
        raise UserError(
            f"There is no answer {wanted!r} here.", f"Give a number from 1 to {len(found)}, next or previous.", status=2
        )
    return found[number - 1]
