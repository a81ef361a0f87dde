"""`memgpt run --plain`: the same session and slash commands, line by line, for screen readers and dumb terminals."""

from __future__ import annotations

import asyncio
import select
import signal
import sys
from collections.abc import Sequence
from typing import Any

from memgpt import commands
from memgpt.home import Home, UserError
from memgpt.words import GOING_ON, WAITING_FOR_YOU, YOUR_WORD, counted
from tui.cli import front, line_commands
from tui.connection import Connection
from tui.options import RunOptions
from tui.text import inert


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
        self._asks = asyncio.Event()  # while a call waits for the user's word, which is read in the middle of the turn
        self._sending: set[asyncio.Future[None]] = set()
        self.waiting: list[str] = []

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
            tasks: set[asyncio.Future[None]] = {listening, *self._sending}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return 0

    async def _said(self, line: str) -> bool:
        """Carries out one line; False to leave."""
        try:
            if line.startswith("/"):
                if not await self._command(line):
                    return False
            elif line:
                self._sending.add(asyncio.ensure_future(self._send(line)))
            await self._answered()
        except UserError as error:
            print(f"memgpt: {inert(str(error))}", flush=True)
        return True

    async def _send(self, text: str) -> None:
        if back := await self.connection.send(text):
            self.say(*(f"taken back, the model was stopped: {each}" for each in back))

    async def _answered(self) -> None:
        """Waits until everything that was sent is answered, or a call waits for the user's word."""
        asks = asyncio.ensure_future(self._asks.wait())
        try:
            while self._sending and not asks.done():
                awaited: set[asyncio.Future[Any]] = {asks, *self._sending}
                done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                for task in done & self._sending:
                    self._sending.remove(task)
                    task.result()
        finally:
            asks.cancel()

    async def _command(self, line: str) -> bool:
        word, argument = commands.parse(line)
        command = commands.find(word)
        if command is None:
            self.say(commands.unknown(word))
            return True
        if command.name == "exit":
            return False
        if command.needs_argument and not argument:
            raise UserError(f"/{command.name} needs {command.arguments}.", f"Write {command.usage}.")
        if command.name in ("allow", "deny"):
            self._asks.clear()  # whatever is asked next sets it again
        if not command.busy:
            if self._asks.is_set():
                raise UserError("A call waits for your word.", YOUR_WORD)
            await self._idle.wait()  # the model is at work, and there is nobody to press a key meanwhile
        own = line_commands.OWN.get(command.name)
        await (own(self, argument) if own else self._session_command(line))
        return True

    # --- for the commands -------------------------------------------------------------------------------------

    def say(self, *lines: str) -> None:
        """Words of the program's own."""
        print(*map(inert, lines), sep="\n", flush=True)

    def tell(self, events: Sequence[dict[str, Any]]) -> None:
        """What happens or has happened, as far as it is worth a line."""
        for event in events:
            if line := spoken(event, self.connection.agent):
                print(line, flush=True)

    async def asked(self, question: str) -> str:
        """What the user answers in a line; nothing where the input ends."""
        self.say(question)
        line: str = await asyncio.to_thread(sys.stdin.readline)
        return line.strip()

    async def agrees(self, question: str) -> bool:
        return (await self.asked(f"{question} [y/N]")).lower() in ("y", "yes")

    async def go_to(self, agent: str) -> None:
        await self.connection.switch(agent)
        await self.connection.ready()
        front.remember(self.home, agent=agent)

    async def _session_command(self, typed: str) -> None:
        line = commands.located(typed)
        outcome = await self.connection.command(line)
        if outcome.get("ask"):
            if not await self.agrees(f"{outcome['text']}\n{outcome['ask']}"):
                return
            outcome = await self.connection.command(line, confirmed=True)
        if outcome.get("text"):
            self.say(outcome["text"])

    async def _stop(self) -> None:
        await self.connection.cancel(queued=True)

    def _snapshot(self, snapshot: dict[str, Any], resumed: bool) -> None:
        if not resumed:
            front.remember(self.home, agent=snapshot["agent"])
            self.say(f"{snapshot['agent']} on {snapshot['settings']['model']}. {line_commands.HELP}")
        self._at_work(snapshot["activity"])
        for event in snapshot["events"] if resumed else snapshot["events"][-20:]:
            self._event(event)

    def _trouble(self, text: str) -> None:
        self._idle.set()
        print(text, flush=True)

    def _at_work(self, activity: dict[str, Any]) -> None:
        self.waiting = list(activity["queued"])
        if activity["phase"] == WAITING_FOR_YOU:
            self._asks.set()
        else:
            self._asks.clear()
        if activity["phase"] == "idle" and not activity["queued"]:
            self._idle.set()
        else:
            self._idle.clear()

    def _event(self, event: dict[str, Any]) -> None:
        if event["type"] == "activity":
            self._at_work(event)
        self.connection.seen = max(self.connection.seen, int(event.get("step") or 0))
        self.tell([event])


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
