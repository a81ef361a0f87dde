"""The last resort of paging: what may not leave main context, and does not fit into it, is shown to the model shorter.

That is the user's last message and the step that the model has not seen the results of. Recall keeps the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.context import instructions
from core.context.queue import groups
from core.context.reckoning import weight
from core.context.render import Renderer
from core.llm.tokens import MESSAGE_OVERHEAD
from core.messages import Item
from core.store.journal import now

SHORTEST = 24  # characters; shorter texts are never cut
ROUNDS = 8  # each cuts an item by what it is over its share
LOST = "Your last step was too large for your context. Recall memory has it; call fewer functions at once. It began: "


async def shortened(renderer: Renderer, queue: Sequence[Item], most: int) -> list[Item]:
    """The queue in at most `most` tokens, message overhead included: the longest items are cut to what an even share
    leaves them; where that is not enough, because a step made too many calls, one event stands for the step."""
    found = await _cut(renderer, queue, most)
    if weight(found) <= most:
        return found
    *before, newest = groups(queue)
    words = json.dumps([item.sent for item in newest], ensure_ascii=False)
    packed = instructions.system_alert(LOST + words, now(), renderer.zone)
    event = replace(await renderer.event("event", packed), step=newest[0].step)
    return await _cut(renderer, [*(item for piece in before for item in piece), event], most)


async def _cut(renderer: Renderer, queue: Sequence[Item], most: int) -> list[Item]:
    share = _even_share([item.tokens for item in queue], most - MESSAGE_OVERHEAD * len(queue))
    return [await _within(renderer, item, share) for item in queue]


def _even_share(sizes: Sequence[int], most: int) -> int:
    """The largest size to which all that are larger can be cut so that the sum is at most `most`."""
    left, share = most, most
    for place, size in enumerate(sorted(sizes)):
        share = max(1, left // (len(sizes) - place))
        if size > share:
            return share
        left -= size
    return share


async def _within(renderer: Renderer, item: Item, tokens: int) -> Item:
    found = item
    for _ in range(ROUNDS):
        if found.tokens <= tokens:
            break
        sent = _shorter(found.sent, tokens / found.tokens * 0.9)
        found = replace(await renderer.item(item.kind, sent), step=item.step)
    return found


def _shorter(sent: Mapping[str, Any], share: float) -> dict[str, Any]:
    """A message with that share of its texts, in whatever packaging they are; pages found for it go first."""
    short = {**sent, "content": _shorter_content(sent.get("content"), share)}
    if calls := sent.get("tool_calls"):
        functions = [call["function"] for call in calls]
        cut = [{**each, "arguments": _shorter_content(each["arguments"], share)} for each in functions]
        short["tool_calls"] = [{**call, "function": function} for call, function in zip(calls, cut, strict=True)]
    return short


def _shorter_content(content: Any, share: float) -> Any:
    if not isinstance(content, str):
        return content
    try:
        packed = [json.loads(line) for line in content.split("\n")]
    except ValueError:
        return _cut_text(content, share)
    if not all(isinstance(value, dict) for value in packed):
        return _cut_text(content, share)
    return "\n".join(json.dumps(_cut_value(value, share), ensure_ascii=False) for value in packed)


def _cut_value(value: Any, share: float) -> Any:
    match value:
        case str():
            return _cut_text(value, share)
        case dict():
            return {name: _cut_value(each, share) for name, each in value.items() if name != "recalled"}
        case list():
            return [_cut_value(each, share) for each in value]
    return value


def _cut_text(text: str, share: float) -> str:
    keep = max(SHORTEST, int(len(text) * share))
    if len(text) <= keep + 3:
        return text
    return f"{text[: keep * 2 // 3]} … {text[len(text) - keep // 3 :]}"
