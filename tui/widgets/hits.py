"""Results of a search as a list, one of them in full, and the conversation around it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from textual.content import Content
from textual.widgets.option_list import Option

from memgpt.events import microseconds
from tui.actions.browsing import Hit
from tui.text import inert
from tui.widgets.entries import shown_time
from tui.widgets.marked_list import MarkedList

LOOKED_AT = 20_000  # characters of a hit in which its words are looked for
ROOMY = 44  # columns from which ranks are named in words
BEFORE = 3  # the part of a line, one in so many, that stands before the first of them
WORD = re.compile(r"\w+")
ROLES = {"user": "you", "assistant": "agent", "inner_monologue": "thought", "passage": ""}


class HitList(MarkedList):
    """Two lines for each hit: who, when and why, then its words. Movement as in any list, with `j` and `k` too."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id, markup=False)
        self.hits: list[Hit] = []
        self.selected: Collection[str] = ()
        self.query_text = ""

    @property
    def marked(self) -> Hit | None:
        place = self.highlighted
        return self.hits[place] if place is not None and place < len(self.hits) else None

    def show(self, hits: list[Hit], selected: Collection[str], query: str) -> None:
        """Draws the hits; the cursor stays on the one it was on, if that is still there and was chosen by hand."""
        held = self.marked.id if self.marked and self.has_focus else ""
        self.hits, self.selected, self.query_text = hits, selected, query
        place = next((place for place, hit in enumerate(hits) if hit.id == held), 0)
        self._fill(place)

    def redraw(self) -> None:
        """The marks of what is selected, again."""
        self._fill(self.highlighted or 0)

    def on_resize(self) -> None:
        self.redraw()

    def _fill(self, place: int) -> None:
        self.clear_options()
        self.add_options([Option(self._line(hit)) for hit in self.hits])
        self.highlighted = place if self.hits else None

    def _line(self, hit: Hit) -> Content:
        mark = "■ " if hit.id in self.selected else "  "
        said = ROLES.get(hit.role, hit.role) or hit.where
        words, meaning = ("words ", "meaning ") if self.size.width >= ROOMY else ("w", "m")
        ranks = f"  {words}{hit.words or '-'} {meaning}{hit.meaning or '-'}" if hit.mode else ""
        tags = f"  #{' #'.join(hit.tags)}" if hit.tags else ""
        said = f"{hit.agent} · {said}" if hit.agent else said
        head = f"{shown_time(microseconds(hit.created_at))}  {inert(said)}{ranks}{inert(tags)}"
        text = snippet(inert(hit.text), self.query_text, max(20, self.size.width - 4))
        return Content("\n").join(
            [Content.assemble((mark, "$accent"), (head, "$muted")), Content("  ") + lit(text, self.query_text)]
        )


def snippet(text: str, query: str, width: int) -> str:
    """One line of a text: its beginning, or where the first word of the query stands."""
    line = " ".join(text[:LOOKED_AT].split())
    if len(line) <= width:
        return line
    words = [re.escape(word) for word in WORD.findall(query) if len(word) > 1]
    found = re.search(rf"\b(?:{'|'.join(words)})", line, re.IGNORECASE) if words else None
    start = max(0, min(found.start() - width // BEFORE, len(line) - width)) if found else 0
    kept = line[start : start + width]
    return f"{'…' if start else ''}{kept[1 if start else 0 : -1]}{'…' if start + width < len(line) else kept[-1]}"


def lit(text: str, query: str) -> Content:
    """A text with the words of the query in it bold and underlined."""
    words = [re.escape(word) for word in WORD.findall(query) if len(word) > 1]
    if not words:
        return Content(text)
    found = re.compile(rf"\b(?:{'|'.join(words)})", re.IGNORECASE)
    parts: list[Content] = []
    last = 0
    for match in found.finditer(text):
        parts += [Content(text[last : match.start()]), Content.styled(match.group(), "bold underline")]
        last = match.end()
    return Content("").join([*parts, Content(text[last:])])


def detail(hit: Hit, query: str) -> Content:
    """A hit in full: where it is from, why it was found, its tags, its words."""
    rows = [("id", hit.id), ("when", shown_time(microseconds(hit.created_at))), ("from", hit.where), ("why", hit.why)]
    if hit.role not in ("passage", ""):
        rows.insert(2, ("who", ROLES.get(hit.role, hit.role)))
    if hit.tags:
        rows.append(("tags", ", ".join(hit.tags)))
    head = [Content.assemble((name.ljust(6), "$muted"), inert(value)) for name, value in rows]
    return Content("\n").join([*head, Content(""), lit(inert(hit.text), query)])


def talk(rows: Sequence[Mapping[str, Any]], target: str) -> tuple[Content, int]:
    """A conversation with one message of it marked, and the line at which that begins."""
    parts: list[Content] = []
    line = 0
    for row in rows:
        if row["id"] == target:
            line = sum(part.plain.count("\n") + 1 for part in parts)
        parts += _said(row, row["id"] == target)
    return Content("\n").join(parts), line


def _said(row: Mapping[str, Any], marked: bool) -> Iterator[Content]:
    who = inert(str(row.get("name") or ROLES.get(row["role"], row["role"]) or row.get("place") or row["source"]))
    when = shown_time(microseconds(row["created_at"]))
    yield Content.assemble(("▌ " if marked else "  ", "$accent"), (who, "bold"), (f"  {when}", "$muted"))
    yield Content("\n").join(
        Content.assemble(("▌ " if marked else "  ", "$accent"), inert(text)) for text in row["text"].split("\n")
    )
    yield Content("")
