"""What the app does for a slash command: its own at once, the session's through the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from memgpt import commands, config
from memgpt.home import UserError, texts
from tui import theme as themes
from tui.cli import front
from tui.screens.dialogs import Ask, Confirm, Pick
from tui.text import inert

if TYPE_CHECKING:
    from tui.app import MemGPTApp

SMALL_MODEL = (
    "You are talking to the built-in model: it is small and runs here, offline. It is not clever, but nothing is "
    "forgotten. A better one: set a key such as OPENAI_API_KEY and choose /model openai/gpt-4o-mini, start a server on "
    "this machine and run `memgpt quickstart --backend local`, or choose /model gguf:FILE."
)


async def run(app: MemGPTApp, line: str) -> None:
    """Carries out one line that began with a slash; what it has to say goes into the chat."""
    word, argument = commands.parse(line)
    command = commands.find(word)
    try:
        if command is None:
            raise UserError(commands.unknown(word))
        if command.needs_argument and not argument:
            raise UserError(f"/{command.name} needs {command.arguments}.", f"Write {command.usage}.")
        own = _OWN.get(command.name)
        if own:
            await own(app, argument)
        else:
            await _session(app, command, argument)
    except UserError as error:
        app.bridge.note(str(error), "error")


async def _session(app: MemGPTApp, command: commands.Command, argument: str) -> None:
    """A command of the session; where it asks first, the question is put with what it is about."""
    if app.options.read_only:
        raise UserError("You are looking on, with --read-only.", "Open the app without it to take part.")
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
    choices = [(row["name"], f"{row['passages']} passages") for row in sources]
    name = await app.push_screen_wait(Pick("Attach a source", choices))
    if name:
        app.bridge.note((await app.connection.command(f"/attach {name}"))["text"])


async def _exit(app: MemGPTApp, argument: str) -> None:
    app.exit()


async def _help(app: MemGPTApp, argument: str) -> None:
    from tui.screens.help import help_screen

    await app.push_screen_wait(help_screen(app.settings))


async def _context(app: MemGPTApp, argument: str) -> None:
    from tui.screens.inspector import inspector

    if argument and not argument.isdigit():
        raise UserError(f"{argument!r} is not a step.", "Give the number of a step, or nothing for now.")
    at = int(argument) if argument else None
    shown = await app.connection.ask("show", agent=app.connection.agent, what="context", at=at)
    await app.push_screen_wait(inspector(shown))


async def _agents(app: MemGPTApp, argument: str) -> None:
    rows = await app.connection.ask("agents")
    name = argument
    if not name:
        choices = [(row["name"], f"{row.get('model', '')}  {row.get('messages', '')} messages") for row in rows]
        name = await app.push_screen_wait(Pick("Agents", choices))
    if name:
        await _open(app, name)


async def _new(app: MemGPTApp, argument: str) -> None:
    name = argument or await app.push_screen_wait(Ask("Name of the new agent"))
    if not name:
        return
    made = await app.connection.ask("create_agent", name=name, throw_if_exists=True)
    await _open(app, made["name"])


async def _open(app: MemGPTApp, name: str) -> None:
    await app.connection.switch(name)
    front.remember(app.home, agent=name)


async def _theme(app: MemGPTApp, argument: str) -> None:
    name = argument
    if not name:
        choices = [(known, "now" if known == app.look.name else "") for known in texts(app.home, "themes")]
        name = await app.push_screen_wait(Pick("Theme", choices))
    if name:
        app.restyle(themes.load(app.home, name))
        config.save(app.home, {"theme": name})


def welcome(app: MemGPTApp, snapshot: dict[str, Any]) -> None:
    """What an agent's user should know when it opens: a turn that was cut off, and, once, what the model is."""
    front.remember(app.home, agent=snapshot["agent"])
    if snapshot["unfinished"]:
        app.bridge.note("The last turn was cut off. /heartbeat lets the model go on; /retry asks again.")
    if snapshot["settings"]["model"] == config.BUILTIN and not front.read(app.home).get("told_builtin"):
        app.bridge.note(SMALL_MODEL)
        front.remember(app.home, told_builtin=True)


async def _forget(app: MemGPTApp, argument: str) -> None:
    found = await app.connection.ask("forget", agent=app.connection.agent, text=argument, confirmed=False)
    about = "\n".join(f"{place['where']}: {place['text']}" for place in found["found"])
    if not await app.push_screen_wait(Confirm(f"Erase {argument!r} for good, everywhere?", inert(about))):
        app.bridge.note("Nothing was erased.")
        return
    await app.forget(argument)
    await app.connection.ask("forget", agent=app.connection.agent, text=argument, confirmed=True)
    app.bridge.note("Erased.")
    app.bridge.show(await app.connection.draw_anew())


Own = Callable[["MemGPTApp", str], Awaitable[None]]
_OWN: dict[str, Own] = {
    "exit": _exit, "help": _help, "context": _context, "agents": _agents, "new": _new, "theme": _theme,
    "forget": _forget,
}  # fmt: skip
