"""What the app does for a slash command: its own at once, the session's through the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from memgpt import commands, config
from memgpt.home import LOOKING_ON, UserError, texts
from memgpt.words import counted, whole
from tui import theme as themes
from tui.actions import agents, days
from tui.cli import front
from tui.cli.lines import last_lines
from tui.screens.dialogs import Confirm, Pick
from tui.text import inert

if TYPE_CHECKING:
    from tui.app import MemGPTApp
    from tui.rooms import Room

SMALL_MODEL = (
    "You are talking to the built-in model: it is small and runs here, offline. It is not clever, but nothing is "
    "forgotten. A better one: set a key such as OPENAI_API_KEY and choose /model openai/gpt-4o-mini, start a server on "
    "this machine and run `memgpt quickstart --backend local`, or choose /model gguf:FILE."
)

TOUR = "New here? /tour shows how memory works"  # where the first words will stand


async def run(app: MemGPTApp, line: str) -> None:
    """Carries out one line that began with a slash; what it has to say goes into the chat, where it is seen."""
    word, argument = commands.parse(line)
    command = commands.find(word)
    said_before = app.bridge.view.chat[-1:]
    try:
        if command is None:
            raise UserError(commands.unknown(word))
        if app.options.read_only and not commands.only_looks(word, argument):
            raise UserError(*LOOKING_ON)
        if command.needs_argument and not argument:
            raise UserError(f"/{command.name} needs {command.arguments}.", f"Write {command.usage}.")
        own = _OWN.get(command.name)
        if own:
            await own(app, argument)
        else:
            await _session(app, command, argument)
    except UserError as error:
        app.could_not(error)
    last = app.bridge.view.chat[-1:]
    if last and last != said_before and last[0].kind in ("note", "error"):
        app.drawing.to_now()


SCREENS = ("help", "context", "browse", "log", "tour", "queue", "edit", "copy", "delete")
SCREENS_ALONE = ("agents", "new", "theme", "keys", "attach", "persona", "human")  # with an argument they open nothing


def opens(line: str) -> bool:
    """Whether a command may open a screen, as one that asks does, or leads elsewhere: what is typed behind it waits."""
    word, argument = commands.parse(line)
    command = commands.find(word)
    return command is not None and (
        command.confirm or command.name in SCREENS or (command.name in SCREENS_ALONE and not argument)
    )


async def _session(app: MemGPTApp, command: commands.Command, argument: str) -> None:
    """A command of the session; where it asks first, the question is put with what it is about."""
    line = commands.located(f"/{command.name} {argument}".rstrip())
    outcome = await app.connection.command(line)
    if outcome.get("ask"):
        if not await app.push_screen_wait(Confirm(outcome["ask"], outcome.get("text", ""))):
            app.bridge.note("Nothing was changed.")
            return
        outcome = await app.connection.command(line, confirmed=True)
    if command.name == "attach" and not argument and outcome.get("data"):
        await _attach(app, outcome["data"])
    elif outcome.get("text"):
        app.bridge.note(outcome["text"])


async def _attach(app: MemGPTApp, sources: list[dict[str, Any]]) -> None:
    choices = [(row["name"], counted(row["passages"], "passage")) for row in sources]
    name = await app.push_screen_wait(Pick("Attach a source", choices))
    if name:
        app.bridge.note((await app.connection.command(f"/attach {name}"))["text"])


async def _exit(app: MemGPTApp, argument: str) -> None:
    app.leave()


async def _help(app: MemGPTApp, argument: str) -> None:
    from tui.screens.help import help_screen

    await app.push_screen_wait(help_screen(app.settings))


async def _context(app: MemGPTApp, argument: str) -> None:
    from tui.screens.inspector import Inspector

    at = commands.step_of(argument) if argument else None
    context = app.bridge.view.context
    app.push_screen(Inspector(app.connection, app.look, at, context.window if context else 0))


async def _theme(app: MemGPTApp, argument: str) -> None:
    name = argument
    if not name:
        choices = [(known, "now" if known == app.look.name else "") for known in texts(app.home, "themes")]
        name = await app.push_screen_wait(Pick("Theme", choices))
    if name:
        app.drawing.restyle(themes.load(app.home, name))
        if not app.options.read_only:
            config.save(app.home, {"theme": name})


def welcome(app: MemGPTApp, room: Room, snapshot: dict[str, Any]) -> None:
    """What an agent's user should know when it opens: a turn that was cut off, and, once, what the model is."""
    if app.options.read_only:
        return
    front.remember(app.home, agent=snapshot["agent"])
    if snapshot["unfinished"]:
        room.bridge.note("The last turn was cut off. /heartbeat lets the model go on; /retry asks again.")
    if not app.options.set_up and not app.options.read_only and not front.read(app.home).get("told_tour"):
        app.prompt.placeholder = TOUR
    front.remember(app.home, told_tour=True)
    if snapshot["settings"]["model"] == config.BUILTIN and not front.read(app.home).get("told_builtin"):
        room.bridge.note(SMALL_MODEL)
        front.remember(app.home, told_builtin=True)


GO_ON = {
    "budget": ("Another budget of the same size begins then.", "/budget go"),
    "steps": ("The model goes on where it was, with as many calls once more.", "/heartbeat"),
}


