"""The app: wiring only. Rooms keep the agents' views and speak with the engine, widgets draw, actions are what keys do."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from rich.console import Console
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from memgpt.commands import Command
from memgpt.home import Home, UserError
from memgpt.keyboard import usable
from memgpt.link import LinkLost
from tui import theme as themes
from tui.cli import writing
from tui.connection import Connection
from tui.drawing import Drawing
from tui.keymap import bindings_of, shown_keys
from tui.layout import Layout, panes
from tui.line.driver import LineDriver
from tui.line.slow import Line
from tui.options import RunOptions
from tui.palette import SlashCommands
from tui.prompting.ahead import OPENING, Ahead
from tui.prompting.outbox import Outbox
from tui.prompting.writing import Writing
from tui.rooms import Room, Rooms
from tui.terminal import log_failure, on_hang_up
from tui.view import View
from tui.widgets.context_map import ContextMap
from tui.widgets.messages import Messages
from tui.widgets.pane import Pane
from tui.widgets.prompt import Prompt
from tui.widgets.slash_menu import SlashMenu
from tui.widgets.status import StatusLine
from tui.widgets.transcript import Transcript

if TYPE_CHECKING:
    from tui.actions.jobs import Jobs
    from tui.bridge import Bridge
    from tui.widgets.first_run import FirstRun

AGAIN_S = 3.0  # after the start, until drafts are looked for again
LOOK_S = 1.0  # between two looks at the theme's file
Kept = TypeVar("Kept")


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


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
        super().__init__(driver_class=LineDriver)
        self.home, self.options, self.settings = home, options, settings
        self.line: Line = Line(self)
        self.look, no_theme = themes.load_or_default(home, options.theme)
        self.register_theme(themes.for_textual(self.look))
        self.theme = self.look.name
        self.history = history
        self.keys, wrong_keys = usable(settings)
        self.to_say = [line for line in (no_theme, *wrong_keys) if line]
        self.painted = asyncio.Event()
        self.drawing, self.rooms = Drawing(self), Rooms(self)
        self.writing, self.ahead = Writing(self), Ahead(self)
        self.arrangement: Layout = Layout(self)
        self.theme_watch = themes.Watch(home, self.look.name)
        self.failure = ""
        self.interrupted_at = 0.0
        self._keeping = asyncio.Lock()
        self._title = ""

    def compose(self) -> ComposeResult:
        view = View()
        yield from panes(self.look, view, self.history, self.keys, self.options.set_up)
        hints = f"{shown_keys('palette', self.settings)} palette   {shown_keys('help', self.settings)} help"
        yield StatusLine(self.look, view, hints)

    def on_load(self) -> None:
        if not self.options.set_up:
            self.start()  # what the engine answers comes in while the first frame is drawn

    def on_mount(self) -> None:
        self.set_keymap(self.keys)
        self.set_class(self.look.plain, "-plain")
        if not self.is_headless:
            on_hang_up(self.leave)
        self.line.apply()
        self.prompt.focus()
        self.arrangement.apply()
        if self.options.read_only:
            self.prompt.read_only = True
            self.prompt.placeholder = "Looking on"
        self.call_after_refresh(self.painted.set)  # the first frame and the first keys come before everything else
        self.set_interval(LOOK_S, self._look_at_theme)
        if self.options.tour:
            self.call_after_refresh(self.run_command, "/tour")

    def start(self) -> None:
        """Goes to the engine, which is started where none runs."""
        self.rooms.start()

    def leave(self) -> None:
        """Ends the app when the keys that were pressed before are in the prompt: it takes them one by one."""
        if not (self.screen_stack and self.prompt.call_later(self.exit)):
            self.exit()

    def exit(self, *given: Any, **more: Any) -> None:
        """Ends the app; what is being written is kept."""
        self._keep()
        super().exit(*given, **more)

    def _keep(self) -> None:
        if self.screen_stack:
            self.writing.keep_now()
            writing.release(self.home)

    async def kept(self, change: Callable[..., Kept], *given: Any) -> Kept:
        """One change after the other of what front ends remember, while keys go on being taken."""
        async with self._keeping:
            return await asyncio.to_thread(change, *given)

    def _handle_exception(self, error: Exception) -> None:
        """What nobody expected ends the app; what it was stands in the log, without the values of variables."""
        self.failure = self.failure or log_failure(self.home, error)
        self.error_console = Console(file=io.StringIO())  # where Textual would print all of it, on the user's screen
        with contextlib.suppress(Exception):  # whatever else is broken
            self._keep()
        super()._handle_exception(error)

    # --- short ways to the parts ------------------------------------------------------------------------------

    @cached_property
    def jobs(self) -> Jobs:
        """Made when there is long work: the first frame does not wait for it."""
        from tui.actions.jobs import Jobs

        return Jobs(self)

    @property
    def room(self) -> Room:
        """The agent that is shown."""
        return self.rooms.present

    @property
    def bridge(self) -> Bridge:
        return self.room.bridge

    @property
    def connection(self) -> Connection:
        return self.room.connection

    @property
    def outbox(self) -> Outbox:
        return self.room.outbox

    @property
    def base(self) -> Screen[Any]:
        """The main screen, whatever lies over it."""
        return self.screen_stack[0]

    @property
    def prompt(self) -> Prompt:
        return self.base.query_one(Prompt)

    @property
    def chat(self) -> Messages:
        return self.base.query_one(Messages)

    @property
    def status(self) -> StatusLine:
        return self.base.query_one(StatusLine)

    @property
    def menu(self) -> SlashMenu:
        return self.base.query_one(SlashMenu)

    @property
    def first_run(self) -> FirstRun | None:
        return cast("FirstRun | None", next(iter(self.base.query("FirstRun")), None))

    @property
    def busy(self) -> bool:
        return self.room.busy

    async def on_event(self, event: events.Event) -> None:
        """What is typed goes to what the key before it has opened."""
        if not self.ahead.keeps(event):
            await super().on_event(event)

    # --- what arrives -----------------------------------------------------------------------------------------

    def entered(self, room: Room, snapshot: dict[str, Any]) -> None:
        """An agent has been attached to for the first time."""
        from tui.actions import commands as front_commands

        front_commands.welcome(self, room, snapshot)
        while self.to_say:
            self.bridge.note(self.to_say.pop(0), "error")
        if not self.options.read_only:
            self.run_worker(self.writing.take_up(room.agent), group="drafts", exit_on_error=False)
            self.set_timer(
                AGAIN_S, partial(self._take_up_again, room.agent)
            )  # its writer may have been ending just now

    def _take_up_again(self, agent: str) -> None:
        self.run_worker(self.writing.take_up(agent), group="drafts", exit_on_error=False)

    def retitle(self) -> None:
        """The title of the window, where it is ours to set: the agent, and whether it is at work."""
        if self.settings.get("notify.title") and not self.is_headless:
            from tui import notices

            title = notices.title(f"{'… ' if self.busy else ''}{self.room.agent} - MemGPT")
            if title != self._title:
                self._title = title
                self.to_terminal(title)

    def turned(self, room: Room, event: dict[str, Any]) -> None:
        """A turn goes on or has ended, of this agent or another open one."""
        self.status.others = self.rooms.others()
        if not room.shown:
            self.status.refresh()
        if event["type"] == "turn_end" and not self.is_headless:
            from tui import notices

            seconds = event.get("total_ms", 0) / 1000
            self.to_terminal(notices.ended(room.agent, seconds, str(event.get("reason")), self.settings))
        self.retitle()

    def erased(self) -> None:
        """Words were forgotten for good: no screen goes on showing them."""
        from tui.screens.erased import Erased

        for screen in self.screen_stack:
            screen.post_message(Erased())

    def asked_by_engine(self, event: dict[str, Any]) -> None:
        """Whether a turn that was stopped may go on. A call that waits for the user's word is told of in the chat, where no
        key that is being typed can answer by mistake."""
        from tui.actions import commands as front_commands

        self.run_worker(front_commands.answer(self, event), group="question", exclusive=True, exit_on_error=False)

    def to_terminal(self, sequence: str) -> None:
        """Sends a control sequence of ours beside the picture."""
        if sequence and self._driver is not None:
            self._driver.write(sequence)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What a job of ours could not do is said in the chat, or, where there is no engine to be had, at the end."""
        if event.state is not WorkerState.ERROR or event.worker.error is None:
            return
        error = event.worker.error
        if event.worker.group == "connection":
            self.failure = _words(error)
            self.exit(return_code=1)
        else:
            self.could_not(error)

    def could_not(self, error: BaseException) -> None:
        """Says in the chat what went wrong; of an engine that went away once, however many requests waited for it."""
        text, last = _words(error), self.bridge.view.chat[-1:]
        if not (isinstance(error, LinkLost) and last and last[0].text == text):
            self.bridge.note(text, "error")

    @on(Transcript.TopReached)
    def _older(self, event: Transcript.TopReached) -> None:
        if event.transcript.id == "chat" and self.room.past.earlier:
            self._read_on(up=True)

    @on(Transcript.EndReached)
    def _later(self, event: Transcript.EndReached) -> None:
        if event.transcript.id == "chat" and not self.room.past.joined:
            self._read_on(up=False)

    def _read_on(self, up: bool) -> None:
        """One page at a time: whoever turns quickly asks again when it is there."""
        if not any(worker.group == "history" and not worker.is_finished for worker in self.workers):
            self.run_worker(self.drawing.read_on(up), group="history", exit_on_error=False)

    @on(ContextMap.Opened)
    def _open_cell(self, event: ContextMap.Opened) -> None:
        from tui.context.seeing import show_piece

        self.run_worker(show_piece(self, event.piece), group=OPENING, exit_on_error=False)

    @on(Messages.Chosen)
    def _chosen(self, event: Messages.Chosen) -> None:
        from tui.actions.message_actions import act

        self.run_worker(act(self, event.what, event.entry), group=OPENING, exit_on_error=False)

    # --- the picture ------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.line.resized()
        self.call_after_refresh(self.arrangement.apply)

    @on(events.DescendantBlur)
    def _left(self, event: events.DescendantBlur) -> None:
        self.arrangement.left(event.widget)

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    @on(Messages.Walked)
    @on(Pane.Resized)
    def hint(self) -> None:
        """What works here and now."""
        if self.is_running and self.screen_stack and self.base.is_mounted:
            from tui import footer

            footer.draw(self)

    def _look_at_theme(self) -> None:
        """A theme's file that was changed is drawn with; of one that is broken a line is said."""
        if not self.theme_watch.changed():
            return
        try:
            self.drawing.restyle(themes.load(self.home, self.look.name))
        except UserError as error:
            self.bridge.note(f"{error} It stays as it was.", "error")

    # --- the prompt -------------------------------------------------------------------------------------------

    @on(Transcript.Scrolled)
    def _scrolled(self) -> None:
        self.writing.keep_soon()

    @on(Prompt.Changed)
    def _typed(self) -> None:
        self.writing.typed()

    @on(Prompt.Moved)
    def _moved(self, event: Prompt.Moved) -> None:
        self.writing.moved(event.key)

    @on(Prompt.Asked)
    def _asked(self, event: Prompt.Asked) -> None:
        if event.what == "editor":
            self.writing.edit()
        elif event.what == "palette":
            self.action_command_palette()
        elif event.what == "look_on":
            self.status.flash("You are looking on: nothing is written here. / shows what can be looked at.")
        else:
            self.run_worker(self.writing.search_history(), group=OPENING, exit_on_error=False)

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        if event.instead_of:
            self.writing.replaces(0)  # what is written next is a new message
        if self.first_run and event.text.strip() != "/tour":
            from tui.actions import setting_up

            setting_up.begin(self, event.text)
        elif event.instead_of and (text := event.text.strip()) and not text.startswith("/"):
            self.outbox.send(text, event.instead_of)
        else:
            self.outbox.entered(event.text)

    # --- commands and keys ------------------------------------------------------------------------------------

    def choose_command(self, command: Command) -> None:
        """A command of the palette: run at once, or put into the prompt where it needs an argument."""
        if command.needs_argument and self.options.read_only:
            self.run_worker(self._ask_and_run(command), group=OPENING, exit_on_error=False)
        elif command.needs_argument:
            self.prompt.replace_kept(f"/{command.name} ")
            self.prompt.focus()
        else:
            self.run_command(f"/{command.name}")

    async def _ask_and_run(self, command: Command) -> None:
        """Where nothing can be written into the prompt."""
        from tui.screens.dialogs import Ask

        if argument := await self.push_screen_wait(Ask(command.usage)):
            self.run_command(f"/{command.name} {argument}")

    def run_command(self, line: str) -> None:
        from tui.actions import commands as front_commands

        group = OPENING if front_commands.opens(line) else "command"
        self.run_worker(front_commands.run(self, line), group=group, exit_on_error=False)
        self.prompt.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """A screen that is `alone` has the keys to itself; the app is left or suspended from there all the same."""
        rests = bool(self.screen_stack) and getattr(self.screen, "alone", False)
        return not rests or action == "suspend_process" or parameters == ("quit",)

    def do(self, name: str) -> None:
        """An action of the table of keys, by its name."""
        from tui.actions import keys as actions

        actions.do(self, name)

    def action_do(self, name: str) -> None:
        self.do(name)

    async def enter(self, agent: str, **overrides: Any) -> None:
        """Shows another agent; of an open one everything is there at once."""
        old = self.room
        if old.agent == agent:
            return
        self.writing.keep_now()
        room = self.rooms.enter(agent, **overrides)
        self.writing.changed_room(old.agent, agent)
        self.chat.marked = None
        self.status.others = self.rooms.others()
        self.drawing.everything()
        self.prompt.focus()
        await room.connection.ready()

    async def copy(self, text: str) -> None:
        """Copies a text and says where it went."""
        from tui import clipboard

        said = await asyncio.to_thread(clipboard.copy, text, self.home, self.to_terminal)
        self.status.flash(said, 6)
        self._clipboard = text
