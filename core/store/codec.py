"""How a state is written beside the journal: small, because texts and items stay where they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from core.messages import Block, Item, Pending, State, Text, Turn

PLAIN = (
    "name", "head", "branch", "branches", "settings", "evicted", "warned", "recall", "archival", "factor",
    "reconciled", "provider_tokens", "cached_tokens", "memory_at",
)  # fmt: skip
NEWER = ("archived", "slope", "own_tokens", "made")  # what files of earlier versions do not say of a state


def encode_state(state: State) -> str:
    value = {name: getattr(state, name) for name in (*PLAIN, *NEWER)}
    value |= {
        "path": state.path,
        "blocks": {label: _block(block) for label, block in state.blocks.items()},
        "shown": {label: _block(block) for label, block in state.shown.items()},
        "instructions": state.instructions.id if state.instructions else None,
        "queue": ranges([item.id for item in state.queue]),
        "summary": state.summary.id if state.summary else None,
        "summary_text": state.summary_text.id if state.summary_text else None,
        "pending": [asdict(call) for call in state.pending],
        "turn": asdict(state.turn) if state.turn else None,
        "sources": state.sources,
        "passages": state.passages,
        "hidden": sorted(state.hidden),
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def references(value: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The ids of the texts and of the items that an encoded state names."""
    blocks = [*value["blocks"].values(), *value["shown"].values()]
    texts = [block["text_id"] for block in blocks] + [value["instructions"], value["summary_text"]]
    items = [*expand(value["queue"]), value["summary"]]
    return [text for text in texts if text is not None], [item for item in items if item is not None]


def decode_state(value: Mapping[str, Any], texts: Mapping[int, Text], items: Mapping[int, Item]) -> State:
    """The state, given the texts and items that `references` named."""
    return State(
        **{name: value[name] for name in (*PLAIN, *NEWER) if name in value},
        path=tuple((branch, last) for branch, last in value["path"]),
        blocks=_blocks(value["blocks"], texts),
        shown=_blocks(value["shown"], texts),
        instructions=texts.get(value["instructions"]),
        queue=tuple(items[item] for item in expand(value["queue"])),
        summary=items.get(value["summary"]),
        summary_text=texts.get(value["summary_text"]),
        pending=tuple(Pending(**call) for call in value["pending"]),
        turn=Turn(**value["turn"]) if value["turn"] else None,
        sources=tuple(value["sources"]),
        passages=dict(value.get("passages", {})),
        hidden=frozenset(value["hidden"]),
    )


def ranges(ids: Sequence[int]) -> list[list[int]]:
    """Ascending runs as pairs: [4, 5, 6, 9] is [[4, 6], [9, 9]]."""
    found: list[list[int]] = []
    for number in ids:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def expand(pairs: Sequence[Sequence[int]]) -> list[int]:
    return [number for first, last in pairs for number in range(first, last + 1)]


def _block(block: Block) -> dict[str, Any]:
    return {"limit": block.limit, "text_id": block.text_id, "changed_at": block.changed_at}


def _blocks(value: Mapping[str, Any], texts: Mapping[int, Text]) -> dict[str, Block]:
    return {
        label: Block(label, texts[block["text_id"]].body, block["limit"], block["text_id"], block["changed_at"])
        for label, block in value.items()
    }
