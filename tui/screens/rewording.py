"""A passage to be written anew, over whatever is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import TextArea

from tui.prompting import block_drafts
from tui.screens.dialogs import CSS
from tui.text import inert
from tui.widgets.memory_pane import KEPT_S, BlockEditor

if TYPE_CHECKING:
    from tui.app import MemGPTApp


class Reword(ModalScreen[str | None]):
    """Ctrl+S gives the new text, Esc None: the keys of a block that is edited.

    What was written is kept as the draft of that passage, until whoever has saved it drops that.
    """

    section = "block_editor"  # of the table of keys
    DEFAULT_CSS = (
        CSS.replace("Dialog", "Reword") + "\nReword #box > BlockEditor { display: block; height: 12; padding: 0; }"
    )
    AUTO_FOCUS = "BlockEditor"

    def __init__(self, agent: str, key: str, text: str, draft: str | None = None) -> None:
        super().__init__()
        self._agent, self._key, self._given = agent, key, inert(text)
        self._written = self._kept = self._given if draft is None else inert(draft)
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(f"Passage {inert(self._key)}")
            box.border_subtitle = "Ctrl+S save · Esc leave, kept"
            yield BlockEditor(self._written)

    def on_mount(self) -> None:
        editor = self.query_one(BlockEditor)
        editor.cursor_blink = False
        editor.move_cursor(editor.document.end)

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        self._written = event.text_area.text
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(KEPT_S, self._keep)

    @on(BlockEditor.Done)
    async def _done(self, event: BlockEditor.Done) -> None:
        event.stop()
        self._written = self.query_one(BlockEditor).text  # of which the last change may be told of only later
        await self._keep()
        self.dismiss(self._written.strip() if event.save and self._written != self._given else None)

    @property
    def _draft(self) -> str | None:
        """What was written, if that is something, and not what the passage says."""
        return self._written if self._written.strip() and self._written != self._given else None

    async def _keep(self) -> None:
        if self._written != self._kept:
            self._kept = self._written
            app = cast("MemGPTApp", self.app)
            await app.kept(block_drafts.keep, app.home, self._agent, self._key, self._draft)

    async def on_unmount(self) -> None:
        """The program may end while it is open."""
        await self._keep()
