"""External context of one agent: what is put into recall and archival storage, and how it is paged back in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from core.context.instructions import moment, stamp
from core.context.queue import clipped
from core.context.render import Renderer
from core.functions.executor import FunctionFailed, Page
from core.llm.grounding import answered_by, asks
from core.memory import documents
from core.memory.search import Answer, Corpus, Hit, Path, Query, by_date, find
from core.messages import MAIN_CONVERSATION, Step
from core.store.journal import Draft, Journal, now

if TYPE_CHECKING:
    import duckdb

CHARACTERS_A_TOKEN = 4
RECALLED_HITS = 4
RECALLED_SHARE = 8  # of what the reply leaves
REPEATED_HITS = 1  # with more, a model of 135 M parameters mixes them up
LOOKED_AT = 16  # hits, for those among them that are worth it
RECALL_WAIT_S = 1.0
Sources = Callable[[Sequence[str]], Sequence[Corpus]]


@dataclass(slots=True)
class ExternalContext:
    """Recall and archival storage of one agent, with the sources that are attached to it."""

    journal: Journal
    corpus: Corpus
    sources: Sources
    zone: tzinfo | None
    page_size: int
    result_tokens: int

    # --- in ---------------------------------------------------------------------------------------------------

    def document(
        self, kind: str, role: str, text_name: str, text: str
    ) -> Callable[[duckdb.DuckDBPyConnection, Step], None]:
        """What makes one text of a step searchable, in the step's own transaction."""
        first = self.journal.reserve_docs(1)
        prefix = "t" if role == "inner_monologue" else "m"

        def effect(connection: duckdb.DuckDBPyConnection, step: Step) -> None:
            document = documents.Document(
                f"{prefix}{step.id}", kind, role, "", "", MAIN_CONVERSATION, step.id, step.at, text
            )
            stored = step.texts[text_name].id
            documents.insert(connection, [document], step.id, step.branch, first, 0, [stored])

        return effect

    def added(self) -> None:
        """Told after a commit that put documents in: they are embedded in the background."""
        self.corpus.added()

    # --- out --------------------------------------------------------------------------------------------------

    async def find(self, query: Query) -> Answer:
        """The agent's own search, along its present path, in its sources too where it is archival."""
        state = self.journal.state
        own = (self.corpus, Path(state.path, state.hidden))
        attached = self.sources(state.sources) if query.kind == "archival" else ()
        return await find([own, *((corpus, Path(())) for corpus in attached)], query)

    async def search(self, kind: str, query: str, page: int, **filters: Any) -> Page:
        """One page of results for a function of the model."""
        if not query.strip():
            raise FunctionFailed("query is empty: say what to look for.")
        asked = Query(query, kind, limit=self.page_size, offset=page * self.page_size, **filters)
        return self._page(await self.find(asked), query)

    async def by_date(self, start: str, end: str, page: int) -> Page:
        since, until = self._days(start, end)
        state = self.journal.state
        offset = page * self.page_size
        found = await by_date(
            self.corpus, "recall", since, until, Path(state.path, state.hidden), self.page_size, offset
        )
        return self._page(found, "")

    async def page_in(self, text: str, found: Sequence[Hit], renderer: Renderer, room: int, most: int) -> Draft | None:
        """What puts the best of those hits into the newest message's event; None where there are none.

        No more than an eighth of the room goes to them, and never so much that the event comes to more than `most`
        tokens.
        """
        state = self.journal.state
        hits = self._worth_reading(found) if renderer.searches else self._worth_repeating(text, found)
        if not hits or not state.queue:
            return None
        pages = self._pages(hits, text, room // RECALLED_SHARE // RECALLED_HITS)
        item = await renderer.with_pages(state.queue[-1], pages)
        while item.tokens > most and pages:
            hits, pages = hits[1:], pages[1:]
            item = await renderer.with_pages(state.queue[-1], pages)
        if not pages:
            return None
        counts = await renderer.counter.count([page["text"] for page in pages])
        listed = [
            {
                "id": hit.key,
                "source": hit.source or ("recall" if hit.role != "passage" else "archival"),
                "tokens": tokens,
            }
            for hit, tokens in zip(hits, counts, strict=True)
        ]
        return Draft("recalled", {"pages": listed, "tokens": item.recalled}, items=(item,))

    async def relevant(self, text: str, searches: bool) -> list[Hit]:
        """The hits of recall and archival together, best first, for a model that searches by itself or one that does
        not, to which only what the user said is of use."""
        roles = () if searches else ("user",)
        said, passages = await asyncio.gather(
            self.find(Query(text, "recall", limit=LOOKED_AT, roles=roles, wait_s=RECALL_WAIT_S)),
            self.find(Query(text, "archival", limit=RECALLED_HITS, wait_s=RECALL_WAIT_S)),
        )
        return sorted((*said.hits, *passages.hits), key=lambda hit: -hit.score)

    def _worth_reading(self, hits: Sequence[Hit]) -> list[Hit]:
        """The best hits that main context does not hold, the best last, next to the words that they are for."""
        held = {f"m{item.step}" for item in self.journal.state.queue}
        return _best(hits, lambda hit: hit.key not in held, RECALLED_HITS)[::-1]

    def _worth_repeating(self, text: str, hits: Sequence[Hit]) -> list[Hit]:
        """For models that make little use of what stands even one message back: of what the user told, what answers
        the question best, the newest of equals, also where main context holds it."""
        if not asks(text):
            return []
        newest = f"m{self.journal.state.queue[-1].step}"
        told = [(answered_by(text, hit.text), hit.at, hit) for hit in hits if hit.key != newest]
        best = sorted((entry for entry in told if entry[0]), key=lambda entry: entry[:2], reverse=True)
        return [hit for _, _, hit in best[:REPEATED_HITS]]

    def _page(self, answer: Answer, query: str) -> Page:
        each = max(60, self.result_tokens // self.page_size)
        return Page(tuple(self._pages(answer.hits, query, each)), answer.total, answer.note)

    def _pages(self, hits: Sequence[Hit], query: str, tokens: int) -> list[dict[str, str]]:
        return [self._shown(hit, query, tokens) for hit in hits]

    def _shown(self, hit: Hit, query: str, tokens: int) -> dict[str, str]:
        origin = (
            {"role": hit.name or hit.role}
            if not hit.source and hit.role != "passage"
            else {"source": hit.source or "archival"}
        )
        text = excerpt(hit.text, query, tokens * CHARACTERS_A_TOKEN)
        return {
            "id": hit.key,
            "created_at": stamp(hit.at, self.zone),
            "ago": ago(hit.at, now()),
            **origin,
            **({"place": place} if (place := where(hit)) else {}),
            "text": text,
        }

    def _days(self, start: str, end: str) -> tuple[int, int]:
        """The microseconds of two days in the user's zone, both included; the second is the first one after them."""
        first, last = (self._day(value) for value in (start, end))
        if last < first:
            raise FunctionFailed(f"end_date {end} is before start_date {start}.")
        return _midnight(first, self.zone), _midnight(last + timedelta(days=1), self.zone)

    def _day(self, value: str) -> datetime:
        try:
            return datetime.strptime(value.strip(), "%Y-%m-%d")
        except ValueError:
            raise FunctionFailed(f"{value!r} is not a date; write it as YYYY-MM-DD.") from None


def _best(hits: Sequence[Hit], wanted: Callable[[Hit], bool], count: int) -> list[Hit]:
    """The first of the wanted hits, each text once."""
    return list({hit.text: hit for hit in hits if wanted(hit)}.values())[:count]


def _midnight(day: datetime, zone: tzinfo | None) -> int:
    start = datetime.combine(day.date(), time.min)
    aware = start.replace(tzinfo=zone) if zone else start.astimezone()
    return round(aware.astimezone(UTC).timestamp() * 1_000_000)


def ago(at: int, present: int) -> str:
    """How long ago, in the largest unit that fits: `3 days ago`."""
    seconds = max(0, present - at) // 1_000_000
    for unit, size in (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def excerpt(text: str, query: str, characters: int) -> str:
    """The text, or where it is long the part around the query's first word that stands in it."""
    if len(text) <= characters:
        return text
    lowered = text.lower()
    places = [lowered.find(word) for word in query.lower().split() if len(word) > 2]
    found = [place for place in places if place >= 0]
    if not found or min(found) < characters // 2:
        return clipped(text, len(text), characters, "search with other words for the rest")
    start = max(0, min(found) - characters // 3)
    return f"…{text[start : start + characters]}…"


def where(hit: Hit) -> str:
    """Where a hit stands in what was loaded: `report.pdf, page 12`; empty for what comes from no file."""
    return ", ".join(part for part in (hit.file, hit.place) if part)


def day_of(at: int, zone: tzinfo | None) -> str:
    return moment(at, zone).strftime("%Y-%m-%d")


def result_json(hit: Hit) -> Mapping[str, Any]:
    """A hit as outside programs read it."""
    from memgpt.events import rfc3339

    return {
        "id": hit.key,
        "text": hit.text,
        "created_at": rfc3339(hit.at),
        "role": hit.role,
        "source": hit.source or ("archival" if hit.role == "passage" else "recall"),
        "score": round(hit.score, 6),
        **{name: value for name, value in (("file", hit.file), ("place", hit.place)) if value},
    }
