"""The Core memory pane: every block with its size; Enter opens one in place, to be written anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from memgpt.home import LOOKING_ON, UserError
from tui.keymap import bindings_of, first_key
from tui.prompting import block_drafts
from tui.prompting.ahead import OPENING
from tui.text import inert
from tui.theme import Look
from tui.view import BlockView, Entry
from tui.widgets.pane import Pane
from tui.widgets.walked import Walked

if TYPE_CHECKING:
    from tui.app import MemGPTApp

KEPT_S = 1.0  # after the last key, until what was written is kept on disk


def _opposite(line: str, settings: Mapping[str, object]) -> str:
    """What undoes that, and with which key."""
    action, does = ("block_redo", "makes it again") if line == "/undo" else ("block_undo", "takes it back")
    return f"{first_key(action, settings)} {does}"


class Blocks(Walked):
    """The blocks. Enter edits the marked one, `u` and `r` undo and redo, `c` shows its changes."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("block")

    class Wanted(Message):
        """Something is to be done with a block: `edit` or `changes`."""

        def __init__(self, what: str, label: str) -> None:
            super().__init__()
            self.what, self.label = what, label

    def action_edit(self) -> None:
        self._want("edit")

    def action_changes(self) -> None:
        self._want("changes")

    def _want(self, what: str) -> None:
        if self.marked is not None:
            self.post_message(self.Wanted(what, self.marked.who))

    def action_say(self, line: str) -> None:
        self.app.run_worker(self._say(line), group="command", exit_on_error=False)

    async def _say(self, line: str) -> None:
        """Carries out `/undo` or `/redo`; the last line has the answer too, with the key for the opposite."""
        from tui.actions.commands import run

        app = cast("MemGPTApp", self.app)
        await run(app, line)
        said = app.bridge.view.chat[-1]
        opposite = f"; {_opposite(line, app.settings)}" if said.kind == "note" else ""
        app.status.flash(f"{said.text.removesuffix('.')}{opposite}")

    def show_blocks(self, entries: list[Entry]) -> None:
        """Draws the blocks; the cursor stays on the one it was on."""
        label = self.marked.who if self.marked else ""
        self.show(entries)
        self.place = next((place for place, entry in enumerate(entries) if entry.who == label), 0)


class BlockEditor(TextArea, inherit_bindings=True):
    """The text of one block, to be changed."""

    DEFAULT_CSS = """
    BlockEditor {
        display: none; height: 1fr; border: none; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
    }
    BlockEditor:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("block_editor")

    class Done(Message):
        """It is to be saved, or left."""

        def __init__(self, save: bool) -> None:
            super().__init__()
            self.save = save

    def on_resize(self) -> None:
        """The line with the cursor stays in view where the text is wrapped anew."""
        self.call_after_refresh(self.scroll_cursor_visible)

    def action_save(self) -> None:
        self.post_message(self.Done(True))

    def action_leave(self) -> None:
        self.post_message(self.Done(False))


class MemoryPane(Pane):
    """The blocks and the editor of one of them."""

    DEFAULT_CSS = """
    MemoryPane.-editing BlockEditor { display: block; }
    MemoryPane.-editing Blocks { display: none; }
    """

    def __init__(self, look: Look) -> None:
        self.blocks, self.editor = Blocks(look, id="memory", follows=False), BlockEditor(id="block-editor")
        self.editor.cursor_blink = False
        super().__init__(self.blocks, self.editor, title="Core memory", id="memory-pane")
        self.label = ""  # of the block that is being edited
        self._expected = ""
        self._agent = ""
        self._timer: Timer | None = None

    @property
    def _app(self) -> MemGPTApp:
        return cast("MemGPTApp", self.app)

    # --- editing ----------------------------------------------------------------------------------------------

    def edit(self, label: str) -> None:
        """Opens a block in place: with what was written before and not saved, else with what it says.

        Raises:
            UserError: there is no such block, or the user only looks on.
        """
        view = self._app.bridge.view
        block = view.blocks.get(label)
        if block is None:
            raise UserError(f"There is no core memory block {label!r}.", "/memory shows them.")
        if self._app.options.read_only:
            raise UserError(*LOOKING_ON)
        if self.label:
            self._keep()
        draft = block_drafts.of(self._app.home, view.agent, label)
        self.label, self._agent, self._expected = label, view.agent, block.text
        self.editor.load_text(inert(block.text if draft is None else draft))
        self.editor.move_cursor(self.editor.document.end)
        self.add_class("-editing")
        self._tell(block)
        self.editor.focus()

    @property
    def _changed(self) -> bool:
        """Whether the user has written something."""
        return self.editor.text != inert(self._expected)

    def _tell(self, block: BlockView) -> None:
        size = len(self.editor.text)
        over = block.limit and size > block.limit
        limit = f" / {block.limit:,}" if block.limit else ""
        self.set_figure(f"{block.label} {size:,}{limit}{' !' if over else ''}", "$error" if over else "$foreground")

    @on(TextArea.Changed)
    def _written(self) -> None:
        block = self._app.bridge.view.blocks.get(self.label)
        if block is None:
            return
        self._tell(block)
        if self._timer:
            self._timer.stop()
        self._timer = self.set_timer(KEPT_S, self._keep)

    def _keep(self, done: bool = False) -> None:
        """What was written stays, also when the program ends before it is saved."""
        if self._timer:
            self._timer.stop()
            self._timer = None
        text = None if done or not self._changed else self.editor.text
        home, agent, label = self._app.home, self._agent, self.label
        work = asyncio.to_thread(block_drafts.keep, home, agent, label, text)
        self._app.run_worker(work, group="block-drafts", exit_on_error=False)

    @on(BlockEditor.Done)
    def _done(self, event: BlockEditor.Done) -> None:
        event.stop()
        if event.save:
            self._app.run_worker(self._save(), group="edit-block", exclusive=True, exit_on_error=False)
        else:
            kept = self._changed
            self._keep()
            self._close()
            if kept:
                self._app.status.flash("not saved; what you wrote is kept, Enter on the block goes on")

    async def _save(self) -> None:
        text, label = self.editor.text, self.label
        try:
            ask = self._app.connection.ask
            await ask("edit_block", agent=self._agent, label=label, text=text, expected=self._expected)
        except UserError as error:
            self._keep()
            block = self._app.bridge.view.blocks.get(label)
            self._expected = block.text if block else self._expected  # a second Ctrl+S writes over it, knowingly
            self._app.status.flash(f"{error.message} {error.hint}", 6.0)
            return
        self._keep(done=True)
        self._close()
        self._app.status.flash(f"{label} is saved; {_opposite('/redo', self._app.settings)}")

    def _close(self) -> None:
        self.label = ""
        self.remove_class("-editing")
        self.set_figure("")
        self.blocks.focus()

    # --- what the blocks ask for ------------------------------------------------------------------------------

    @on(Blocks.Wanted)
    def _wanted(self, event: Blocks.Wanted) -> None:
        event.stop()
        if event.what == "edit":
            try:
                self.edit(event.label)
            except UserError as error:
                self._app.status.flash(str(error))
        else:
            from tui.context.seeing import show_changes

            self._app.run_worker(show_changes(self._app, event.label), group=OPENING, exit_on_error=False)
