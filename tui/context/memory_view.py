"""Core memory as entries: each block with its size, and in the margin what the turn took away and put in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tui.text import inert
from tui.view import BlockView, Entry
from tui.widgets.entries import shown_time


def memory_entries(blocks: Iterable[BlockView]) -> list[Entry]:
    """The blocks as entries, what is known of the user first: a persona is long and rarely changes."""
    return [_entry(block) for block in sorted(blocks, key=lambda block: block.label == "persona")]


def _entry(block: BlockView) -> Entry:
    lines = marked_lines(block.before, block.text)
    size = f"{len(block.text):,} / {block.limit:,}" if block.limit else f"{len(block.text):,}"
    text = "\n".join(inert(line).replace("\n", " ") for _, line in lines)
    detail = f"{changed_by(block.cause)}, {shown_time(block.at)}" if block.cause and block.before is not None else ""
    marks = tuple(mark for mark, _ in lines)
    return Entry("block", text, who=inert(block.label), status=size, marks=marks, detail=inert(detail))


def changed_by(cause: str) -> str:
    """Who did it, in words."""
    return {"user": "changed by you", "undo": "taken back", "redo": "made again"}.get(cause, f"by {cause}")


def marked_lines(before: str | None, after: str) -> list[tuple[str, str]]:
    """The lines of a block, each with ` `, `+` or `-`; without a `before` nothing is marked."""
    if before is None or before == after:
        return [(" ", line) for line in after.split("\n")]
    found = []
    for line in difflib.ndiff(before.split("\n"), after.split("\n")):
        if line[0] != "?":
            found.append((line[0], line[2:]))
    return found
