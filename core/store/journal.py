"""The journal of one agent: steps appended in transactions, the present beside them, any step's state.

Every change of an agent is one call of `append`: the steps, their texts, items and documents, and the state that
they come to, in one transaction. Nothing is told to anyone before it has returned.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from core.folding import apply
from core.messages import Item, State, Step, Text
from core.store import codec, rows
from core.store.database import Database

if TYPE_CHECKING:
    import duckdb

SNAPSHOT_EVERY = 64  # steps; what moving the head back or looking at the past has to fold again at most


@dataclass(slots=True)
class Draft:
    """A step that is about to be journalled. Texts are given as strings, or as a `Text` that is stored already.

    `items` are (kind, tokens, recalled, sent); `effect` runs in the same transaction (documents are put in there).
    """

    kind: str
    body: dict[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str | Text] = field(default_factory=dict)
    items: Sequence[Item] = ()
    effect: Callable[[duckdb.DuckDBPyConnection, Step], None] | None = None


Drafted = Draft | Callable[[State], Draft]


@dataclass(frozen=True, slots=True)
class OpenReply:
    """The part of a streaming answer that was committed before it could end."""

    call: int
    said: str
    thought: str


class Journal:
    """The steps of one agent's file, and the state at its head."""

    def __init__(self, database: Database, state: State, counters: rows.Counters) -> None:
        self.database = database
        self.state = state
        self._counters = counters
        self._since_snapshot = 0
        self._open = True  # whether a part of an answer may be kept; a crash may have left one
        self._appending = asyncio.Lock()

    @classmethod
    async def open(cls, database: Database) -> Journal:
        state, counters = await database.read(lambda connection: (rows.present(connection), rows.counters(connection)))
        return cls(database, state, counters)

    @property
    def next_doc(self) -> int:
        return self._counters.doc

    @property
    def next_step(self) -> int:
        """The id that the next step will have, if nobody else comes first."""
        return self._counters.step + 1

    def reserve_docs(self, count: int) -> int:
        """The first of `count` document ids that nobody else will be given."""
        first = self._counters.doc
        self._counters.doc += count
        return first

    def reserve_texts(self, count: int) -> int:
        first = self._counters.text
        self._counters.text += count
        return first

    async def append(self, *drafts: Drafted, parent: State | None = None, at: int | None = None) -> list[Step]:
        """Commits the drafts as the next steps, in order, and moves the state along them. One that depends on what the
        drafts before it come to is given as a function of that state.

        `parent` is the state to go on from where that is not the head: the steps then begin a branch of their own.
        Step ids are not used again when the transaction fails. A caller that is cancelled meanwhile does not part
        the state from what was committed: the append runs to its end.
        """
        return await asyncio.shield(asyncio.ensure_future(self._append(drafts, parent, at or now())))

    async def _append(self, drafts: Sequence[Drafted], parent: State | None, moment: int) -> list[Step]:
        async with self._appending:
            return await self._append_alone(drafts, parent, moment)

    async def _append_alone(self, given: Sequence[Drafted], parent: State | None, moment: int) -> list[Step]:
        base = parent or self.state
        branch = base.branch if parent is None else self.state.branches
        drafts: list[Draft] = []
        steps, state = [], base
        for drafted in given:
            draft = drafted(state) if callable(drafted) else drafted
            step = self._step(draft, state.head, branch, moment)
            state = apply(state, step)
            drafts.append(draft)
            steps.append(step)
        await self._commit(steps, drafts, state)
        self.state = state
        return steps

    def _step(self, draft: Draft, parent: int, branch: int, at: int) -> Step:
        self._counters.step += 1
        step = self._counters.step
        texts = {name: self._text(value) for name, value in draft.texts.items()}
        items = tuple(replace(item, id=self._next_item(), step=item.step or step) for item in draft.items)
        return Step(step, parent, branch, draft.kind, at, draft.body, texts, items)

    def _text(self, value: str | Text) -> Text:
        return value if isinstance(value, Text) else Text(self.reserve_texts(1), value)

    def _next_item(self) -> int:
        self._counters.item += 1
        return self._counters.item

    async def _commit(self, steps: Sequence[Step], drafts: Sequence[Draft], state: State) -> None:
        self._since_snapshot += len(steps)
        snapshot = self._since_snapshot >= SNAPSHOT_EVERY
        if snapshot:
            self._since_snapshot = 0
        encoded = codec.encode_state(state)
        closes = self._open and any(step.kind in ("reply", "turn_end") for step in steps)
        fresh = [
            (step.texts[name], step.id)
            for step, draft in zip(steps, drafts, strict=True)
            for name, value in draft.texts.items()
            if isinstance(value, str)
        ]

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            rows.insert_steps(connection, steps)
            rows.insert_texts(connection, fresh)
            rows.insert_items(connection, [item for step in steps for item in step.items])
            for step, draft in zip(steps, drafts, strict=True):
                if draft.effect:
                    draft.effect(connection, step)
            rows.put_present(connection, state.head, encoded, snapshot)
            if closes:
                connection.execute("DELETE FROM open_reply")

        await self.database.write(work)
        self._open = self._open and not closes

    async def keep_open(self, call: int, said: str, thought: str) -> None:
        """Commits what has arrived of an answer so far; it goes when the reply itself is committed."""

        def work(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("DELETE FROM open_reply")
            connection.execute("INSERT INTO open_reply VALUES (?, ?, ?, ?)", [call, said, thought, now()])

        self._open = True
        await self.database.write(work)

    async def open_reply(self) -> OpenReply | None:
        found = await self.database.read(
            lambda connection: connection.execute("SELECT call, said, thought FROM open_reply").fetchone()
        )
        return OpenReply(*found) if found else None

    async def state_at(self, step: int) -> State:
        """The state just after that step, on the path that leads to it.

        Raises:
            KeyError: there is no such step.
        """
        return await self.database.read(lambda connection: rows.state_at(connection, step))

    async def folded(self) -> State:
        """The state at the head, folded from the very first step: what `state` must equal."""
        return await self.database.read(lambda connection: rows.state_at(connection, self.state.head, snapshots=False))

    async def steps(
        self, *, before: int | None = None, after: int = 0, kinds: Sequence[str] = (), limit: int = 1 << 31
    ) -> list[Step]:
        """Steps on the present path, oldest first: the last `limit` of those after one step and before another."""
        path = self.state.path
        return await self.database.read(
            lambda connection: rows.steps(connection, path, after, before, tuple(kinds), limit)
        )

    async def read(self, work: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
        return await self.database.read(work)


def now() -> int:
    """UTC microseconds since 1970."""
    return time.time_ns() // 1000


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
