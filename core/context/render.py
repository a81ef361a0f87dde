"""How what happened becomes messages of main context, for one model: its packaging, its protocol, its zone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from core.context import instructions
from core.context.queue import clipped
from core.context.window import APART, Fixed, Part
from core.llm import protocol as protocols
from core.llm.templates import message_as_read
from core.llm.tokens import Counter
from core.llm.types import Call
from core.messages import Item, State

SHORTEST_TEXT = 160  # characters; shorter texts of a reply are never cut
EXAMPLE_OVERHEAD = 5  # tokens that the template of small models adds to a message
ONLY_SPEAKS = ("send_message",)  # what models that cannot be trusted with functions are offered


@dataclass(slots=True)
class Renderer:
    """Renders and counts for one model. `searches` is False for models that cannot be trusted with functions."""

    protocol: str
    window: int
    searches: bool
    zone: tzinfo | None
    counter: Counter
    plain_schemas: bool
    _counted: dict[str, int] = field(default_factory=lambda: {"": 0})

    def know(self, counted: Mapping[str, int]) -> None:
        """Takes the counts of texts over that were counted for this model before."""
        self._counted.update(counted)

    async def item(self, kind: str, sent: Mapping[str, Any], recalled: int = 0) -> Item:
        """A counted item; its id and step are given when it is journalled."""
        (tokens,) = await self.counter.count([message_as_read(sent)])
        return Item(0, 0, kind, tokens, dict(sent), recalled)

    async def user(self, text: str, at: int, state: State) -> Item:
        if self.searches:
            packed = instructions.user_event(text, at, self.zone, state.recall, state.archival)
            return await self.item("user", _user(packed))
        item = await self.item("user", _user(text))
        known = instructions.plain_core(text, state.shown.values())
        return await self.with_pages(item, known) if known else item

    async def with_pages(self, item: Item, pages: Sequence[Mapping[str, str]]) -> Item:
        """A user event again, with the pages that were found for it."""
        content = str(item.sent["content"])
        if self.searches:
            packed = instructions.with_recalled(content, [dict(page) for page in pages])
        else:
            packed = instructions.plain_user(content, pages)
        fresh = await self.item(item.kind, _user(packed))
        recalled = item.recalled + max(0, fresh.tokens - item.tokens)
        return Item(0, item.step, item.kind, fresh.tokens, fresh.sent, recalled)

    async def event(self, kind: str, packed: str) -> Item:
        return await self.item(kind, _user(packed))

    async def fitted_reply(
        self, thought: str, content: str, calls: Sequence[Call], opaque: Mapping[str, Any], most: int
    ) -> Item:
        """A reply with its long texts cut to head and tail where it would take more than `most` tokens; recall keeps
        the whole. Servers that overlook the limit of a reply send such."""
        item = await self.reply(thought, content, calls, opaque)
        for _ in range(4):
            if item.tokens <= most:
                break
            share = max(0.1, most / item.tokens * 0.8)
            thought, content = _shortened(thought, share), _shortened(content, share)
            calls = [replace(call, arguments=_shortened_texts(call.arguments, share)) for call in calls]
            item = await self.reply(thought, content, calls, opaque)
        return item

    async def reply(self, thought: str, content: str, calls: Sequence[Call], opaque: Mapping[str, Any]) -> Item:
        if not self.searches:
            spoken = (str(call.arguments.get("message", "")) for call in calls)
            said = content or " ".join(message for message in spoken if message)
            return await self.item("reply", {"role": "assistant", "content": said})
        return await self.item(
            "reply", protocols.assistant_message(self.protocol, thought, content, calls, dict(opaque))
        )

    async def returned(self, call_id: str, name: str, status: str, text: str, at: int) -> Item:
        packed = instructions.function_result(status, text, at, self.zone)
        return await self.item("return", protocols.return_message(self.protocol, call_id, name, packed))

    async def summary(self, text: str, hidden: int, at: int) -> Item:
        packed = (
            instructions.summary_text(text, hidden, at, self.zone)
            if self.searches
            else instructions.plain_summary(text)
        )
        return await self.item("summary", _user(packed))

    async def fixed(self, state: State, schemas: Sequence[dict[str, Any]]) -> Fixed:
        """What is sent with every call. The stable part stands first, core memory last, so that an edit of it leaves
        a provider's cached prefix as long as it can be."""
        own = state.instructions.body if state.instructions else instructions.system_text(self.window, self.searches)
        offered = tuple(schema for schema in schemas if self.searches or schema["name"] in ONLY_SPEAKS)
        described = protocols.functions_text(self.protocol, offered) if self.searches else ""
        pieces = [("instructions", own), ("functions", described)]
        if self.searches:
            sources = {name: state.passages.get(name, 0) for name in state.sources}
            pieces.append(("metadata", instructions.metadata_text(_shown_at(state), self.zone, sources)))
            blocks = instructions.memory_text(state.shown.values())
        else:
            blocks = instructions.plain_memory(state.shown.values())
        pieces += [(f"core_memory.{label}", text) for label, text in blocks.items()]
        if not self.searches and self.protocol == protocols.TEXT:
            pieces.append(("examples", _dumped(instructions.example_messages())))
        if offered and self.protocol == protocols.TOOLS:
            pieces.append(("schemas", _dumped(protocols.native_tools(offered))))
        await self._count_fresh(pieces)
        return Fixed(tuple(Part(name, text, self._counted[text]) for name, text in pieces if text), offered)

    async def _count_fresh(self, pieces: Sequence[tuple[str, str]]) -> None:
        """Each text of the fixed part is counted once; they are few, and rarely change."""
        fresh = {text: section for section, text in pieces if text not in self._counted}
        plain = [text for text, section in fresh.items() if section not in APART]
        if plain:
            self._counted.update(zip(plain, await self.counter.count(plain), strict=True))
        for text, section in fresh.items():
            if section == "schemas":
                self._counted[text] = await self.counter.functions(json.loads(text))
            elif section == "examples":
                contents = [message["content"] for message in json.loads(text)]
                self._counted[text] = sum(await self.counter.count(contents)) + EXAMPLE_OVERHEAD * len(contents)


def _shortened(text: str, share: float) -> str:
    return clipped(text, len(text), max(SHORTEST_TEXT, int(len(text) * share)), "recall memory has the whole")


def _shortened_texts(arguments: Mapping[str, Any], share: float) -> dict[str, Any]:
    return {key: _shortened(value, share) if isinstance(value, str) else value for key, value in arguments.items()}


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown_at(state: State) -> int:
    return max((block.changed_at for block in state.shown.values()), default=0)


def _user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}
