"""What the panes show when they are asked for more: what lies under a cell of the map, the changes of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.content import Content

from memgpt.events import microseconds
from memgpt.home import UserError
from tui.context.mapping import Piece
from tui.context.memory_view import changed_by, marked_lines
from tui.context.sent import body, of_piece
from tui.screens.dialogs import Read
from tui.text import inert
from tui.widgets.entries import shown_time
from tui.widgets.memory_pane import MemoryPane

if TYPE_CHECKING:
    from tui.app import MemGPTApp

MARKS = {"+": "$success", "-": "$error", " ": "$foreground"}


async def show_piece(app: MemGPTApp, piece: Piece) -> None:
    """Enter on a cell: what the model reads there."""
    shown = await app.connection.ask("show", agent=app.connection.agent, what="context", at=None)
    cells = app.bridge.view.context.cells if app.bridge.view.context else []
    title, messages = of_piece(shown["messages"], piece, len(cells))
    parts = [Content(inert(body(message))) for message in messages]
    await app.push_screen_wait(
        Read(title, Content("\n\n").join(parts or [Content("It is not in main context any more.")]))
    )


async def show_changes(app: MemGPTApp, label: str) -> None:
    """Every change of a block, the newest first: who, when, and what."""
    rows = await app.connection.ask("show", agent=app.connection.agent, what="history", at=None, last=None)
    own = [row for row in reversed(rows) if row["label"] == label]
    parts = [part for row in own for part in _change(row)]
    text = Content("\n").join(parts) if parts else Content("Nothing has changed it yet.")
    await app.push_screen_wait(Read(f"Changes of {label}", text))


def _change(row: Mapping[str, Any]) -> list[Content]:
    head = f"{changed_by(row['cause'])}, {shown_time(microseconds(row['at']))}, step {row['step']}"
    return [Content.styled(inert(head), "bold"), *difference(row["before"], row["after"]), Content("")]


def difference(before: str, after: str) -> list[Content]:
    """The lines of two texts, each with what became of it in the margin."""
    return [Content.styled(f"{mark} {inert(line)}", MARKS[mark]) for mark, line in marked_lines(before, after)]


async def edit_in_place(app: MemGPTApp, label: str) -> None:
    """`/persona` and `/human`: opens the block where it stands, and the drawer where the pane is in it."""
    pane = app.base.query_one(MemoryPane)
    app.arrangement.show("memory-pane")
    if not pane.is_on_screen and not app.arrangement.wide:
        app.arrangement.open_drawer()
    app.call_after_refresh(_edit, app, pane, label)


def _edit(app: MemGPTApp, pane: MemoryPane, label: str) -> None:
    try:
        pane.edit(label)
    except UserError as error:
        app.bridge.note(str(error), "error")


__all__: Sequence[str] = ("difference", "edit_in_place", "show_changes", "show_piece")
