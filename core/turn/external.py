"""External context of one agent: what is put into recall and archival storage, and how it is paged back in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from core.context.instructions import moment, stamp
from core.context.queue import clipped
from core.context.render import Renderer
from core.functions.executor import FunctionFailed, Page
from core.llm.grounding import answered_by, asks
from core.memory import documents
from core.memory.answers import hit_of
from core.memory.filters import OWN, Filters
from core.memory.scope import Scope
from core.memory.search import Answer, Corpus, Hit, Path, Query, by_date, find
from core.memory.terms import index, query_terms
from core.messages import MAIN_CONVERSATION, State, Step, on_path
from core.store.journal import Draft, Journal, now
from memgpt.home import fold

if TYPE_CHECKING:
    import duckdb

CHARACTERS_A_TOKEN = 4
RECALLED_HITS = 4
RECALLED_SHARE = 8  # of what the reply leaves
REPEATED_HITS = 1  # with more, a model of 135 M parameters mixes them up
LOOKED_AT = 16  # hits, for those among them that are worth it
RECALL_WAIT_S = 1.0
LONGEST_WORD = 40  # characters that are looked through for a blank to cut at
WORD = re.compile(r"\w+")
SEARCHES_KEPT = 16  # whose further pages are answered as of their first
NO_FILTERS = Filters()
Sources = Callable[[State], Sequence[Corpus]]


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
        self, kind: str, role: str, text_name: str, text: str, tags: Sequence[str] = ()
    ) -> Callable[[duckdb.DuckDBPyConnection, Step], None]:
        """What makes one text of a step searchable, in the step's own transaction."""
        first = self.journal.reserve_docs(1)
        prefix = "t" if role == "inner_monologue" else "m"

        def effect(connection: duckdb.DuckDBPyConnection, step: Step) -> None:
            document = documents.Document(
                f"{prefix}{step.id}",
                kind,
                role,
                "",
                "",
                MAIN_CONVERSATION,
                step.id,
                step.at,
                text,
                tags="\n".join(tags),
            )
            stored = step.texts[text_name].id
            documents.insert(connection, [document], step.id, step.branch, first, 0, [stored])

        return effect

    def added(self) -> None:
        """Told after a commit that put documents in: they are embedded in the background."""
        self.corpus.added()

    # --- out --------------------------------------------------------------------------------------------------

    async def find(self, query: Query) -> Answer:
        """The agent's own search, along its present path, in its sources too where it is archival.

        Raises:
            ValueError: a source is asked for that is not attached.
        """
        corpora = await self._corpora(query)
        answer = await find(corpora, query, self.zone)
        self._keep_embedded(query, corpora, answer.embedded)
        return await self._as_it_reads(answer, query)

    async def _corpora(self, query: Query) -> list[tuple[Corpus, Path]]:
        attached = self.sources(self.journal.state) if query.kind == "archival" else ()
        held = {OWN: self.corpus, **{fold(each.source): each for each in attached if fold(each.source) != OWN}}
        if unknown := [name for name in query.sources if name not in held]:
            raise ValueError(f"There is no source {unknown[0]!r} to search; there are {', '.join(held)}.")
        searched = {name: corpus for name, corpus in held.items() if not query.sources or name in query.sources}
        paths = await self._paths(query, searched)
        return [(corpus, paths[name]) for name, corpus in searched.items() if name in paths]

    async def _paths(self, query: Query, searched: Mapping[str, Corpus]) -> Mapping[str, Path]:
        """What is searched of each corpus. Further pages see it as it was when the first was asked for, so that what
        arrives between them neither moves a result to another page nor changes the total; but not what was gone back
        from since."""
        state = self.journal.state
        key = _first_page(query)
        if query.offset and (first := self.corpus.asked.get(key)) and _leads(first[OWN], state):
            return first
        others = [name for name in searched if name != OWN]
        newest = await asyncio.gather(*(searched[name].last() for name in others))
        of_sources = {name: Path((), last=last) for name, last in zip(others, newest, strict=True)}
        ended = tuple((branch, min(last, state.head)) for branch, last in state.path)
        asked = [*self.corpus.asked.items(), (key, {OWN: Path(ended, state.hidden), **of_sources})]
        self.corpus.asked = dict(asked[-SEARCHES_KEPT:])
        return {OWN: Path(state.path, state.hidden), **of_sources}

    def _keep_embedded(self, query: Query, corpora: Sequence[tuple[Corpus, Path]], embedded: Sequence[int]) -> None:
        """Further pages are ranked by the vectors that there were for the first. Documents are embedded by rising number,
        so that one number tells which these are."""
        first = self.corpus.asked.get(_first_page(query), {})
        for (corpus, path), far in zip(corpora, embedded, strict=True):
            name = fold(corpus.source) if corpus.source else OWN
            if path.embedded is None and name in first:
                first[name] = replace(first[name], embedded=far)

    async def _as_it_reads(self, answer: Answer, query: Query) -> Answer:
        """Results as of the first page, as they read now: without what was deleted since, and what was reworded since in
        its new words."""
        state = self.journal.state
        scope = Scope.of(query, Path(state.path, state.hidden))
        hits = []
        for hit in answer.hits:
            if hit.source or hit.doc not in state.hidden:
                hits.append(hit)
            elif row := await self.corpus.by_key(scope, hit.key):
                hits.append(hit_of(row, "", hit.score, hit.words, hit.nearness))
        return replace(answer, hits=tuple(hits))

    async def search(self, kind: str, query: str, page: int, filters: Filters = NO_FILTERS) -> Page:
        """One page of results for a function of the model."""
        if not query.strip():
            raise FunctionFailed("query is empty: say what to look for.")
        try:
            asked = filters.query(query, kind, self.page_size, page * self.page_size, self.zone)
            return self.page_of(await self.find(asked), query)
        except ValueError as error:
            raise FunctionFailed(str(error)) from None

    async def holds(self, text: str) -> str | None:
        """The id of the agent's own passage with the very same words."""
        scope = Scope.of(Query("", "archival"), Path(self.journal.state.path, self.journal.state.hidden))
        return await self.corpus.same_text(scope, text)

    async def by_date(self, start: str, end: str, page: int) -> Page:
        """Messages of some days or spans, both included, oldest first."""
        if not start.strip() or not end.strip():
            raise FunctionFailed("start_date and end_date each need a day or span, as 2026-05-03 or last month.")
        try:
            asked = Filters(start=start, end=end).query("", "recall", self.page_size, page * self.page_size, self.zone)
        except ValueError as error:
            raise FunctionFailed(str(error)) from None
        assert asked.since is not None and asked.until is not None
        path = (await self._paths(asked, {}))[OWN]
        found = await by_date(self.corpus, "recall", asked.since, asked.until, path, asked.limit, asked.offset)
        return self.page_of(await self._as_it_reads(found, asked), "")

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
            self.find(Query(text, "recall", limit=LOOKED_AT, roles=roles, wait_s=RECALL_WAIT_S, letters=False)),
            self.find(Query(text, "archival", limit=RECALLED_HITS, wait_s=RECALL_WAIT_S, letters=False)),
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

    def page_of(self, answer: Answer, query: str) -> Page:
        """Results as a function of the model is given them."""
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
            **({"tags": ", ".join(hit.tags)} if hit.tags else {}),
            "text": text,
        }


