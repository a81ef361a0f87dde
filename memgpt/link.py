"""A front end's link to the home's engine: finds it, starts it where none runs, asks, and listens."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memgpt import wire
from memgpt.home import Home, UserError, find_home

START_S = 20.0
MAKE_WAY_S = 50.0  # an engine of another build finishes its turns first; it is given 40


class LinkLost(UserError):
    """The engine went away; what was asked may go on, and attaching again gives what was missed."""

    def __init__(self) -> None:
        super().__init__("The engine went away.", "Try again; it is started anew.")


@dataclass(slots=True)
class _Request:
    arrivals: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    parts: list[str] = field(default_factory=list)


class Attachment:
    """A snapshot of an agent, then its events as they happen, until the link is lost."""

    def __init__(self, snapshot: dict[str, Any], events: asyncio.Queue[dict[str, Any] | None]) -> None:
        self.snapshot = snapshot
        self._events = events

    def __aiter__(self) -> Attachment:
        return self

    async def __anext__(self) -> dict[str, Any]:
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        return event


class Link:
    """One connection. Open with `Link.open`; several requests may run at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: dict[str, Any]) -> None:
        self.engine = greeting
        self.closed = asyncio.Event()
        self._reader, self._writer = reader, writer
        self._numbers = itertools.count(1)
        self._requests: dict[int, _Request] = {}
        self._attachments: dict[str, asyncio.Queue[dict[str, Any] | None]] = {}
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        home: Home | None = None,
        *,
        start: bool = True,
        role: str = "client",
        keys: Mapping[str, str] | None = None,
        read_only: bool = False,
    ) -> Link:
        """The link to the home's engine, which is started where none runs. `read_only`: whatever would change something
        is refused.

        Raises:
            UserError: there is no engine and `start` is False, it cannot be started, or it refuses us.
        """
        home = home or find_home()
        home.create()
        began = time.monotonic()
        deadline = began + START_S
        process: subprocess.Popen[bytes] | None = None
        while True:
            link = await cls._connect(home, role, keys, read_only)
            if isinstance(link, Link):
                return link
            if link == "making way":
                deadline = max(deadline, began + MAKE_WAY_S)
            elif not start:
                raise UserError("No engine runs on this home.", "Any command that needs one starts it.")
            elif (early := _started.pop(home.path, None)) and early.poll() is None:
                process = early
            elif process is None or process.poll() is not None:
                _raise_if_refused(process, home)
                if process and engine_runs(home):  # one that is leaving finishes its turns first
                    deadline = max(deadline, began + MAKE_WAY_S)
                else:
                    process = start_engine(home)
            if time.monotonic() > deadline:
                raise UserError("The engine did not start in time.", f"{home.log} says why.")
            await asyncio.sleep(0.02)

    @classmethod
    async def _connect(cls, home: Home, role: str, keys: Mapping[str, str] | None, read_only: bool) -> Link | str:
        """A link, or why there is none: `absent`, or `making way` for a newer build."""
        for path in (home.socket, home.runtime_socket):
            try:
                reader, writer = await asyncio.open_unix_connection(str(path), limit=wire.LINE_LIMIT)
            except OSError:
                continue
            brought = dict(wire.keys(home) if keys is None else keys)
            hello = {
                "protocol": wire.PROTOCOL,
                "version": wire.version(),
                "build": wire.build(),
                "role": role,
                "keys": brought,
                "read_only": read_only,
            }
            writer.write(wire.encode({"hello": hello}))
            try:
                line = json.loads(await reader.readline() or b"{}")
            except (OSError, ValueError):
                line = {}
            except asyncio.CancelledError:
                writer.close()
                raise
            if "hello" in line:
                return cls(reader, writer, line["hello"])
            writer.close()
            if "error" in line:
                raise UserError(line["error"]["message"], line["error"]["hint"])
            return "making way"
        return "absent"

    async def ask(self, op: str, **params: Any) -> Any:
        """One request, one answer; what it tells on the way is passed over.

        Raises:
            UserError: the engine says what is wrong.
            LinkLost: it went away.
        """
        result: Any = None
        async for kind, value in self._run(op, params):
            if kind == "result":
                result = value
        return result

    async def stream(self, op: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
        """One request; what it tells on the way, and at the end `{"result": …}` (errors as in `ask`)."""
        async for kind, value in self._run(op, params):
            yield value if kind == "event" else {"result": value}

    async def attach(self, agent: str, since: int = 0, **options: Any) -> Attachment:
        """Looks on at an agent from that step on (errors as in `ask`)."""
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._attachments[""] = events
        result = await self.ask("attach", agent=agent, since=since, **options)
        self._attachments.pop("", None)
        self._attachments[result["snapshot"]["agent"]] = events
        return Attachment(result["snapshot"], events)

    async def _run(self, op: str, params: Mapping[str, Any]) -> AsyncIterator[tuple[str, Any]]:
        if self.closed.is_set():
            raise LinkLost
        if "id" in params:
            raise TypeError("`id` is the request's own; the engine's operations call theirs something else")
        number, request = next(self._numbers), _Request()
        asked = wire.encode({"id": number, "op": op, **params})
        if len(asked) > wire.LONGEST_REQUEST:
            raise UserError(
                f"The message is too long: {len(asked) / 1e6:.1f} MB, at most {wire.LONGEST_REQUEST // 10**6} MB.",
                "Load it as a file instead: memgpt load file NAME PATH.",
                status=2,
            )
        self._requests[number] = request
        try:
            self._writer.write(asked)
            while True:
                told = await request.arrivals.get()
                if "event" in told:
                    yield "event", told["event"]
                elif "error" in told:
                    error = told["error"]
                    raise LinkLost if error is None else UserError(error["message"], error["hint"], error["status"])
                elif "part" in told:
                    request.parts.append(told["part"])
                    if told["last"]:
                        yield "result", json.loads("".join(request.parts))
                        return
                else:
                    yield "result", told["result"]
                    return
        finally:
            self._requests.pop(number, None)

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._dispatch(json.loads(line))
        except (OSError, ValueError, asyncio.LimitOverrunError):
            self._writer.close()
        finally:
            self.closed.set()
            for request in self._requests.values():
                request.arrivals.put_nowait({"error": None})
            for events in self._attachments.values():
                events.put_nowait(None)

    def _dispatch(self, line: dict[str, Any]) -> None:
        if "attached" in line:
            events = self._attachments.get(line["attached"]) or self._attachments.get("")
            if events is not None:
                events.put_nowait(line["event"])
        elif request := self._requests.get(line.get("id", 0)):
            request.arrivals.put_nowait(line)

    async def close(self) -> None:
        self._writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(OSError):  # the other end may be gone already
            await self._writer.wait_closed()


def start_engine(home: Home) -> subprocess.Popen[bytes]:
    """The engine as a process of its own: own session, nothing inherited, no keys in its environment."""
    environment = {name: value for name, value in os.environ.items() if not wire.is_secret(name)}
    environment["MEMGPT_HOME"] = str(home.path)
    descriptor = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "core.engine"],
            stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor, cwd=home.path, env=environment,
            start_new_session=True, close_fds=True, umask=0o077,
        )  # fmt: skip
    finally:
        os.close(descriptor)
    threading.Thread(target=process.wait, daemon=True).start()  # or it would stay as a zombie when it ends before us
    return process


