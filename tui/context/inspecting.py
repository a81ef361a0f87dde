"""What the context inspector knows: the calls of the model along a line, the blocks of one, the difference to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memgpt.events import microseconds
from memgpt.words import counted

MARKS = {"evicted": "↓", "rewound": "↶", "pressure": "!", "edit": "±", "recalled": "●", "search": "?"}
SEARCHES = ("conversation_search", "conversation_search_date", "archival_memory_search")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the model: how full the window was, how much of it cached, and what happened since the call before."""

    step: int
    at: str
    total: int
    window: int
    cached: int = 0
    source: str = "provider"
    marks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Call:
        marks = tuple((str(mark["kind"]), str(mark["text"])) for mark in row["marks"])
        return cls(row["step"], row["at"], row["total"], row["window"], row["cached"] or 0, row["source"], marks)

    @property
    def glyph(self) -> str:
        """The weightiest of what happened."""
        kinds = {kind for kind, _ in self.marks}
        return next((glyph for kind, glyph in MARKS.items() if kind in kinds), " ")


def calls_of(events: Iterable[Mapping[str, Any]], window: int) -> list[Call]:
    """The calls that a history of events tells of."""
    found: list[Call] = []
    marks: list[tuple[str, str]] = []
    for event in events:
        if event["type"] == "usage":
            figures = event["prompt_tokens"], window, event["cached_tokens"]
            found.append(Call(event["step"], event["at"], *figures, "provider", tuple(marks)))
            marks = []
        elif mark := _mark(event):
            marks.append(mark)
    return found


def _mark(event: Mapping[str, Any]) -> tuple[str, str] | None:
    match event["type"]:
        case "evicted":
            return "evicted", f"{counted(event['messages'], 'message')} moved to recall"
        case "memory_pressure":
            return "pressure", "memory pressure"
        case "core_memory":
            return "edit", f"{event['label']} changed"
        case "recalled":
            return "recalled", f"{len(event['items'])} pages came back"
        case "function_call" if event["name"] in SEARCHES:
            return "search", str(event["name"])
    return None


@dataclass(frozen=True, slots=True)
class Block:
    """One block of main context. `mark` is `+` where it is new, `~` where its words changed, `-` where it is gone since
    the call before; `before` are its words then."""

    section: str
    role: str
    step: int
    tokens: int
    recalled: int
    text: str
    mark: str = " "
    before: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Block:
        return cls(row["section"], row["role"], row["step"], row["tokens"], row["recalled"], row["text"])

    @property
    def name(self) -> str:
        if self.section == "messages":
            return self.role
        label = self.section.removeprefix("core_memory.")
        return label if label == self.section else f"core {label}"

    @property
    def words(self) -> str:
        """What there is to read in it, also where it is gone."""
        return self.text or self.before


@dataclass(frozen=True, slots=True)
class Shown:
    """Main context at one call."""

    step: int
    at: str
    total: int
    window: int
    source: str
    cached: int
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, shown: Mapping[str, Any], call: Call | None) -> Shown:
        cached = call.cached if call else sum(section["cached"] for section in shown["sections"])
        blocks = tuple(Block.of(row) for row in shown["blocks"])
        at = call.at if call else ""
        return cls(shown["step"], at, shown["total"], shown["window"], shown["source"], cached, blocks)

    @property
    def figure(self) -> str:
        mark = "" if self.source == "provider" else "≈"
        share = f" · cached {100 * min(self.cached, self.total) // self.total} %" if self.cached and self.total else ""
        return f"{mark}{self.total:,} / {self.window:,}{share}"


def compared(now: Sequence[Block], before: Sequence[Block]) -> list[Block]:
    """The blocks with what became of each since then; those that are gone stand where they stood."""
    from dataclasses import replace

    old, new = _keyed(before), _keyed(now)
    found: list[Block] = []
    waiting = list(old)
    for key, block in new.items():
        if key not in old:
            found.append(replace(block, mark="+"))
            continue
        while waiting and (gone := waiting.pop(0)) != key:
            if gone not in new:
                found.append(_gone(old[gone]))
        changed = old[key].text != block.text
        found.append(replace(block, mark="~" if changed else " ", before=old[key].text if changed else ""))
    return [*found, *(_gone(old[key]) for key in waiting if key not in new)]


def _gone(block: Block) -> Block:
    from dataclasses import replace

    return replace(block, mark="-", before=block.text, text="")


def _keyed(blocks: Sequence[Block]) -> dict[tuple[str, int, int], Block]:
    """Blocks by what they are: a section, or the message of a step; the number tells doubles apart."""
    seen: dict[tuple[str, int], int] = {}
    found = {}
    for block in blocks:
        key = (block.section, block.step)
        seen[key] = seen.get(key, 0) + 1
        found[(*key, seen[key])] = block
    return found


@dataclass(slots=True)
class Sought:
    """Words that are looked for, and the blocks that hold them, by place."""

    words: str = ""
    places: list[int] = field(default_factory=list)

    def look(self, blocks: Sequence[Block]) -> None:
        wanted = self.words.casefold()
        self.places = [place for place, block in enumerate(blocks) if wanted and wanted in block.words.casefold()]

    def next(self, place: int, step: int) -> int | None:
        """The place after (before, where negative) another one, round and round."""
        if not self.places:
            return None
        beyond = [known for known in self.places if (known - place) * step > 0]
        return (beyond[0] if step > 0 else beyond[-1]) if beyond else self.places[0 if step > 0 else -1]


def now_of(text: str) -> int:
    """An event's time in microseconds; 0 where there is none."""
    return microseconds(text) if text else 0
