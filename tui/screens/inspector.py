"""The context inspector: every block that the model is sent, with its tokens, at this or any earlier call, and what has
changed since the call before."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from memgpt.home import UserError
from tui.context.inspecting import Block, Call, Shown, Sought, calls_of, compared, now_of
from tui.keymap import bindings_of
from tui.screens.erased import Erased
from tui.text import inert
from tui.theme import Look
from tui.widgets.entries import shown_time
from tui.widgets.hits import lit
from tui.widgets.key_line import KeyLine
from tui.widgets.marked_list import MarkedList
from tui.widgets.pane import Pane
from tui.widgets.reader import Reader
from tui.widgets.time_line import TimeLine

if TYPE_CHECKING:
    from tui.actions.browsing import Asks

KEPT = 40  # calls whose blocks are kept
HISTORY = 4000  # steps that are read for the line
HINTS = ("←→ call", "↑↓ block", "Enter read", "/ search", "d difference", "n next", "Home End first, now")
STYLES = {"+": "$success", "-": "$error", "~": "$warning", " ": ""}
COLUMN = 14


class BlockList(MarkedList):
    """One line a block: what became of it, its name, its share and its tokens."""


class Inspector(Screen[None]):
    """The line of calls above; the blocks of the marked one; one block in full."""

    CSS = """
    Inspector { background: $background; }
    Inspector #line-pane { height: 5; }
    Inspector #parts { height: 1fr; }
    Inspector #blocks-pane { width: 38; }
    Inspector #block-pane { width: 1fr; }
    Inspector #seek { display: none; border: none; height: 1; padding: 0 1; background: $panel; }
    Inspector.-seeking #seek { display: block; }
    Inspector.-tiny #block-pane { display: none; }
    Inspector.-tiny #blocks-pane { width: 1fr; }
    Inspector.-tiny Pane { border: none; }
    Inspector.-tiny #line-pane { height: 3; }
    """
    AUTO_FOCUS = "#blocks"
    section = "inspector"  # of the table of keys
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("inspector"), Binding("f2", "dismiss(None)", show=False)]

    def __init__(self, engine: Asks, look: Look, at: int | None = None, window: int = 0) -> None:
        super().__init__()
        self.engine, self.look, self._at, self._window = engine, look, at, window
        self.calls: list[Call] = []
        self.place = 0  # among the calls; their number stands for now
        self.shown: Shown | None = None
        self.blocks: list[Block] = []
        self.differs = True
        self.sought = Sought()
        self._kept: OrderedDict[int | None, Shown] = OrderedDict()

    def compose(self) -> ComposeResult:
        yield Pane(TimeLine(self.look), Static(id="told", markup=False), title="Context", id="line-pane")
        with Horizontal(id="parts"):
            yield Pane(BlockList(id="blocks", markup=False), title="Blocks", id="blocks-pane")
            yield Pane(Reader(id="block"), title="Block", id="block-pane")
        yield Input(placeholder="Words that stand in a block", id="seek")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#seek", Input).cursor_blink = False
        self.query_one(KeyLine).keys(HINTS)
        self._work(self._open())

    def _work(self, work: Any) -> None:
        self.run_worker(work, group="inspect", exclusive=True, exit_on_error=False)

    # --- along the line ---------------------------------------------------------------------------------------

    async def _open(self) -> None:
        told = ""
        try:
            self.calls = await self._line()
            self.place = len(self.calls)
            if self._at is not None:
                told = await self._go_to(self._at)
            await self._show()
        except UserError as error:
            told = str(error)
        if told:
            self._say(told)

    @on(Erased)
    def _erased(self) -> None:
        """Everything anew, at the same call."""
        self._kept.clear()
        self._at = self.calls[self.place].step if self.place < len(self.calls) else None
        self._work(self._open())

    async def _go_to(self, step: int) -> str:
        """Marks the call that was the last one at a step; where it is not on the present line, on the one that led to it.
        What is to be said of it."""
        try:
            shown = (await self.engine.ask("show", agent=self.engine.agent, what="context", at=step))["step"]
        except UserError as error:
            return str(error)
        told = ""
        if all(call.step != shown for call in self.calls):
            self.calls, told = await self._line(shown), f"The calls that led to step {step}."
        self.place = next((place for place, call in enumerate(self.calls) if call.step == shown), len(self.calls))
        return told

    async def _line(self, at: int | None = None) -> list[Call]:
        """The calls of the present line, or of the one that leads to a step."""
        try:
            told = await self.engine.ask("timeline", agent=self.engine.agent, before=None, limit=HISTORY, at=at)
            return [Call.of(row) for row in told["calls"]]
        except UserError:  # an engine of before
            page = await self.engine.ask("history", agent=self.engine.agent, before=1 << 53, limit=HISTORY)
            return calls_of(page["events"], self._window)

    async def _at_call(self, place: int) -> Shown:
        """Main context at a call, or now."""
        call = self.calls[place] if place < len(self.calls) else None
        key = call.step if call else None
        if key is None or key not in self._kept:
            shown = await self.engine.ask("show", agent=self.engine.agent, what="context", at=key)
            self._kept[key] = Shown.of(shown, call)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    async def _show(self) -> None:
        self.shown = await self._at_call(self.place)
        before = (await self._at_call(self.place - 1)).blocks if self.place > 0 else self.shown.blocks
        self.blocks = compared(self.shown.blocks, before)
        self.sought.look(self.blocks)
        self._draw()

    def action_step(self, step: int) -> None:
        if isinstance(self.focused, Input):
            raise SkipAction
        self.query_one(KeyLine).hush()
        self.place = max(0, min(len(self.calls), self.place + step))
        self._work(self._show())

    @on(TimeLine.Moved)
    def _clicked(self, event: TimeLine.Moved) -> None:
        self.place = event.place
        self._work(self._show())

    # --- drawing ----------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        shown = self.shown
        if shown is None:
            return
        self.query_one(TimeLine).show(self.calls, self.place)
        call = self.calls[self.place] if self.place < len(self.calls) else None
        at = f"step {shown.step} · {shown_time(now_of(call.at))}" if call else "now"
        self.query_one("#line-pane", Pane).set_figure(f"{at} · {shown.figure}", "$foreground")
        told = " · ".join(text for _, text in call.marks) if call else "as it stands now"
        self.query_one("#told", Static).update(Content.styled(f" {inert(told)}", "$muted"))
        counts = {mark: sum(block.mark == mark for block in self.blocks) for mark in "+~-"}
        changed = "  ".join(f"{mark}{count}" for mark, count in counts.items() if count)
        self.query_one("#blocks-pane", Pane).set_figure(changed)
        listed = self.query_one(BlockList)
        place = listed.highlighted or 0
        listed.clear_options()
        listed.add_options([Option(self._line_of(number)) for number in range(len(self.blocks))])
        listed.highlighted = min(place, len(self.blocks) - 1) if self.blocks else None
        self._read()

    def _line_of(self, place: int) -> Content:
        block, shown = self.blocks[place], self.shown
        share = round(6 * block.tokens / shown.total) if shown and shown.total else 0
        step = str(block.step) if block.step else ""
        held = "*" if place in self.sought.places else " "
        name = inert(block.name)
        return Content.assemble(
            (f"{block.mark}{held}", STYLES[block.mark]),
            (name[:COLUMN].ljust(COLUMN), "" if block.mark != "-" else "$muted"),
            (step.rjust(6), "$muted"), (f" {'█' * share:<6}", "$accent"), f"{block.tokens:>6,}",
        )  # fmt: skip

    @on(OptionList.OptionHighlighted)
    def _read(self) -> None:
        block = self._marked
        if block is None:
            return
        self.query_one(Reader).show(self._text_of(block))
        recalled = f", {block.recalled:,} recalled" if block.recalled else ""
        self.query_one("#block-pane", Pane).set_figure(f"{block.name} · {block.tokens:,} tokens{recalled}")

    @property
    def _marked(self) -> Block | None:
        place = self.query_one(BlockList).highlighted
        return self.blocks[place] if place is not None and place < len(self.blocks) else None

    def _text_of(self, block: Block) -> Content:
        from tui.context.seeing import difference

        if self.differs and block.mark in "~-":
            return Content("\n").join(difference(block.before, block.text))
        return lit(inert(block.words), self.sought.words)

    # --- keys -------------------------------------------------------------------------------------------------

    def on_key(self) -> None:
        if not isinstance(self.focused, Input):  # there it is told of what is being sought
            self.query_one(KeyLine).hush()

    @on(OptionList.OptionSelected)
    def _open_block(self) -> None:
        reader = self.query_one(Reader)
        if reader.is_on_screen:
            reader.focus()
        elif block := self._marked:
            from tui.screens.dialogs import Read

            self.app.push_screen(Read(f"{block.name}, {block.tokens:,} tokens", self._text_of(block)))

    def action_back(self) -> None:
        if isinstance(self.focused, Input):
            self.remove_class("-seeking")
            self.query_one(BlockList).focus()
        elif isinstance(self.focused, Reader):
            self.query_one(BlockList).focus()
        else:
            self.dismiss(None)

    def action_difference(self) -> None:
        self.differs = not self.differs
        self._say("the difference to the call before" if self.differs else "the words as they are sent")
        self._read()

    def action_seek(self) -> None:
        self.add_class("-seeking")
        self.query_one("#seek", Input).focus()

    @on(Input.Changed)
    def _seeking(self, event: Input.Changed) -> None:
        self.sought.words = event.value.strip()
        self.sought.look(self.blocks)
        self._draw()
        if self.sought.places and (self.query_one(BlockList).highlighted not in self.sought.places):
            self.query_one(BlockList).highlighted = self.sought.places[0]
        if self.sought.words:
            self._say(f"in {len(self.sought.places)} blocks")
        else:
            self.query_one(KeyLine).hush()

    @on(Input.Submitted)
    def _sought(self) -> None:
        self.remove_class("-seeking")
        self.query_one(BlockList).focus()

    def action_next(self, step: int) -> None:
        listed = self.query_one(BlockList)
        place = self.sought.next(listed.highlighted or 0, step)
        if place is not None:
            listed.highlighted = place

    def _say(self, text: str) -> None:
        self.query_one(KeyLine).say(text)
