"""What line mode does for the slash commands that a front end carries out itself: what the screen shows, in lines."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from memgpt import commands, config
from memgpt.home import LOOKING_ON, UserError, fold, texts
from memgpt.paths import absolute
from memgpt.words import whole
from tui import forgetting
from tui.actions import days
from tui.cli.lines import last_lines
from tui.text import inert

if TYPE_CHECKING:
    from tui.cli.plain import Plain

HELP = "Write a message, or a command. Ctrl+C stops the model, /exit leaves."
LOG_LINES = 40
STEPS = 20  # that are read at a time
USER, ANSWER = "user_message", "assistant_message"


async def _help(plain: Plain, argument: str) -> None:
    plain.say(HELP, *(f"{each.usage}  {each.help}" for each in commands.COMMANDS))


async def _log(plain: Plain, argument: str) -> None:
    plain.say(*last_lines(plain.home.log, _number(argument) if argument else LOG_LINES))


async def _queue(plain: Plain, argument: str) -> None:
    plain.say(*(f"waits: {text}" for text in plain.waiting) if plain.waiting else ("Nothing waits.",))


async def _context(plain: Plain, argument: str) -> None:
    at = commands.step_of(argument) if argument else None
    shown = await plain.connection.ask("show", agent=plain.connection.agent, what="context", at=at)
    rows = [f"{section['name']}: {section['tokens']}" for section in shown["sections"]]
    plain.say(*rows, f"total: {shown['total']} of {shown['window']}")


async def _theme(plain: Plain, argument: str) -> None:
    if not argument:
        chosen = config.load(plain.home)["theme"]
        plain.say(*(f"{name}{', now' if name == chosen else ''}" for name in texts(plain.home, "themes")))
        return
    if plain.options.read_only:
        raise UserError(*LOOKING_ON)
    from tui import theme

    theme.load(plain.home, argument)
    config.save(plain.home, {"theme": argument})
    plain.say(f"The full screen has the colours of {argument!r} from now on.")


async def _keys(plain: Plain, argument: str) -> None:
    from memgpt.keyboard import ACTIONS, PLACES
    from tui.keymap import shown_keys

    if argument:
        raise UserError("Keys are the full screen's.", "/help lists what can be done here.")
    settings = config.load(plain.home)
    plain.say("The keys of the full screen; `memgpt configure --set keys.NAME=KEY` rebinds them.")
    for place, title in PLACES.items():
        plain.say(title, *(f"  {shown_keys(action.name, settings)}: {action.help} (keys.{action.name})"
                           for action in ACTIONS if action.where == place))  # fmt: skip


# --- what was said --------------------------------------------------------------------------------------------


async def _said(plain: Plain, *kinds: str) -> list[dict[str, Any]]:
    """The messages of the conversation, as far as a screen would have it loaded."""
    found = await plain.connection.ask("snapshot", agent=plain.connection.agent)
    return [event for event in found["snapshot"]["events"] if event["type"] in kinds]


async def _go(plain: Plain, argument: str) -> None:
    """Reads the conversation from a day or a step on; without either its end."""
    start: dict[str, int] = {}
    if argument.isdecimal() and not days.is_year(argument):
        start = {"after": commands.step_of(argument) - 1}
    elif argument:
        start = {"at": days.moment(argument)}
    page = await plain.connection.ask("history", agent=plain.connection.agent, limit=STEPS, **start)
    if not page["first"]:
        raise UserError(f"Nothing was said from {argument} on.", "Choose an earlier day or step; /go alone is now.")
    plain.tell(page["events"])
    if page["later"]:
        plain.say(f"/go {page['last'] + 1} reads on.")


async def _copy(plain: Plain, argument: str) -> None:
    if argument == "all":
        said = await _said(plain, USER, ANSWER)
        names = {USER: "you", ANSWER: plain.connection.agent}
        await _to_clipboard(plain, "\n\n".join(f"{names[event['type']]}: {event['text']}" for event in said))
        return
    answers = await _said(plain, ANSWER)
    place = 1 if argument in ("", "code") else _number(argument)
    if place > len(answers):
        raise UserError("There is no such answer here.", "/copy, /copy 2, /copy code, /copy all.")
    text = str(answers[-place]["text"])
    await _to_clipboard(plain, await _code(plain, text) if argument == "code" else text)


async def _code(plain: Plain, text: str) -> str:
    """A block of code of a text; which one, where there are several, the user says."""
    from tui.actions.message_actions import code_blocks

    blocks = code_blocks(text)
    if not blocks:
        raise UserError("There is no block of code in this message.", "/copy copies the whole message.")
    if len(blocks) == 1:
        return blocks[0]
    plain.say(*(f"{number}: {' '.join(block.split())[:60]}" for number, block in enumerate(blocks, 1)))
    place = _number(await plain.asked(f"Copy which block? 1 to {len(blocks)}"))
    if place > len(blocks):
        raise UserError(f"There is no block {place}.", f"There are {len(blocks)}.")
    return blocks[place - 1]


async def _to_clipboard(plain: Plain, text: str) -> None:
    from tui import clipboard

    # what is no terminal takes no control sequence, as a dumb one does not
    environment = os.environ if sys.stdout.isatty() else {**os.environ, "TERM": "dumb"}

    def write(sequence: str) -> None:
        print(sequence, end="", flush=True)

    plain.say(await asyncio.to_thread(clipboard.copy, inert(text), plain.home, write, environment))


async def _edit(plain: Plain, argument: str) -> None:
    mine = await _said(plain, USER)
    place = _number(argument) if argument else 1
    if place > len(mine):
        raise UserError("There is no such message of yours here.", "/edit takes the last one, /edit 2 the one before.")
    old = mine[-place]
    plain.say(f"you: {old['text']}")
    text = await plain.asked("Write it anew; an empty line leaves everything as it was.")
    if not text:
        plain.say("Nothing was changed.")
        return
    await plain.connection.ask("go_back", agent=plain.connection.agent, step=old["step"], before=True)
    await plain.connection.send(text)


async def _forget(plain: Plain, argument: str) -> None:
    given: dict[str, Any] = {"agent": plain.connection.agent, "text": argument}
    found = await forgetting.look(plain.home, plain.connection.ask, **given)
    plain.say(*found.told())
    if not await plain.agrees(f"Erase {argument!r} for good, everywhere?"):
        plain.say("Nothing was erased.")
        return
    await forgetting.erase(plain.home, plain.connection.ask, found, **given)
    plain.say("Erased.")


def _number(argument: str) -> int:
    if not (number := whole(argument)):
        raise UserError(f"{argument!r} is not a number of 1 or more.")
    return number


# --- agents ---------------------------------------------------------------------------------------------------


async def _agents(plain: Plain, argument: str) -> None:
    if argument:
        await plain.go_to(argument)
    else:
        plain.say(*map(told_agent, await plain.connection.ask("agents")))


def told_agent(row: dict[str, Any]) -> str:
    """One agent as a line."""
    words = [
        str(row.get("model") or ""),
        "archived" if row.get("archived") else "",
        "at work" if row.get("busy") else "",
    ]
    last = " ".join(inert(str(row.get("last_words") or "")).split())[:100]
    return f"{inert(row['name'])}: {', '.join(word for word in words if word)}{f'. {last}' if last else ''}"


async def _new(plain: Plain, argument: str) -> None:
    if name := argument or await plain.asked("Name of the new agent:"):
        made = await plain.connection.ask("create_agent", name=name, throw_if_exists=True)
        await plain.go_to(made["name"])


async def _rename(plain: Plain, argument: str) -> None:
    old = plain.connection.agent
    made = await plain.connection.ask("rename_agent", agent=old, name=argument)
    await plain.go_to(made["name"])
    plain.say(f"{old} is {made['name']} now.")


async def _fork(plain: Plain, argument: str) -> None:
    agent = plain.connection.agent
    name, at = commands.fork_argument(argument)
    made = await plain.connection.ask("fork_agent", agent=agent, name=name, at=at)
    await plain.go_to(made["name"])
    plain.say(f"{made['name']} goes on from where {agent} is.")


async def _archive(plain: Plain, argument: str) -> None:
    made = await plain.connection.ask("archive_agent", agent=argument or plain.connection.agent)
    plain.say(f"{made['name']} is {'put away' if made['archived'] else 'here again'}.")


async def _delete(plain: Plain, argument: str) -> None:
    if fold(argument) == fold(plain.connection.agent):
        raise UserError("This agent is the one you are talking to.", "Go to another one first.")
    name = plain.home.known_agent(argument)
    if not await plain.agrees(f"Delete agent {name}?"):
        plain.say("Nothing was deleted.")
        return
    await plain.connection.ask("delete_agent", name=name, keep=True)
    plain.say(f"{name} is deleted.")


async def _export(plain: Plain, argument: str) -> None:
    agent, path = plain.connection.agent, str(absolute(argument))
    found = await plain.connection.ask("export_agent", agent=agent, path=path)
    plain.say(f"{agent} is in {path}." + (f" Its digest is {found['digest']}." if "digest" in found else ""))


async def _import(plain: Plain, argument: str) -> None:
    written, name = commands.load_argument(argument)
    path = str(absolute(written))
    if path.endswith(".jsonl"):
        await plain.connection.ask("import_messages", agent=plain.connection.agent, path=path)
        plain.say(f"The messages of {path} are in recall storage.")
        return
    made = await plain.connection.ask("import_agent", path=path, **({"name": name} if name else {}))
    await plain.go_to(made["name"])
    plain.say(f"{made['name']} is here.")


# --- what there are no lines for ------------------------------------------------------------------------------


def _elsewhere(name: str, instead: str) -> Own:
    async def refuse(plain: Plain, argument: str) -> None:
        plain.say(f"/{name} needs the full screen. {instead}")

    return refuse


Own = Callable[["Plain", str], Awaitable[None]]
OWN: dict[str, Own] = {
    "help": _help, "log": _log, "queue": _queue, "context": _context, "theme": _theme, "keys": _keys, "go": _go,
    "copy": _copy, "edit": _edit, "forget": _forget, "agents": _agents, "new": _new, "rename": _rename, "fork": _fork,
    "archive": _archive, "delete": _delete, "export": _export, "import": _import,
    "browse": _elsewhere("browse", "Here /recall and /archival search, in the shell `memgpt search`."),
    "tour": _elsewhere("tour", "`memgpt run --tour` begins with it."),
}  # fmt: skip
