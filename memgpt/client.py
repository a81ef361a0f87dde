"""MemGPT from Python: agents of a home, through the same engine that the app and the command line use.

One connection, kept by an event loop in a thread of its own: it can be used from any thread, from a notebook and
inside a running event loop. Nothing heavy is imported; models and files are the engine's.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import queue
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeVar

from memgpt import config, wire
from memgpt.cli.cli import QuickstartChoice, quickstart
from memgpt.commands import located
from memgpt.config import AgentConfig
from memgpt.home import Home, UserError, find_home
from memgpt.link import Link, LinkLost
from memgpt.words import counted

T = TypeVar("T")
Json = dict[str, Any]
SCREEN_ONLY = ("context", "activity", "notice", "rewound", "job")


class MemGPT:
    """A client of one home.

    Args:
        auto_save: kept for programs that set it; everything is saved as it happens.
        quickstart: writes the defaults for new agents first (`QuickstartChoice`).
        config: settings by the names of config.toml, which become the home's; and API keys, such as `openai_api_key`,
            which are held in memory only.
        home: the home's folder; `$MEMGPT_HOME` or `~/.memgpt` where it is left out.

    Raises:
        UserError: a setting is unknown or of the wrong type, or the home cannot be used.
    """

    def __init__(
        self,
        auto_save: bool = False,
        quickstart: QuickstartChoice | str | None = None,
        config: Mapping[str, Any] | None = None,
        home: str | os.PathLike[str] | None = None,
    ) -> None:
        self.auto_save = auto_save
        self.home = find_home(home)
        self.home.create()
        self._keys = _configure(self.home, quickstart, config or {})
        self._link: Link | None = None
        self._opening = asyncio.Lock()
        self._closed, self._entering = False, threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="memgpt", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # a program may end without it

    # --- agents -----------------------------------------------------------------------------------------------

    def create_agent(
        self, agent_config: AgentConfig | Mapping[str, Any] | None = None, throw_if_exists: bool = False
    ) -> str:
        """Makes an agent; its id, which is its name. One that exists is returned as it is, unless `throw_if_exists`.

        Raises:
            UserError: it exists and that was not wanted, or the config is wrong.
        """
        given = AgentConfig.of(agent_config).given()
        return str(self._ask("create_agent", throw_if_exists=throw_if_exists, **given)["name"])

    def list_agents(self) -> list[Json]:
        return list(self._ask("agents"))

    def agent_exists(self, agent_id: str) -> bool:
        return self.home.agent_file(_text("agent_id", agent_id)).exists()

    def delete_agent(self, agent_id: str) -> None:
        self._ask("delete_agent", name=_text("agent_id", agent_id))

    # --- talking ----------------------------------------------------------------------------------------------

    def user_message(self, agent_id: str, message: str) -> list[Json]:
        """One turn: what the model thought, said, called and was told, in order, each as an object with one of
        `assistant_message`, `internal_monologue`, `function_call`, `function_return`, `function_message`.

        Raises:
            UserError: the turn ended in an error, or there is no such agent.
        """
        return self._call(self._turn(agent_id, message))

    async def asend(self, agent_id: str, message: str) -> list[Json]:
        """`user_message` for async programs; cancelling it stops the turn."""
        return await asyncio.wrap_future(self._begin(self._turn(agent_id, message)))

    def stream(self, agent_id: str, message: str) -> Iterator[Json]:
        """The events of one turn as they happen: the objects of `memgpt send --json --stream`. The turn goes on if
        the iterator is left early.

        Raises:
            UserError: there is no such agent.
        """
        arrived: queue.Queue[Json | None] = queue.Queue()

        async def read() -> None:
            async for event in self._events(agent_id, message):
                arrived.put(event)

        reading = self._begin(read())
        reading.add_done_callback(lambda _: arrived.put(None))
        while (event := arrived.get()) is not None:
            yield event
        reading.result()

    def run_command(self, agent_id: str, line: str, confirm: bool = False) -> str:
        """Carries out a slash command of the session, such as `/pop 2`; what it says. `confirm` agrees to what asks.

        Raises:
            UserError: the command is unknown, asks and was not confirmed, or cannot be done.
        """
        return self._call(self._command(agent_id, line, confirm))

    # --- memory -----------------------------------------------------------------------------------------------

    def search_recall(self, agent_id: str, query: str, limit: int = 10, page: int = 0) -> list[Json]:
        """The best hits among the agent's messages, as `memgpt search recall --json` has them."""
        return self._search(agent_id, "recall", query, limit, page)

    def search_archival(self, agent_id: str, query: str, limit: int = 10, page: int = 0) -> list[Json]:
        """The best hits among the agent's passages and attached sources."""
        return self._search(agent_id, "archival", query, limit, page)

    def core_memory(self, agent_id: str) -> dict[str, str]:
        """The text of each block of core memory by its label."""
        return {
            block["label"]: block["text"]
            for block in self._ask("show", agent=_text("agent_id", agent_id), what="memory")
        }

    def save(self) -> None:
        """Everything is saved already: what has been shown was committed before."""

    # --- the connection ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Gives the connection back; the client cannot be used any more. Turns under way go on in the engine; whoever
        waits for one here is told that this client is closed."""
        with self._entering:
            if self._closed:
                return
            self._closed = True
        atexit.unregister(self.close)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        """Ends all that runs in the loop, or whoever waits for it would wait for ever once the loop has stopped."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

    def __enter__(self) -> MemGPT:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs in the client's own loop, and waits; Ctrl+C ends the waiting and the work."""
        running = self._begin(work)
        try:
            return running.result()
        except KeyboardInterrupt:
            running.cancel()
            raise

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Hands work to the client's own loop. What is handed to it before `close` ends it is ended by that.

        Raises:
            UserError: the client is closed.
        """
        with self._entering:
            if self._closed:
                work.close()  # or Python complains that nobody awaited it
                raise _closed()
            return asyncio.run_coroutine_threadsafe(self._until_closed(work), self._loop)

    async def _until_closed(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except asyncio.CancelledError:
            if self._closed:
                raise _closed() from None
            raise

    def _ask(self, op: str, **params: Any) -> Any:
        return self._call(self._asked(op, **params))

    async def _asked(self, op: str, **params: Any) -> Any:
        return await (await self._linked()).ask(op, **params)

    async def _linked(self) -> Link:
        async with self._opening:
            if self._link is None or self._link.closed.is_set():
                self._link = await Link.open(self.home, role="client", keys={**wire.keys(self.home), **self._keys})
            return self._link

    async def _events(self, agent: str, text: str) -> AsyncIterator[Json]:
        asked = {"agent": _text("agent_id", agent), "text": _text("message", text)}
        link = await self._linked()
        try:
            async for event in link.stream("send", **asked):
                if event.get("type") and event["type"] not in SCREEN_ONLY:
                    yield event
        except asyncio.CancelledError:
            if not self._closed:
                await asyncio.shield(link.ask("cancel", agent=agent, own=True))
            raise
        except LinkLost:
            raise UserError(
                "The engine went away in mid-turn.", "What was shown is saved; /retry asks again."
            ) from None

    async def _turn(self, agent: str, text: str) -> list[Json]:
        told: list[Json] = []
        trouble: UserError | None = None
        async for event in self._events(agent, text):
            if event["type"] == "error":
                trouble = UserError(event["message"], event["hint"])
            elif found := message_of(event):
                told.append(found)
        if trouble:
            raise trouble
        return told

    async def _command(self, agent: str, line: str, confirm: bool) -> str:
        outcome: Json = {}
        asked = {"agent": _text("agent_id", agent), "line": located(_text("line", line)), "confirmed": bool(confirm)}
        link = await self._linked()
        async for told in link.stream("command", **asked):
            outcome = told.get("result", outcome)
        if outcome.get("ask") and not confirm:
            raise UserError(outcome["ask"], "Pass confirm=True to agree.")
        return str(outcome.get("text") or "")

    def _search(self, agent: str, kind: str, query: str, limit: int, page: int) -> list[Json]:
        asked: Json = {"agent": _text("agent_id", agent), "kind": kind, "query": _text("query", query)}
        asked |= {"limit": _number("limit", limit, 1), "page": _number("page", page, 0)}
        return list(self._ask("search", **asked)["results"])


def message_of(event: Mapping[str, Any]) -> Json | None:
    """An event in the words of MemGPT's client; None for what that does not tell."""
    match event["type"]:
        case "assistant_message" | "internal_monologue" as kind:
            return {kind: event["text"], "date": event["at"]}
        case "function_call":
            arguments = json.dumps(event["arguments"], ensure_ascii=False)
            return {"function_call": f"{event['name']}({arguments})", "date": event["at"]}
        case "function_return":
            status = "success" if event["status"] == "OK" else "error"
            return {"function_return": event["text"], "status": status, "date": event["at"]}
        case "memory_pressure":
            text = f"memory pressure: {event['tokens']} of {event['limit']} tokens"
        case "evicted":
            text = f"{counted(event['messages'], 'message')} moved to recall memory"
        case "recalled":
            text = f"{len(event['items'])} memories were looked up"
        case "core_memory":
            text = f"core memory {event['label']!r} changed"
        case _:
            return None
    return {"function_message": text, "date": event["at"]}


def _text(what: str, value: object) -> str:
    """What was given, if it is a text that says something: the command line cannot give anything else."""
    if isinstance(value, str) and value.strip():
        return value
    raise UserError(f"{what} must be a text that is not empty, not {value!r}.", status=2)


def _number(what: str, value: object, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise UserError(f"{what} must be a whole number (at least {least}), not {value!r}.", status=2)


def _closed() -> UserError:
    return UserError("This client is closed.", "Make another one.")


def _configure(home: Home, choice: QuickstartChoice | str | None, given: Mapping[str, Any]) -> dict[str, str]:
    """Writes the settings among what was given; the API keys among it."""
    keys = {name.upper(): str(value) for name, value in given.items() if wire.is_secret(name)}
    settings = {name: value for name, value in given.items() if not wire.is_secret(name)}
    config.checked_all(home, settings)
    if choice is not None:
        quickstart(home, QuickstartChoice(choice))
    if settings:
        config.save(home, settings)
    return keys
