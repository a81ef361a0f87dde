"""What the model was sent: main context at any step, byte for byte, and as it would be sent now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.context.window import (
    APART,
    SECTION_OF,
    Ledger,
    assemble,
    digest_before_counts,
    digest_of,
    own_sections,
    scaled,
)
from core.llm import protocol as protocols
from core.llm import repair
from core.messages import Item, Step
from core.past.sent_blocks import blocks
from core.session import Session
from core.store import rows, tree
from core.store.codec import expand
from core.turn.adapting import in_effect
from memgpt.home import UserError

if TYPE_CHECKING:
    import duckdb

MARK = "[forgotten]"
"""What stands where words were erased (core/agents/forgetting.py)."""


async def context(session: Session, at: int | None) -> dict[str, Any]:
    """Main context at a step, or now: its sections with tokens, its messages and tools as sent.

    `sent` is True where a model was really sent this: by the call `step`, the last at or before the step that was asked
    for. Otherwise it is what would have been sent.

    Raises:
        UserError: there is no such step.
    """
    if at is None:
        return await context_now(session)
    return await session.journal.database.read(lambda connection: _context_at(connection, at))


async def context_now(session: Session) -> dict[str, Any]:
    """Main context as it stands now; what is too much of it leaves before it is sent."""
    agent = await session.agent()
    ledger, fixed = await agent.ledger(), await agent.fixed()
    protocol, place = agent.renderer.protocol, in_effect(session.state.settings)
    return {
        "step": session.state.head,
        "sent": False,
        "model": place[0],
        "protocol": protocol,
        "total": ledger.total,
        "window": ledger.window,
        "source": ledger.source,
        "sections": ledger.rows(),
        "messages": _on_the_wire(assemble(session.state, fixed).messages, session.gateway.takes_system(*place)),
        "tools": protocols.native_tools(fixed.schemas) if protocol == protocols.TOOLS and fixed.schemas else [],
        "response_format": protocols.sent_format(protocol, fixed.schemas),
        "blocks": blocks(
            ((part.section, part.tokens, part.body) for part in fixed.parts),
            session.state.summary,
            session.state.queue,
            ledger.total,
        ),
        "forgotten": [],
    }


def _on_the_wire(messages: Sequence[Mapping[str, Any]], system: bool) -> list[dict[str, Any]]:
    """litellm leaves out what is null: a reply that only calls functions has no content. `system` is False for models that
    take no system message."""
    sent = messages if system else protocols.without_system(messages)
    return [{name: value for name, value in message.items() if value is not None} for message in sent]


def line_to(connection: duckdb.DuckDBPyConnection, step: int) -> rows.Path:
    """The path that leads to a step, also to one that was left.

    Raises:
        UserError: there is no such step.
    """
    try:
        return rows.lineage(connection, step)
    except KeyError:
        raise UserError(f"There is no step {step}.", "`memgpt show messages` lists the steps.") from None


def _context_at(connection: duckdb.DuckDBPyConnection, step: int) -> dict[str, Any]:
    path = line_to(connection, step)
    calls = rows.steps(connection, path, 0, None, ("call",), 1)
    if not calls:
        raise UserError(f"No model was called up to step {step}.", "`memgpt show messages` lists the steps.")
    answer = tree.next_on_branch(connection, calls[0], ("reply", "call"))
    usage = answer.body.get("usage") if answer and answer.kind == "reply" else None
    return _Stored.of(connection, calls[0]).told(usage)


@dataclass(frozen=True, slots=True)
class _Stored:
    """A call of the model with everything that its small row refers to: (section, tokens, words, forgotten) each."""

    call: Step
    parts: Sequence[tuple[str, int, str, bool]]
    format: str
    summary: Item | None
    queue: Sequence[Item]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, call: Step) -> _Stored:
        body = call.body
        wanted = [*expand(body["queue"]), *([body["summary"]] if body["summary"] else [])]
        items = rows.fetch_items(connection, wanted)
        keys = [key for _, key in body["parts"]]
        known = rows.parts(connection, [*keys, *([body["format"]] if "format" in body else [])])
        parts = [(section, *known[key], _erased(key, *known[key])) for section, key in body["parts"]]
        sent_format = known[body["format"]][1] if "format" in body else ""
        summary = items[body["summary"]] if body["summary"] else None
        queue = [items[number] for number in expand(body["queue"])] + _again(call)
        return cls(call, parts, sent_format, summary, queue)

    def told(self, usage: dict[str, Any] | None) -> dict[str, Any]:
        counted_parts = ((section, tokens) for section, tokens, _, _ in self.parts)
        own = own_sections(counted_parts, self.summary, self.queue)
        total = usage["prompt_tokens"] if usage else sum(own.values())
        window, source = self.call.body["window"], "provider" if usage else "own"
        counted = Ledger(
            tuple(scaled(own, total).items()), total, window, source, usage["cached_tokens"] if usage else 0
        )
        return {
            "step": self.call.id,
            "sent": True,
            "model": self.call.body["model"],
            "protocol": self.call.body["protocol"],
            "total": total,
            "window": window,
            "source": source,
            "sections": counted.rows(),
            "messages": self._messages(),
            "tools": next((json.loads(words) for section, _, words, _ in self.parts if section == "schemas"), []),
            "response_format": json.loads(self.format) if self.format else None,
            "blocks": blocks(
                ((section, tokens, words) for section, tokens, words, _ in self.parts), self.summary, self.queue, total
            ),
            "forgotten": self._forgotten(),
        }

    def _messages(self) -> list[dict[str, Any]]:
        system = "\n\n".join(words for section, _, words, _ in self.parts if section not in APART and words)
        examples = [
            message for section, _, words, _ in self.parts if section == "examples" for message in json.loads(words)
        ]
        first = [self.summary.sent] if self.summary else []
        messages = [{"role": "system", "content": system}, *examples, *first, *(item.sent for item in self.queue)]
        return _on_the_wire(messages, self.call.body.get("system", True))

    def _forgotten(self) -> list[str]:
        """The sections of which something was erased since: they are no longer what was sent."""
        found = [SECTION_OF.get(section, section) for section, _, _, gone in self.parts if gone]
        if self.summary and MARK in json.dumps(self.summary.sent):
            found.append("summary")
        if any(MARK in json.dumps(item.sent) for item in self.queue):
            found.append("messages")
        return list(dict.fromkeys(found))


def _again(call: Step) -> list[Item]:
    """What the question was sent again with: a reply that could not be used, and what is wrong with it."""
    if "again" not in call.body:
        return []
    messages = repair.messages_of(call.text("written"), call.text("order"))
    told = zip(("reply", "event"), call.body["again"], messages, strict=True)
    return [Item(0, call.id, kind, tokens, sent) for kind, tokens, sent in told]


def _erased(key: str, tokens: int, words: str) -> bool:
    return key not in (digest_of(words, tokens), digest_before_counts(words))
