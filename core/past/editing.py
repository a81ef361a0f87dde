"""The user's own hand on core memory: a block in new words, as one step that `/undo` takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.context import blocks, instructions
from core.folding import rebuilds
from core.llm.types import ModelError
from core.messages import Block, Item, Text
from core.past.moving import announce
from core.store.journal import Draft, now
from memgpt.home import UserError

if TYPE_CHECKING:
    from core.session import Session


async def edit_block(session: Session, label: str, text: str, expected: str | None = None) -> dict[str, Any]:
    """Puts a text in the place of a block's; with `expected`, only where it still says that.

    Raises:
        UserError: there is no such block, the text is too long, or the block was changed meanwhile. Nothing is changed.
    """
    block = _editable(session, label, text, expected)
    if text == block.text:
        return {"step": session.state.head, "changed": False}
    items = await told(session, block, text)
    if session.state.blocks[label] is not block:  # the model was quicker
        return await edit_block(session, label, text, expected)
    texts: dict[str, str | Text] = {"before": Text(block.text_id, block.text), "after": text}
    (step,) = await session.journal.append(Draft("edit", {"label": label}, texts, items))
    await announce(session, [step])
    return {"step": step.id, "changed": True}


def _editable(session: Session, label: str, text: str, expected: str | None) -> Block:
    try:
        block = blocks.find(session.state.blocks, label)
    except blocks.EditRefused as error:
        raise UserError(str(error), "/memory shows them.", status=2) from None
    if expected is not None and block.text != expected:
        raise UserError(f"{label} was changed meanwhile.", "Look at it again; what you wrote is kept.")
    if len(text) > block.limit:
        over = len(text) - block.limit
        raise UserError(
            f"{label} may have {block.limit:,} characters and would have {len(text):,}.", f"Take {over} out."
        )
    return block


async def told(session: Session, block: Block, after: str) -> tuple[Item, ...]:
    """The event that tells the model of a block's new words, where prompts keep the old ones until an eviction. A model
    that makes nothing of events, or cannot be had now, is sent the block itself instead."""
    if rebuilds(session.state):
        return ()
    try:
        renderer = (await session.agent()).renderer
    except (ModelError, UserError):
        return ()
    packed = instructions.edit_event(block.label, block.text, after, now(), renderer.zone)
    return (await renderer.event("event", packed),) if renderer.searches else ()