def _first_page(query: Query) -> Query:
    return replace(query, offset=0, explain=False)


def _leads(first: Path, state: State) -> bool:
    """Whether the present goes on from that path."""
    return all(on_path(state, branch, last) for branch, last in first.branches)


def _best(hits: Sequence[Hit], wanted: Callable[[Hit], bool], count: int) -> list[Hit]:
    """The first of the wanted hits, each text once."""
    return list({hit.text: hit for hit in hits if wanted(hit)}.values())[:count]


def ago(at: int, present: int) -> str:
    """How long ago, in the largest unit that fits: `3 days ago`."""
    seconds = max(0, present - at) // 1_000_000
    for unit, size in (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def excerpt(text: str, query: str, characters: int) -> str:
    """The text, or where it is long the part of it in which most of the query's words stand close together."""
    if len(text) <= characters:
        return text
    wanted = {term for entry in query_terms(query) for term in entry.terms}
    places = [(match.start(), terms) for match in WORD.finditer(text) if (terms := index(match.group()).terms & wanted)]
    if not places:
        return clipped(text, len(text), characters, "search with other words for the rest")
    reach = characters * 3 // 4

    def held(start: int) -> int:
        return len(frozenset().union(*(terms for place, terms in places if start <= place < start + reach)))

    best = max((place for place, _ in places), key=held)
    first = max(0, min(best - (characters - reach) // 2, len(text) - characters))
    first = text.find(" ", first, first + LONGEST_WORD) + 1 or first if first else 0
    last = first + characters
    last = text.rfind(" ", last - LONGEST_WORD, last) if last < len(text) else len(text)
    return f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"


def where(hit: Hit) -> str:
    """Where a hit stands in what was loaded: `report.pdf, page 12`; empty for what comes from no file."""
    return ", ".join(part for part in (hit.file, hit.place) if part)


def _origin(hit: Hit) -> dict[str, str]:
    """What is known of the file that a hit comes from."""
    if not hit.file:
        return {}
    known = {"title": hit.title, "file": hit.file, "place": hit.place}
    return {name: value for name, value in known.items() if value}


def day_of(at: int, zone: tzinfo | None) -> str:
    return moment(at, zone).strftime("%Y-%m-%d")


def result_json(hit: Hit, explain: bool = False) -> Mapping[str, Any]:
    """A hit as outside programs read it."""
    from memgpt.events import rfc3339

    return {
        "id": hit.key,
        "text": hit.text,
        "created_at": rfc3339(hit.at),
        "role": hit.role,
        "source": hit.source or ("archival" if hit.role == "passage" else "recall"),
        "score": round(hit.score, 6),
        **({"tags": list(hit.tags)} if hit.tags else {}),
        **({"step": hit.step, "text_rank": hit.words, "vector_rank": hit.nearness} if explain else {}),
        **_origin(hit),
    }
