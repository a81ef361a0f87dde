"""Core memory: small blocks of text that are always in main context, edited by the model and by the user."""

from __future__ import annotations

from collections.abc import Mapping

from core.messages import Block

DEFAULT_LIMIT = 2000  # characters a block, as in MemGPT
SMALL_WINDOW = 8192  # tokens; up to here blocks and instructions are shorter
TINY_WINDOW = 4096


class EditRefused(Exception):
    """An edit of core memory that changes nothing; the message says why and what to do, in words for the model."""


def block_limit(window: int) -> int:
    """Characters that a block may have by default: less where the window is small."""
    if window <= TINY_WINDOW:
        return DEFAULT_LIMIT // 2
    return DEFAULT_LIMIT


def find(blocks: Mapping[str, Block], label: str) -> Block:
    """The block of that label.

    Raises:
        EditRefused: there is none.
    """
    if label in blocks:
        return blocks[label]
    known = ", ".join(f'"{name}"' for name in blocks)
    raise EditRefused(f'There is no core memory block "{label}"; the blocks are {known}.')


def appended(block: Block, content: str) -> str:
    """The block's text with `content` on a line of its own at the end.

    Raises:
        EditRefused: it would be longer than the block's limit, or `content` is empty.
    """
    if not content.strip():
        raise EditRefused("content is empty: say what to add.")
    return checked(block, f"{block.text}\n{content}" if block.text else content)


def replaced(block: Block, old: str, new: str) -> str:
    """The block's text with its one occurrence of `old` replaced; an empty `new` deletes it.

    Raises:
        EditRefused: `old` is empty, absent, or stands there more than once; or the result is too long.
    """
    if not old:
        raise EditRefused("old_content is empty: give the exact text to replace.")
    places = _lines_with(block.text, old)
    if not places:
        raise EditRefused(f'old_content was not found in "{block.label}": give it exactly as it stands there.')
    if len(places) > 1:
        lines = ", ".join(str(line) for line in places)
        raise EditRefused(
            f'old_content stands {len(places)} times in "{block.label}" (lines {lines}): give more of the text around it.'
        )
    text = block.text.replace(old, new)
    return checked(block, _without_empty_line(text) if not new else text)


def checked(block: Block, text: str) -> str:
    """The text, if it fits into the block.

    Raises:
        EditRefused: it is longer than the block's limit.
    """
    if len(text) <= block.limit:
        return text
    raise EditRefused(
        f'Edit refused: "{block.label}" may have {block.limit} characters and would have {len(text)}. Shorten what is '
        "there, or put the less important part into archival memory, and try again."
    )


def _lines_with(text: str, wanted: str) -> list[int]:
    lines, start = [], text.find(wanted)
    while start >= 0:
        lines.append(text.count("\n", 0, start) + 1)
        start = text.find(wanted, start + 1)
    return lines


def _without_empty_line(text: str) -> str:
    return text.replace("\n\n", "\n").strip("\n")