_started: dict[Path, subprocess.Popen[bytes]] = {}


def start_early(home: Home) -> subprocess.Popen[bytes] | None:
    """Starts the engine of a home where none runs, for a link that is opened a little later: it loads meanwhile."""
    if home.socket.exists():
        return None
    home.create()
    _started[home.path] = start_engine(home)
    return _started[home.path]


def engine_runs(home: Home) -> bool:
    """Whether some process holds the home's lock, which alone says who is engine."""
    try:
        descriptor = os.open(home.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def refuse_foreign(home: Home) -> None:
    """Of a home whose lock somebody holds.

    Raises:
        UserError: it is an engine of another machine.
    """
    with contextlib.suppress(OSError, ValueError):
        pid, _, host, *_ = home.pid.read_text(encoding="utf-8").splitlines()
        if host != socket.gethostname():
            raise UserError(
                f"An engine on {host} (process {pid}) holds {home.path}.", "Stop it there: memgpt engine stop."
            )


def _raise_if_refused(process: subprocess.Popen[bytes] | None, home: Home) -> None:
    """An engine that refuses the home says why in the log's last line; 3 is its exit status then.

    Raises:
        UserError: it did.
    """
    if process is None or process.returncode != 3:
        return
    lines = home.log.read_text(encoding="utf-8", errors="replace").splitlines()
    raise UserError(lines[-1] if lines else "The engine refused this home.")