async def answer(app: MemGPTApp, event: dict[str, Any]) -> None:
    """Puts a question of the engine to the user: whether a turn that was stopped for its budget or its length may go on."""
    about, command = GO_ON[event["call_id"]]
    if await app.push_screen_wait(Confirm(inert(event["text"]), about)):
        await run(app, command)


async def _forget(app: MemGPTApp, argument: str) -> None:
    from tui import forgetting

    given = {"agent": app.connection.agent, "text": argument}
    found = await forgetting.look(app.home, app.connection.ask, **given)
    about = "\n".join(found.told())
    if not await app.push_screen_wait(Confirm(f"Erase {argument!r} for good, everywhere?", about)):
        app.bridge.note("Nothing was erased.")
        return
    await forgetting.erase(app.home, app.connection.ask, found, app.kept, **given)
    app.outbox.recall_history()
    snapshot, since = await app.connection.draw_anew()
    app.bridge.show(snapshot)  # and nothing of what was noted, in which it may stand
    app.bridge.follow(since)
    app.bridge.note("Erased.")


async def _copy(app: MemGPTApp, argument: str) -> None:
    """`all` is the conversation as far as it is loaded; a number counts answers from the end."""
    from tui.actions.message_actions import act

    said = [entry for entry in app.bridge.view.chat if entry.kind in ("user", "assistant")]
    if argument == "all":
        await app.copy("\n\n".join(f"{entry.who}: {entry.text}" for entry in said))
        return
    answers = [entry for entry in said if entry.kind == "assistant"]
    place = 1 if argument in ("", "code") else _number(argument)
    if place > len(answers):
        raise UserError("There is no such answer here.", "/copy, /copy 2, /copy code, /copy all.")
    await act(app, "copy_code" if argument == "code" else "copy", answers[-place])


async def _edit(app: MemGPTApp, argument: str) -> None:
    from tui.actions.message_actions import act

    mine = [entry for entry in app.bridge.view.chat if entry.kind == "user"]
    place = _number(argument) if argument else 1
    if place > len(mine):
        raise UserError("There is no such message of yours here.", "/edit takes the last one, /edit 2 the one before.")
    await act(app, "edit", mine[-place])


def _number(argument: str) -> int:
    if (number := whole(argument)) < 1:
        raise UserError(f"{argument!r} is not a number of 1 or more.")
    return number


async def _keys(app: MemGPTApp, argument: str) -> None:
    from memgpt.keyboard import BY_NAME
    from tui.screens.help import keys_screen

    if not argument:
        await app.push_screen_wait(keys_screen(app.settings))
    elif argument in BY_NAME and BY_NAME[argument].where == "app" and not BY_NAME[argument].method:
        app.do(argument)
    else:
        raise UserError(f"There is no action {argument!r} to carry out from here.", "/keys lists them.")


async def _log(app: MemGPTApp, argument: str) -> None:
    from textual.content import Content

    from tui.screens.dialogs import Read

    count = _number(argument) if argument else LOG_LINES
    lines = await asyncio.to_thread(last_lines, app.home.log, count)
    await app.push_screen_wait(
        Read(str(app.home.log), Content(inert("\n".join(lines)) or "Nothing is in it."), at_end=True)
    )


async def _tour(app: MemGPTApp, argument: str) -> None:
    from tui.screens.tour import Tour

    await app.push_screen_wait(Tour(app.look))


async def _queue(app: MemGPTApp, argument: str) -> None:
    app.do("queue")


def _block(label: str) -> Own:
    """`/persona` and `/human`: with a text the session's, without one the block is opened in place."""

    async def edit(app: MemGPTApp, argument: str) -> None:
        from tui.context.seeing import edit_in_place

        command = commands.find(label)
        assert command is not None
        await (_session(app, command, argument) if argument else edit_in_place(app, label))

    return edit


async def _browse(app: MemGPTApp, argument: str) -> None:
    from tui.screens.browser import Browser

    app.push_screen(await Browser.of_agent(app.connection, app.look, argument, app.options.read_only))


async def _go(app: MemGPTApp, argument: str) -> None:
    """To the first message from a day on, or from a step on; without either, to the end."""
    if not argument:
        app.drawing.to_now()
        return
    if argument.isdecimal() and not days.is_year(argument):
        if not 0 < whole(argument) <= app.bridge.view.step:
            raise UserError(f"There is no step {argument}.", f"The last one is {app.bridge.view.step}.")
        await app.drawing.go(whole(argument))
    elif not await app.drawing.go(at=days.moment(argument)):
        raise UserError(f"Nothing was said from {argument} on.", "Choose an earlier day.")


LOG_LINES = 400
Own = Callable[["MemGPTApp", str], Awaitable[None]]
_OWN: dict[str, Own] = {
    "exit": _exit, "help": _help, "context": _context, "theme": _theme, "forget": _forget, "copy": _copy,
    "edit": _edit, "keys": _keys, "log": _log, "queue": _queue, "browse": _browse, "tour": _tour, "go": _go,
    "persona": _block("persona"), "human": _block("human"), **agents.OWN,
}  # fmt: skip
