"""How much of a prompt a provider has already read: the common beginning of two prompts as it is really sent them.

Read in the order in which providers cache: functions, system text, conversation. Marks of what may be cached are left
out; they move, and are no part of what is cached.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.llm.tokens import TiktokenCounter


def flat(request: Mapping[str, Any]) -> str:
    """A request, in OpenAI's shape or in Anthropic's, as one text."""
    sent = request.get("raw") or request
    pieces = [*(sent.get("tools") or ()), *_blocks("system", sent.get("system") or ())]
    for message in sent["messages"]:
        pieces += _blocks(message["role"], message.get("content") or ())
        pieces += [{name: value for name, value in message.items() if name not in ("role", "content", "cache_control")}]
    return "\n".join(json.dumps(_unmarked(piece), ensure_ascii=False) for piece in pieces if piece)


def _blocks(role: str, content: Any) -> Iterator[dict[str, Any]]:
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
        yield {"role": role, **block}


def _unmarked(piece: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in piece.items() if name != "cache_control"}


async def shares(requests: Sequence[Mapping[str, Any]]) -> list[float]:
    """Of each two consecutive requests, the share of the earlier one's tokens with which the later one begins."""
    texts, counter, found = [flat(request) for request in requests], TiktokenCounter(), []
    for earlier, later in itertools.pairwise(texts):
        length = next(
            (place for place, pair in enumerate(zip(earlier, later, strict=False)) if pair[0] != pair[1]), None
        )
        part, whole = await counter.count([earlier[:length], earlier])
        found.append(part / whole)
    return found
