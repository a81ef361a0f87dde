"""The app: wiring only. The bridge keeps the view, the connection speaks with the engine, widgets draw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.worker import Worker, WorkerState

from memgpt import config
from memgpt.commands import Command
from memgpt.home import Home, UserError
from tui import theme as themes
from tui.cli import front
from tui.connection import Connection
from tui.keymap import bindings_of, keymap, shown_keys
from tui.memory_view import memory_entries
from tui.options import RunOptions
from tui.palette import SlashCommands
from tui.terminal import on_hang_up
from tui.view import Entry, View
from tui.widgets.context_map import ContextMap
from tui.widgets.first_run import FirstRun
from tui.widgets.pane import Pane
from tui.widgets.prompt import Prompt
from tui.widgets.slash_menu import SlashMenu
from tui.widgets.status import FULL, HOT, StatusLine, figure, fullness
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.bridge import Bridge

FLUSH_S, SLOW_FLUSH_S = 0.1, 0.25  # between two drawings of an answer that grows
SOON_S = 0.03  # and of everything else
TWICE_S = 1.5  # within which a second Ctrl+C quits
Part = str


class MemGPTApp(App[None], inherit_bindings=False):
    """MemGPT in the terminal, on one agent at a time."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "MemGPT"
    AUTO_FOCUS = "#prompt, #box OptionList, #box Input"  # the prompt from the very first key on
    COMMANDS = frozenset({SlashCommands})  # type: ignore[assignment]
    COMMAND_PALETTE_BINDING = ""
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("app")
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]  # noqa: RUF012

    def __init__(self, home: Home, options: RunOptions, settings: Mapping[str, Any], history: list[str]) -> None:
        super().__init__()
        self.home, self.options, self.settings = home, options, settings
        self.look, self._no_theme = themes.load_or_default(home, options.theme)
        self.register_theme(themes.for_textual(self.look))
        self.theme = self.look.name
        self.connection = Connection(home, options, "screen", self._snapshot, self._event, self._trouble)
        self.connection.user_waits = lambda: bool(self._unsent)
        self.history = history
        self.failure = ""
        self._unsent: list[str] = []
        self._offered: list[str] = []
        self._keeping = asyncio.Lock()
        self._queued: list[Entry] = []
        self._flush_s = SLOW_FLUSH_S if options.low_bandwidth else FLUSH_S
        self._flushing = False
        self._flushed_at = 0.0
        self._interrupted_at = 0.0

    def compose(self) -> ComposeResult:
        view = View()
        with Horizontal(id="columns"):
            chat = [Transcript(self.look, id="chat"), SlashMenu()]
            if self.options.set_up:
                chat.insert(1, FirstRun())  # type: ignore[arg-type]
            yield Pane(*chat, Prompt(self.history), title="Chat", id="chat-pane")
            with Vertical(id="side"):
                yield Pane(ContextMap(self.look, view), title="Context", id="context-pane")
                yield Pane(Transcript(self.look, id="memory", follows=False), title="Core memory", id="memory-pane")
                yield Pane(Transcript(self.look, id="monologue"), title="Inner monologue", id="monologue-pane")
        hints = f"{shown_keys('palette', self.settings)} palette   {shown_keys('help', self.settings)} help"
        yield StatusLine(self.look, view, hints)

    def on_mount(self) -> None:
        self.set_keymap(keymap(self.settings))
        if not self.is_headless:
            on_hang_up(self.exit)
        slow = max(1, self.size.height // 2) if self.options.low_bandwidth else 0
        for transcript in self.query(Transcript):
            transcript.follow_step = slow or transcript.follow_step
        self.prompt.focus()
        self._hint()
        if self.options.read_only:
            self.prompt.read_only = True
            self.prompt.placeholder = "Looking on"
        if not self.options.set_up:
            self.call_after_refresh(self.start)  # the first frame and the first keys come before everything else

    def start(self) -> None:
        """Goes to the engine, which is started where none runs."""
        self.run_worker(self.connection.run(), group="connection", exit_on_error=False)

    # --- short ways to the parts ------------------------------------------------------------------------------

    @cached_property
    def bridge(self) -> Bridge:
        """Made when first asked for: its vocabulary takes longer to load than the first frame can wait."""
        from tui.bridge import Bridge

        return Bridge(self._wake)

    @property
    def prompt(self) -> Prompt:
        return self.screen_stack[0].query_one(Prompt)

    @property
    def chat(self) -> Transcript:
        return self.screen_stack[0].query_one("#chat", Transcript)

    @property
    def status(self) -> StatusLine:
        return self.screen_stack[0].query_one(StatusLine)

    @property
    def menu(self) -> SlashMenu:
        return self.screen_stack[0].query_one(SlashMenu)

    @property
    def first_run(self) -> FirstRun | None:
        return next(iter(self.screen_stack[0].query(FirstRun)), None)

    # --- what arrives -----------------------------------------------------------------------------------------

    def _snapshot(self, snapshot: dict[str, Any], resumed: bool) -> None:
        if resumed:
            self.bridge.resume(snapshot)
        else:
            self.bridge.show(snapshot)
            from tui import commands as front_commands

            front_commands.welcome(self, snapshot)
            if self._no_theme:
                self.bridge.note(self._no_theme, "error")
                self._no_theme = ""
        self.connection.seen = self.bridge.view.step
        if not self.options.read_only:
            self.run_worker(self._offer_drafts(snapshot), group="drafts", exit_on_error=False)

    async def _offer_drafts(self, snapshot: dict[str, Any]) -> None:
        """Puts what was sent but never came to the engine into the prompt again."""
        from memgpt.events import microseconds

        agent, lost, had = snapshot["agent"], [], []
        known = [*self._unsent, *snapshot["activity"]["queued"]]
        said = [event for event in snapshot["events"] if event["type"] == "user_message"]
        for at, text in front.drafts_of(self.home, agent):
            if text in known:
                known.remove(text)
            elif any(event["text"] == text and microseconds(event["at"]) >= int(at * 1000) * 1000 for event in said):
                had.append(text)
            else:
                lost.append(text)
        await self._kept(front.heard, self.home, agent, had)
        if lost:
            self._offered = lost
            self.prompt.fill("\n".join([*lost, self.prompt.text] if self.prompt.text else lost))
            self.bridge.note("What you had sent did not come to the model. It is in the prompt again.")

    async def _kept(self, change: Callable[..., None], *given: Any) -> None:
        """One change after the other of what front ends remember, while keys go on being taken."""
        async with self._keeping:
            await asyncio.to_thread(change, *given)

    async def forget(self, text: str) -> None:
        """Takes words out of the prompt's history and out of the drafts, here and in the home."""
        await self._kept(front.erase, self.home, text)
        self._recall_history()

    def _recall_history(self) -> None:
        self.prompt.past = front.history(self.home)
        self.prompt.rewind()

    def _event(self, event: dict[str, Any]) -> None:
        if event["type"] == "user_message" and not self.options.read_only:
            kept = self._kept(front.heard, self.home, self.connection.agent, [event["text"]])
            self.run_worker(kept, group="drafts", exit_on_error=False)
        elif event["type"] == "rewound" and event["why"] == "forget":
            self._recall_history()
        self.bridge.apply(event)
        self.connection.seen = self.bridge.view.step

    def _trouble(self, text: str) -> None:
        self.bridge.view.phase = "starting"
        self.status.flash(text)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What a job of ours could not do is said in the chat, or, where there is no engine to be had, at the end."""
        if event.state is not WorkerState.ERROR or event.worker.error is None:
            return
        error = event.worker.error
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        if event.worker.group == "connection":
            self.failure = text
            self.exit(return_code=1)
        else:
            self.bridge.note(text, "error")

    # --- drawing ----------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._flushing or not self.is_running:
            return
        self._flushing = True
        pause = self._flush_s if self.bridge.growing else SOON_S
        wait = pause - (time.monotonic() - self._flushed_at)
        if wait <= 0:
            self.call_later(self._draw_changes)
        else:
            self.set_timer(wait, self._draw_changes)

    def _draw_changes(self) -> None:
        """Draws what has changed since the last time."""
        self._flushing = False
        self._flushed_at = time.monotonic()
        changed, view = self.bridge.take(), self.bridge.view
        if self.bridge.stale:
            self.bridge.stale = False
            self.run_worker(self._draw_anew(), group="draw", exclusive=True, exit_on_error=False)
        base = self.screen_stack[0]
        if "chat" in changed:
            self._draw_chat()
        if "monologue" in changed:
            base.query_one("#monologue", Transcript).show(view.monologue)
        if "memory" in changed:
            base.query_one("#memory", Transcript).show(memory_entries(view.blocks.values()))
        if "context" in changed:
            self._draw_context()
        if changed & {"context", "status"}:
            self.status.show(view)
        if "status" in changed:
            base.query_one("#chat-pane", Pane).set_figure(view.agent)

    def _draw_chat(self) -> None:
        waiting = [*self.bridge.view.queued, *self._unsent]
        if [entry.text for entry in self._queued] != waiting:
            self._queued = [Entry("queued", text) for text in waiting]
        self.chat.show([*self.bridge.view.chat, *self._queued])

    def _draw_context(self) -> None:
        view = self.bridge.view
        self.screen_stack[0].query_one(ContextMap).show(view)
        style = "$error" if fullness(view) >= FULL else "$warning" if fullness(view) >= HOT else "$foreground"
        self.screen_stack[0].query_one("#context-pane", Pane).set_figure(figure(view), style)

    async def _draw_anew(self) -> None:
        self.bridge.redraw(await self.connection.draw_anew())

    def restyle(self, look: themes.Look) -> None:
        """Another theme, everywhere at once."""
        self.look = look
        self.register_theme(themes.for_textual(look))
        self.theme = look.name
        for transcript in self.query(Transcript):
            transcript.restyle(look)
        self.query_one(ContextMap).look = self.status.look = look
        self._draw_context()
        self.status.show(self.bridge.view)

    def on_resize(self) -> None:
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        self.status.meter = self.size.width < 100
        keys = [
            (shown_keys("send", self.settings), "send"), (shown_keys("newline", self.settings).partition(",")[0], "line"),
            ("/", "commands"), (shown_keys("stop", self.settings), "stop"),
        ]  # fmt: skip
        if self.status.meter:
            keys = [
                keys[2],
                (shown_keys("help", self.settings), "help"),
                (shown_keys("drawer", self.settings), "memory"),
            ]
        pane = self.screen_stack[0].query_one("#chat-pane", Pane)
        pane.border_subtitle = " · ".join(f"{key} {word}" for key, word in keys)
        self.status.refresh()

    # --- the prompt -------------------------------------------------------------------------------------------

    @on(Prompt.Changed)
    def _typed(self) -> None:
        self.menu.follow(self.prompt.text)
        self.prompt.menu_open = self.menu.is_open

    @on(Prompt.Moved)
    def _moved(self, event: Prompt.Moved) -> None:
        step = {"up": -1, "down": 1}.get(event.key)
        if not step:
            self.menu.follow(self.prompt.text)
        if step and self.menu.is_open:
            self.menu.move(step)
        elif step and self.first_run:
            self.first_run.move(step)
        elif self.menu.marked:
            command = self.menu.marked
            if event.key == "take" and not command.needs_argument:
                self.prompt.fill(f"/{command.name}")
                self._close_menu()
                self.prompt.submit()
            else:
                self.prompt.fill(f"/{command.name} ")
        elif event.key == "take":
            self.prompt.submit()

    def _close_menu(self) -> None:
        self.menu.close()
        self.prompt.menu_open = False

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        if self.first_run:
            self._set_up()
        text = event.text.strip()
        command = text.startswith("/")
        if text:
            self.run_worker(
                self._remember(text if not command else event.text, not command, time.time()),
                group="drafts",
                exit_on_error=False,
            )
        if command:
            self.run_command(text)
        elif text:
            self.run_worker(self._send(text), group="send", exit_on_error=False)

    async def _remember(self, text: str, draft: bool, at: float) -> None:
        again, self._offered = self._offered, []
        await self._kept(front.sent, self.home, self.connection.agent, text, at if draft else None, again)

    def _set_up(self) -> None:
        """Takes what the first-run panel has marked, and begins."""
        panel = self.first_run
        if panel is None:
            return
        choice = panel.chosen
        config.save(self.home, {"model": choice.model, "model_endpoint": choice.endpoint})
        self.connection.overrides |= {"model": choice.model, "model_endpoint": choice.endpoint or None}
        panel.remove()
        self.start()

    async def _send(self, text: str) -> None:
        self._unsent.append(text)
        self.bridge.changed.add("chat")
        self._wake()
        self.chat.to_end()
        await self.connection.ready()
        self._unsent.remove(text)
        await self.connection.send(text)

    def choose_command(self, command: Command) -> None:
        """A command of the palette: run at once, or put into the prompt where it needs an argument."""
        if command.needs_argument:
            self.prompt.fill(f"/{command.name} ")
            self.prompt.focus()
        else:
            self.run_command(f"/{command.name}")

    def run_command(self, line: str) -> None:
        from tui import commands as front_commands

        self.run_worker(front_commands.run(self, line), group="command", exit_on_error=False)
        self.prompt.focus()

    # --- keys -------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return self.bridge.view.phase not in ("idle", "starting")

    def action_stop(self) -> None:
        if self.menu.is_open:
            self._close_menu()
        elif self.screen.has_class("-drawer"):
            self.action_drawer()
        elif self.busy:
            self.run_worker(self._stop(), group="stop", exclusive=True, exit_on_error=False)
        else:
            self.prompt.focus()

    async def _stop(self) -> None:
        """Stops the turn; messages that were waiting come back into the prompt."""
        dropped = [text for text in await self.connection.cancel(queued=True) if text]
        if dropped:
            await self._kept(front.heard, self.home, self.connection.agent, dropped)
            self.prompt.fill("\n".join([*dropped, self.prompt.text] if self.prompt.text else dropped))

    def action_interrupt(self) -> None:
        now = time.monotonic()
        if selected := self.screen.get_selected_text():
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self.status.flash(f"copied {len(selected)} characters")
        elif self.busy:
            self.run_worker(self._stop(), group="stop", exclusive=True, exit_on_error=False)
        elif self.prompt.text:
            self.prompt.text = ""
        elif now - self._interrupted_at < TWICE_S:
            self.exit()
        else:
            self._interrupted_at = now
            self.status.flash("Ctrl+C again quits", TWICE_S)

    def action_help(self) -> None:
        self.run_command("/help")

    def action_inspect(self) -> None:
        self.run_command("/context")

    def action_drawer(self) -> None:
        self.screen_stack[0].toggle_class("-drawer")

    def action_leave(self) -> None:
        self.exit()

    def action_scroll(self, where: str) -> None:
        """Scrolls the chat; a screen over it scrolls itself."""
        if len(self.screen_stack) > 1:
            raise SkipAction
        if where == "end":
            self.chat.to_end()
        elif where == "up":
            self.chat.scroll_page_up(animate=False)
        else:
            self.chat.scroll_page_down(animate=False)

    @on(Transcript.TopReached)
    def _older(self, event: Transcript.TopReached) -> None:
        if event.transcript.id == "chat" and self.bridge.view.earlier:
            self.run_worker(self._load_older(), group="history", exclusive=True, exit_on_error=False)

    async def _load_older(self) -> None:
        page = await self.connection.ask("history", agent=self.connection.agent, before=self.bridge.view.first_step)
        chat, monologue = self.bridge.prepend(page["events"], page["earlier"])
        self.chat.prepended(chat, [*self.bridge.view.chat, *self._queued])
        self.query_one("#monologue", Transcript).prepended(monologue, self.bridge.view.monologue)

    @on(ContextMap.Opened)
    def _open_cell(self, event: ContextMap.Opened) -> None:
        self.run_command("/context")
