"""Slash commands about agents: the roster, a new one, other names, copies, files."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from memgpt.commands import fork_argument
from memgpt.home import UserError, fold
from memgpt.paths import absolute, exists, names_something
from memgpt.words import counted
from tui.cli import front
from tui.screens.dialogs import Ask, Confirm

if TYPE_CHECKING:
    from tui.app import MemGPTApp

JSONL = ".jsonl"


async def _agents(app: MemGPTApp, argument: str) -> None:
    name = argument
    if not name:
        from tui.screens.roster import Roster

        name = await app.push_screen_wait(Roster(app, await app.connection.ask("agents")))
    if name:
        await go_to(app, name)


async def go_to(app: MemGPTApp, name: str) -> None:
    """Shows an agent and remembers it as the last one; a name that differs in case alone is the same agent."""
    known = next((each for each in app.home.agent_names() if fold(each) == fold(name)), name)
    await app.enter(known)
    if not app.options.read_only:
        front.remember(app.home, agent=known)


async def _new(app: MemGPTApp, argument: str) -> None:
    asked = None if argument else await app.push_screen_wait(Ask("Name of the new agent"))
    if not (name := argument or asked):
        return
    made = await app.connection.ask("create_agent", name=name, throw_if_exists=True)
    await go_to(app, made["name"])


async def _rename(app: MemGPTApp, argument: str) -> None:
    old = app.room.agent
    made = await app.connection.ask("rename_agent", agent=old, name=argument)
    app.rooms.renamed(old, made["name"])
    front.remember(app.home, agent=made["name"])


async def _fork(app: MemGPTApp, argument: str) -> None:
    name, at = fork_argument(argument)
    made = await app.jobs.run(f"forking {app.room.agent!r}", "fork_agent", agent=app.room.agent, name=name, at=at)
    await go_to(app, made["name"])


async def _archive(app: MemGPTApp, argument: str) -> None:
    made = await app.connection.ask("archive_agent", agent=argument or app.room.agent)
    app.bridge.note(
        f"{made['name']} is {'put away; /archive takes it out again' if made['archived'] else 'here again'}."
    )


async def _delete(app: MemGPTApp, argument: str) -> None:
    if fold(argument) == fold(app.room.agent):
        raise UserError("This agent is the one you are talking to.", "Go to another one first.")
    argument = app.home.known_agent(argument)
    if await app.push_screen_wait(Confirm(f"Delete agent {argument}?", "The list of agents (u) can bring it back.")):
        app.rooms.leave(argument)
        await app.connection.ask("delete_agent", name=argument, keep=True)
        app.bridge.note(f"{argument} is deleted.")
    else:
        app.bridge.note("Nothing was deleted.")


async def _export(app: MemGPTApp, argument: str) -> None:
    path = str(absolute(argument))
    result = await app.jobs.run(f"exporting {app.room.agent!r}", "export_agent", agent=app.room.agent, path=path)
    digest = f" Its digest is {result['digest']}." if result.get("digest") else ""
    app.bridge.note(f"{app.room.agent} is in {path}.{digest}")


async def _import(app: MemGPTApp, argument: str) -> None:
    """Messages from JSONL go into this agent; any other file is an agent."""
    try:
        written, *words = shlex.split(argument)
    except ValueError:
        written, words = argument, []
    if names_something(argument):
        written, words = argument, []
    path = absolute(written)
    if not (exists(path) and path.is_file()):
        raise UserError(f"There is no file {path}.", "Give the path of one.")
    if path.suffix.lower() == JSONL:
        found = await app.jobs.run(f"importing {path.name!r}", "import_messages", agent=app.room.agent, path=str(path))
        app.bridge.note(f"{counted(found['imported'], 'message')} of {path.name} are in recall storage.")
        return
    wanted = {"name": " ".join(words)} if words else {}
    made = await app.jobs.run(f"importing {path.name!r}", "import_agent", path=str(path), **wanted)
    await go_to(app, str(made["name"]))


Own = Callable[["MemGPTApp", str], Awaitable[None]]
OWN: dict[str, Own] = {
    "agents": _agents, "new": _new, "rename": _rename, "fork": _fork, "archive": _archive, "delete": _delete,
    "export": _export, "import": _import,
}  # fmt: skip
