"""Set-up on the screen: what the first-run panel has marked is tried, saved, and begun with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memgpt import config
from memgpt.choices import ALWAYS, Choice, result_line
from memgpt.home import UserError
from memgpt.link import Link

if TYPE_CHECKING:
    from tui.app import MemGPTApp

GROUP = "trial"


def begin(app: MemGPTApp, text: str) -> None:
    """Enter was pressed over the panel, with a first message or without. The built-in model needs no trial; while another
    is tried, the message stands in the prompt."""
    panel = app.first_run
    assert panel is not None
    if panel.chosen == ALWAYS and not panel.trying:
        _take(app, ALWAYS, text)
        return
    app.prompt.put_before([text] if text.strip() else [])
    if not panel.trying:
        app.run_worker(_try(app, panel.chosen), group=GROUP, exclusive=True, exit_on_error=False)


def stop(app: MemGPTApp) -> None:
    """Gives a trial up that is under way."""
    app.workers.cancel_group(app, GROUP)
    if app.first_run:
        app.first_run.say("Stopped. Enter tries it again, Up and Down choose another.")


async def _try(app: MemGPTApp, choice: Choice) -> None:
    """A live call of the chosen model; where it fails, why stands under it."""
    panel = app.first_run
    assert panel is not None
    panel.say(f"asking {choice.model} whether it answers … Esc stops", trying=True)
    try:
        told = await _probed(app, choice)
    except UserError as error:
        told = {"ok": False, "message": error.message, "hint": error.hint}
    if not told["ok"]:
        panel.say(f"{result_line(told)} Choose another, or press Enter to try again.")
        return
    text = app.prompt.keep()
    app.prompt.replace_kept("")
    _take(app, choice, text)
    await app.connection.ready()
    app.bridge.note(f"{choice.model} {result_line(told)}.")


async def _probed(app: MemGPTApp, choice: Choice) -> dict[str, Any]:
    link = await Link.open(app.home, role="screen")
    try:
        return dict(await link.ask("probe", model=choice.model, model_endpoint=choice.endpoint))
    finally:
        await link.close()


def _take(app: MemGPTApp, choice: Choice, text: str) -> None:
    """Saves the choice and opens the agent with it."""
    config.save(app.home, {"model": choice.model, "model_endpoint": choice.endpoint})
    app.connection.overrides |= {"model": choice.model, "model_endpoint": choice.endpoint or None}
    if app.first_run:
        app.first_run.remove()
    app.start()
    app.outbox.entered(text)
