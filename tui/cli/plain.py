"""`memgpt run --plain`: the same session and slash commands, line by line, for screen readers and dumb terminals."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from pathlib import Path
from typing import Any

from memgpt import commands
from memgpt.home import Home, UserError, fold
from memgpt.words import GOING_ON, YOUR_WORD, counted, whole
from tui.cli import front
from tui.cli.lines import last_lines
from tui.connection import Connection
from tui.options import RunOptions
from tui.text import inert

HELP = "Write a message, or a command. Ctrl+C stops the model, /exit leaves."


def converse(home: Home, options: RunOptions) -> int:
    """Runs until the input ends or `/exit`."""
    return asyncio.run(Plain(home, options).run())


class Plain:
    """A thin front end: reads lines, prints events."""

    def __init__(self, home: Home, options: RunOptions) -> None:
        self.home, self.options = home, options
        self.connection = Connection(home, options, "plain", self._snapshot, self._event, self._trouble)
        self.connection.user_waits = lambda: bool(select.select([sys.stdin], [], [], 0)[0])
        self._idle = asyncio.Event()
        self._waiting: list[str] = []

    async def run(self) -> int:
        listening = asyncio.create_task(self.connection.run())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: asyncio.ensure_future(self._stop()))
        try:
            ready = asyncio.create_task(self.connection.ready())
            await asyncio.wait({listening, ready}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            while (line := await asyncio.to_thread(sys.stdin.readline)) and await self._said(line.strip()):
                pass
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return 0

    async def _said(self, line: str) -> bool:
        """Carries out one line; False to leave."""
        try:
            if line.startswith("/"):
                return await self._command(line)
            if line:
                await self.connection.send(line)
        except UserError as error:
            print(f"memgpt: {inert(str(error))}", flush=True)
        return True

    async def _command(self, line: str) -> bool:
        word, argument = commands.parse(line)
        command = commands.find(word)
        if command is None:
            print(inert(commands.unknown(word)), flush=True)
            return True
        if command.needs_argument and not argument:
            raise UserError(f"/{command.name} needs {command.arguments}.", f"Write {command.usage}.")
        match command.name:
            case "exit":
                return False
            case "help":
                print(HELP, *(f"{each.usage}  {each.help}" for each in commands.COMMANDS), sep="\n", flush=True)
            case "agents" if not argument:
                print(*map(told_agent, await self.connection.ask("agents")), sep="\n", flush=True)
            case "rename" | "fork" | "archive" | "delete" | "export" | "import":
                print(await self._about_agents(command.name, argument), flush=True)
            case "log":
                print(
                    *map(inert, last_lines(self.home.log, whole(argument) or 40)),
                    sep="\n",
                    flush=True,
                )
            case "queue":
                waiting = self._waiting
                print(
                    *(f"waits: {inert(text)}" for text in waiting) if waiting else ("Nothing waits.",),
                    sep="\n",
                    flush=True,
                )
            case "context":
                at = commands.step_of(argument) if argument else None
                shown = await self.connection.ask("show", agent=self.connection.agent, what="context", at=at)
                rows = [f"{section['name']}: {section['tokens']}" for section in shown["sections"]]
                print(*rows, f"total: {shown['total']} of {shown['window']}", sep="\n", flush=True)
            case "new" | "agents" if argument:
                await self._go_to(argument)
            case name if command.where == "front" or name == "forget":
                print(f"/{command.name} needs the full screen, or `memgpt --help` for its command.", flush=True)
            case _:
                if not command.busy:
                    await self._idle.wait()  # the model is at work, and there is nobody to press a key meanwhile
                await self._session_command(line)
        return True

    async def _go_to(self, agent: str) -> None:
        await self.connection.switch(agent)
        await self.connection.ready()
        front.remember(self.home, agent=agent)

    async def _about_agents(self, what: str, argument: str) -> str:
        """Carries out a command about agents, with words for what was done."""
        agent, ask = self.connection.agent, self.connection.ask
        match what:
            case "rename":
                made = await ask("rename_agent", agent=agent, name=argument)
                await self._go_to(made["name"])
                return f"{agent} is {made['name']} now."
            case "fork":
                name, at = commands.fork_argument(argument)
                made = await ask("fork_agent", agent=agent, name=name, at=at)
                await self._go_to(made["name"])
                return f"{made['name']} goes on from where {agent} is."
            case "archive":
                made = await ask("archive_agent", agent=argument or agent)
                return f"{made['name']} is {'put away' if made['archived'] else 'here again'}."
            case "delete":
                if fold(argument) == fold(agent):
                    raise UserError("This agent is the one you are talking to.", "Go to another one first.")
                argument = self.home.known_agent(argument)
                print(f"Delete agent {inert(argument)}? [y/N]", flush=True)
                if (await asyncio.to_thread(sys.stdin.readline)).strip().lower() not in ("y", "yes"):
                    return "Nothing was deleted."
                await ask("delete_agent", name=argument, keep=True)
                return f"{argument} is deleted."
        path = str(Path(argument).expanduser().absolute())
        if what == "export":
            found = await ask("export_agent", agent=agent, path=path)
            return f"{agent} is in {path}." + (f" Its digest is {found['digest']}." if "digest" in found else "")
        if path.endswith(".jsonl"):
            await ask("import_messages", agent=agent, path=path)
            return f"The messages of {path} are in recall storage."
        made = await ask("import_agent", path=path)
        await self._go_to(made["name"])
        return f"{made['name']} is here."

    async def _session_command(self, typed: str) -> None:
        line = commands.located(typed)
        outcome = await self.connection.command(line)
        if outcome.get("ask"):
            print(inert(f"{outcome['text']}\n{outcome['ask']} [y/N]"), flush=True)
            answer = await asyncio.to_thread(sys.stdin.readline)
            if answer.strip().lower() not in ("y", "yes"):
                return
            outcome = await self.connection.command(line, confirmed=True)
        if outcome.get("text"):
            print(inert(outcome["text"]), flush=True)

    async def _stop(self) -> None:
        await self.connection.cancel(queued=True)

    def _snapshot(self, snapshot: dict[str, Any], resumed: bool) -> None:
        if not resumed:
            front.remember(self.home, agent=snapshot["agent"])
            print(f"{inert(snapshot['agent'])} on {inert(snapshot['settings']['model'])}. {HELP}", flush=True)
        self._at_work(snapshot["activity"])
        for event in snapshot["events"] if resumed else snapshot["events"][-20:]:
            self._event(event)

    def _trouble(self, text: str) -> None:
        self._idle.set()
        print(text, flush=True)

    def _at_work(self, activity: dict[str, Any]) -> None:
        self._waiting = list(activity["queued"])
        if activity["phase"] == "idle" and not activity["queued"]:
            self._idle.set()
        else:
            self._idle.clear()

    def _event(self, event: dict[str, Any]) -> None:
        if event["type"] == "activity":
            self._at_work(event)
        self.connection.seen = max(self.connection.seen, int(event.get("step") or 0))
        if line := spoken(event, self.connection.agent):
            print(line, flush=True)


def told_agent(row: dict[str, Any]) -> str:
    """One agent as a line."""
    words = [
        str(row.get("model") or ""),
        "archived" if row.get("archived") else "",
        "at work" if row.get("busy") else "",
    ]
    last = " ".join(inert(str(row.get("last_words") or "")).split())[:100]
    return f"{inert(row['name'])}: {', '.join(word for word in words if word)}{f'. {last}' if last else ''}"


def _told_job(event: dict[str, Any]) -> str:
    """Long work now and then: its beginning, each quarter, and its end are worth a line."""
    if event.get("ended"):
        return f"{inert(event['what'])}: ended"
    done, total = int(event.get("done", 0)), int(event.get("total", 0))
    quarter = total and (4 * done) // total
    key = (event["job"], event.get("phase"), quarter)
    if key in _told:
        return ""
    _told.add(key)
    return f"{inert(event['what'])}: {event.get('phase')} {done:,}{f' of {total:,}' if total else ''}"


_told: set[tuple[Any, ...]] = set()


def spoken(event: dict[str, Any], agent: str) -> str:
    """One event as a line to be read aloud; empty for what is not worth a line."""
    match event["type"]:
        case "user_message":
            return f"you: {inert(event['text'])}"
        case "assistant_message":
            return f"{inert(agent)}: {inert(event['text'])}"
        case "internal_monologue":
            return f"thought: {inert(event['text'])}"
        case "function_call":
            return f"call: {inert(event['name'])}"
        case "function_return" if event["status"] != "OK":
            return f"failed: {inert(event['name'])}: {inert(event['text'])}"
        case "memory_pressure":
            return f"memory pressure: {event['tokens']:,} of {event['limit']:,} tokens"
        case "evicted":
            return f"{counted(event['messages'], 'message')} moved to recall, summary rewritten"
        case "recalled":
            return f"recalled: {len(event['items'])} pages, {event['tokens']:,} tokens"
        case "job":
            return _told_job(event)
        case "core_memory":
            return f"core memory {inert(event['label'])} changed"
        case "retry" if not event["attempt"]:
            return f"{inert(event['reason'])} Waiting {event['wait_s']:.0f} s"
        case "retry":
            return f"{inert(event['reason'])} Try {event['attempt']} of {event['of']} in {event['wait_s']:.0f} s"
        case "error" | "cancelled":
            return inert(f"{event['message']} {event['hint']}".strip())
        case "notice":
            return inert(event["text"])
        case "question" if event["call_id"] not in GOING_ON:
            return inert(f"{event['text']}. {YOUR_WORD}")
    return ""
