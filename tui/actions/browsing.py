"""What the memory browser asks of the engine, and what it keeps: places, hits, what is selected, what can be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from memgpt.home import UserError

PAGE = 60
EVERYWHERE = "all agents"
OF_EACH = 12  # hits of each agent, where all of them are looked through


class Asks(Protocol):
    """The engine as the browser has it: one agent, and questions."""

    agent: str

    async def ask(self, op: str, **params: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where is looked: recall, or of archival memory the agent's own passages or one source."""

    kind: str
    source: str = ""

    @property
    def name(self) -> str:
        return self.source or self.kind

    @property
    def is_everywhere(self) -> bool:
        """Whether it is the recall storage of every agent."""
        return self.kind == EVERYWHERE

    @property
    def is_source(self) -> bool:
        return self.kind == "archival" and self.source != "archival"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result; `rank` is its place in the answer, from 1, and the others its ranks by words and by vector alone."""

    id: str
    text: str
    created_at: str
    role: str
    where: str
    score: float = 0.0
    rank: int = 0
    words: int | None = None
    meaning: int | None = None
    mode: str = ""
    tags: tuple[str, ...] = ()
    agent: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any], rank: int = 0, mode: str = "", agent: str = "") -> Hit:
        place = ", ".join(str(row[name]) for name in ("file", "place") if row.get(name))
        return cls(
            row["id"], row["text"], row["created_at"], row["role"], place or str(row["source"]), float(row["score"]), rank,
            row.get("text_rank"), row.get("vector_rank"), mode, tuple(row.get("tags", ())), agent,
        )  # fmt: skip

    @property
    def why(self) -> str:
        """Why it was found, in words."""
        if not self.mode:
            return "the newest first"
        words = f"words {self.words}" if self.words else "no word of it"
        meaning = (
            f"meaning {self.meaning}"
            if self.meaning
            else "meaning not asked yet"
            if self.mode == "text"
            else "no vector"
        )
        return f"{words} · {meaning} · together {self.rank}, score {self.score:.1f}"


@dataclass(slots=True)
class Kept:
    """What is selected, by id, whatever was looked for since; and the steps of what was done here, newest last."""

    selected: dict[str, Hit] = field(default_factory=dict)
    done: list[list[int]] = field(default_factory=list)

    def toggle(self, hit: Hit) -> None:
        if self.selected.pop(hit.id, None) is None:
            self.selected[hit.id] = hit

    def toggle_all(self, hits: Sequence[Hit]) -> None:
        """Selects these too; where all of them are selected already, nothing is any more."""
        if all(hit.id in self.selected for hit in hits):
            self.selected.clear()
        else:
            self.selected |= {hit.id: hit for hit in hits}

    def refresh(self, hits: Sequence[Hit]) -> None:
        """What is selected as it was found now: its words may have changed."""
        self.selected |= {hit.id: hit for hit in hits if hit.id in self.selected}


@dataclass(frozen=True, slots=True)
class Searcher:
    """Asks. (UserError where the engine says what is wrong.)"""

    engine: Asks

    async def find(self, place: Place, query: str, mode: str, page: int = 0) -> tuple[list[Hit], int, str]:
        """The best hits, how many there are in all, and what has to be said of them; without a query the newest."""
        if place.is_everywhere:
            return await self._everywhere(query)
        given: dict[str, Any] = {"agent": self.engine.agent, "kind": place.kind, "limit": PAGE, "page": page}
        if query:
            sources = [place.source] if place.source else []
            answer = await self.engine.ask("search", query=query, mode=mode, explain=True, sources=sources, **given)
        else:
            answer = await self.engine.ask("newest", source=place.source, **given)
        shown = mode if query else ""
        hits = [Hit.of(row, rank, shown) for rank, row in enumerate(answer["results"], 1 + page * PAGE)]
        note = answer["note"] or ("by words, meaning follows" if shown == "text" else "")
        return hits, int(answer["total"]), note

    async def _everywhere(self, query: str) -> tuple[list[Hit], int, str]:
        """The best of each agent by words, in turn: scores of different memories do not compare, their order does.
        Without a query the newest of all."""
        found, total = [], 0
        for row in await self.engine.ask("agents"):
            given: dict[str, Any] = {"agent": row["name"], "kind": "recall", "limit": OF_EACH, "page": 0}
            try:
                answer = await (
                    self.engine.ask("search", query=query, mode="text", explain=True, sources=[], **given)
                    if query
                    else self.engine.ask("newest", source="", **given)
                )
            except UserError:  # one that cannot be opened is named by the list of agents
                continue
            total += int(answer["total"])
            mode = "text" if query else ""
            found += [Hit.of(hit, rank, mode, row["name"]) for rank, hit in enumerate(answer["results"], 1)]
        found.sort(key=lambda hit: hit.created_at, reverse=True)
        if query:
            found.sort(key=lambda hit: hit.rank)
        return found, total, "by words" if query else ""

    async def neighbours(self, place: Place, hit: Hit) -> list[dict[str, Any]]:
        rows = await self.engine.ask(
            "neighbours",
            agent=hit.agent or self.engine.agent,
            kind="recall" if place.is_everywhere else place.kind,
            source=place.source,
            key=hit.id,
        )
        return list(rows)

    async def change(self, action: str, ids: Sequence[str], texts: Sequence[str] = ()) -> list[int]:
        """Changes all of them, each with its text, or none; the steps that did it."""
        given = {"agent": self.engine.agent, "action": action, "ids": list(ids), "texts": list(texts)}
        return list((await self.engine.ask("change_passages", **given))["steps"])
