"""What the keys of the app do: one function for each action of the table in `memgpt/keyboard.py`, found by its name."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from textual.actions import SkipAction

from memgpt.home import UserError
from tui.prompting.ahead import OPENING

if TYPE_CHECKING:
    from tui.app import MemGPTApp

TWICE_S = 1.5  # within which a second Ctrl+C quits
Do = Callable[["MemGPTApp"], None]


def do(app: MemGPTApp, name: str) -> None:
    """Carries out the action of that name. A screen over the main one has the panes to itself."""
    if name in OF_THE_PANES and len(app.screen_stack) > 1:
        raise SkipAction
    _DOES[name](app)


def _job(app: MemGPTApp, work: Coroutine[Any, Any, None], group: str = "command") -> None:
    app.run_worker(work, group=group, exit_on_error=False)


def _stop(app: MemGPTApp) -> None:
    """Closes or leaves what is nearest: the palette, the drawer, a pane, an edit; else stops the model."""
    if app.menu.is_open:
        app.writing.close_menu()
    elif app.first_run and app.first_run.trying:
        from tui.actions import setting_up

        setting_up.stop(app)
    elif app.base.focused is not app.prompt:
        app.arrangement.to_prompt()
    elif app.prompt.instead_of:
        app.writing.leave_message()
        app.status.flash("left as it was; Up brings the words back")
    elif app.busy:
        _stop_turn(app)


def _stop_turn(app: MemGPTApp) -> None:
    app.run_worker(app.outbox.stop(), group="stop", exclusive=True, exit_on_error=False)


def _interrupt(app: MemGPTApp) -> None:
    now = time.monotonic()
    if selected := app.screen.get_selected_text():
        app.screen.clear_selection()
        _job(app, app.copy(selected))
    elif app.busy:
        _stop_turn(app)
    elif app.prompt.text:
        app.outbox.keep_unsent(app.prompt.keep())
        app.prompt.text = ""
        app.writing.replaces(0)
        app.status.flash("cleared; Up brings it back")
    elif now - app.interrupted_at < TWICE_S:
        app.leave()
    else:
        app.interrupted_at = now
        app.status.flash("Ctrl+C again quits", TWICE_S)


def _help(app: MemGPTApp) -> None:
    """Every key, those of the screen that is shown first. What is read closes with the same key."""
    section = "" if app.screen is app.base else getattr(app.screen, "section", None)
    if section is None:
        raise SkipAction
    from tui.screens.help import help_screen

    app.push_screen(help_screen(app.settings, section))


def _scroll(where: str) -> Do:
    """Scrolls the chat; a screen over it scrolls itself."""

    def scroll(app: MemGPTApp) -> None:
        if len(app.screen_stack) > 1:
            raise SkipAction
        if where == "end":
            app.drawing.to_now()
        elif where == "up":
            app.chat.scroll_page_up(animate=False)
        else:
            app.chat.scroll_page_down(animate=False)

    return scroll


async def _jump(app: MemGPTApp) -> None:
    from tui.screens.jump import Jump, targets

    target = await app.push_screen_wait(Jump(targets(app)))
    if target is None:
        return
    app.base.query_one(f"#{target.widget}").focus()
    if target.entry is not None:
        app.chat.mark(target.entry)


async def _queue(app: MemGPTApp) -> None:
    """Shows what waits; what is chosen comes back into the prompt, and is not sent until Enter."""
    from tui.screens.queue import Queue

    waiting = list(app.bridge.view.queued)
    if not waiting:
        app.status.flash("nothing waits")
        return
    place = await app.push_screen_wait(Queue(waiting))
    if place >= 0:
        await app.outbox.take_back(place, waiting[place])


def _beside(step: int) -> Do:
    def go(app: MemGPTApp) -> None:
        if len(app.rooms.open) == 1:
            _alone(app)
            return
        _job(app, app.enter(app.rooms.beside(step).agent))

    return go


def _alone(app: MemGPTApp) -> None:
    from tui.keymap import first_key

    app.status.flash(f"no other agent is open; {first_key('agents', app.settings)} shows them all")


async def _cancel(app: MemGPTApp) -> None:
    try:
        await app.jobs.cancel()
    except UserError as error:
        app.status.flash(str(error))


OF_THE_PANES = (
    "jump", "drawer", "zoom", "hide", "wider", "narrower", "taller", "shorter", "reset_layout", "inspect", "browse", "agents",
    "next_agent", "previous_agent", "queue",
)  # fmt: skip
_DOES: dict[str, Do] = {
    "stop": _stop,
    "interrupt": _interrupt,
    "help": _help,
    "inspect": lambda app: app.run_command("/context"),
    "browse": lambda app: app.run_command("/browse"),
    "agents": lambda app: app.run_command("/agents"),
    "drawer": lambda app: app.arrangement.drawer(),
    "scroll_up": _scroll("up"),
    "scroll_down": _scroll("down"),
    "chat_end": _scroll("end"),
    "jump": lambda app: _job(app, _jump(app), OPENING),
    "zoom": lambda app: app.arrangement.zoom(),
    "hide": lambda app: app.arrangement.hide(),
    "wider": lambda app: app.arrangement.wider(4),
    "narrower": lambda app: app.arrangement.wider(-4),
    "taller": lambda app: app.arrangement.taller(1),
    "shorter": lambda app: app.arrangement.taller(-1),
    "reset_layout": lambda app: app.arrangement.reset(),
    "next_agent": _beside(1),
    "previous_agent": _beside(-1),
    "queue": lambda app: _job(app, _queue(app), OPENING),
    "allow": lambda app: app.run_command("/allow"),
    "deny": lambda app: app.run_command("/deny"),
    "cancel_job": lambda app: _job(app, _cancel(app)),
    "redraw": lambda app: app.line.draw_anew(),
    "quit": lambda app: app.leave(),
}
