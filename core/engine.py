"""The engine's door: one process for a home, its lock, its socket, its front ends. Nothing of memory is here."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.agents.lifecycle import tidy
from core.front_end import FrontEnd
from core.llm.types import ModelError
from core.lock import take_lock
from core.operations import looking
from core.operations.caller import Caller
from core.operations.table import LASTING, operate
from core.roster import Roster
from memgpt import config, wire
from memgpt.home import Home, UserError, find_home, make_private, write_private

WATCH_S = 0.5
MAKE_WAY_S = 30.0
STOP_S = 3.5  # of the five seconds in which SIGTERM must be done
LAST_S = 10.0  # for what is left to do after these
REFUSED = 3


class Engine:
    """Serves the front ends of one home until nobody needs it."""

    def __init__(self, home: Home, lock: int) -> None:
        self.home, self._lock = home, lock
        linger = os.environ.get("MEMGPT_ENGINE_LINGER") or config.load(home)["engine_linger"]
        self.linger_s = float(linger)
        self.roster = Roster(home, self.linger_s)
        self.front_ends: set[FrontEnd] = set()
        self._leave = asyncio.Event()
        self._now = False
        self._needed_at = time.monotonic()
        self._warm: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Opens the socket, serves, and leaves everything saved and closed."""
        path, server = await self._listen()
        make_private(path)
        self._sign(path)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.leave, True)
        watcher = asyncio.create_task(self._watch())
        await self._leave.wait()
        server.close()
        path.unlink(missing_ok=True)
        watcher.cancel()
        await self.roster.finish(self._now, STOP_S if self._now else MAKE_WAY_S)
        for front_end in list(self.front_ends):
            front_end.writer.close()
        with contextlib.suppress(OSError):  # the home may be gone
            self.home.pid.unlink(missing_ok=True)

    async def _listen(self) -> tuple[Path, asyncio.Server]:
        """A socket in the home, or where that cannot be, in the runtime directory. We hold the lock: an old one is stale."""
        for path in dict.fromkeys((self.home.socket, self.home.runtime_socket)):
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if path.parent.stat().st_uid != os.getuid():
                    continue
                path.unlink(missing_ok=True)
                return path, await asyncio.start_unix_server(self._greet, str(path), limit=wire.LINE_LIMIT)
            except OSError as error:
                print(f"no socket at {path}: {error}", flush=True)
        raise UserError(
            "No socket can be made, in the home or in the runtime directory.", "Set MEMGPT_HOME to a local folder."
        )

    def _sign(self, path: Path) -> None:
        write_private(self.home.pid, f"{os.getpid()}\n{path}\n{socket.gethostname()}\n{wire.build()}\n")

    def leave(self, now: bool) -> None:
        """Begins the end, which comes whatever hangs: what is committed stays, as when a process is killed."""
        if not self._leave.is_set() or (now and not self._now):
            faulthandler.dump_traceback_later((STOP_S if now else MAKE_WAY_S) + LAST_S, exit=True)
        self._now = self._now or now
        self._leave.set()

    async def _watch(self) -> None:
        """Leaves when the home or its lock is gone, or nobody has needed the engine for as long as it lingers."""
        while True:
            await asyncio.sleep(min(WATCH_S, max(0.1, self.linger_s / 4)))
            if not self._holds_lock():
                self.leave(True)
            if self.front_ends or self.roster.busy():
                self._needed_at = time.monotonic()
            elif time.monotonic() - self._needed_at > self.linger_s:
                self.leave(False)
            await self.roster.beat()
            await self.roster.close_idle()

    def _holds_lock(self) -> bool:
        with contextlib.suppress(OSError):
            return self.home.lock.stat().st_ino == os.fstat(self._lock).st_ino
        return False

    # --- front ends -------------------------------------------------------------------------------------------

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        front_end = FrontEnd(reader, writer)
        try:
            if not _is_ours(writer):
                return
            hello = json.loads(await reader.readline() or b"{}").get("hello")
            if hello and self._accepts(front_end, hello):
                self.front_ends.add(front_end)
                await self._serve(front_end)
        except (OSError, ValueError, asyncio.LimitOverrunError) as error:
            print(f"a front end was dropped: {type(error).__name__}", flush=True)
        finally:
            await self._part(front_end)

    def _accepts(self, front_end: FrontEnd, hello: Mapping[str, Any]) -> bool:
        """Greets a front end of our build; makes way for a newer one, refuses an older one in one line."""
        ours = (wire.version(), wire.build())
        if hello.get("build") != ours[1]:
            if _older(str(hello.get("version")), ours[0]):
                error = {
                    "message": "The engine of this home is newer than this program.",
                    "hint": "Use the newer program.",
                    "status": 1,
                }
                front_end.put(wire.encode({"error": error}))
            else:
                self.leave(False)
            return False
        front_end.role, front_end.keys = str(hello.get("role")), dict(hello.get("keys") or {})
        front_end.read_only = bool(hello.get("read_only"))
        greeting = {"protocol": wire.PROTOCOL, "version": ours[0], "build": ours[1], "pid": os.getpid()}
        front_end.put(wire.encode({"hello": greeting}))
        return True

    async def _serve(self, front_end: FrontEnd) -> None:
        while line := await front_end.reader.readline():
            request = json.loads(line)
            task = asyncio.create_task(self._answer(front_end, request))
            front_end.tasks[task] = request["op"]
            task.add_done_callback(lambda done: front_end.tasks.pop(done, None))
            if self._warm is None and front_end.role in ("screen", "plain", "send", "client"):
                self._warm = asyncio.create_task(self._warm_up())

    async def _warm_up(self) -> None:
        await asyncio.sleep(0.3)  # the first page goes out before seconds of imports begin
        await self.roster.warm()

    async def _answer(self, front_end: FrontEnd, request: dict[str, Any]) -> None:
        number, op = request.pop("id"), request.pop("op")
        try:
            if op in ("status", "stop"):
                if op == "stop":
                    self.leave(bool(request.get("now")))
                result = self._status()
                front_end.put(next(wire.answer_lines(number, result)))
                return
            if front_end.read_only:
                looking.check(op, request)
            caller = Caller(front_end, front_end.role, front_end.keys, front_end.deliver, front_end.leaving)
            async for kind, value in operate(self.roster, op, request, caller):
                if kind == "event":
                    front_end.put(wire.encode({"id": number, "event": value}))
                    await front_end.flushed()
                else:
                    for line in wire.answer_lines(number, value):
                        front_end.put(line)
                        await front_end.flushed()
        except UserError as error:
            self._refuse(front_end, number, error)
        except ModelError as error:
            self._refuse(front_end, number, UserError(error.message, error.hint))
        except KeyError as error:
            self._refuse(front_end, number, UserError(f"The request lacks {error}.", status=2))
        except Exception as error:
            import traceback

            traceback.print_exc()
            self._refuse(front_end, number, UserError(f"The engine failed: {type(error).__name__}: {error}"))

    def _refuse(self, front_end: FrontEnd, number: int, error: UserError) -> None:
        told = {"message": error.message, "hint": error.hint, "status": error.status}
        front_end.put(wire.encode({"id": number, "error": told}))

    async def _part(self, front_end: FrontEnd) -> None:
        self.front_ends.discard(front_end)
        self._needed_at = time.monotonic()
        for leave in front_end.leaving:
            leave()
        for task, op in list(front_end.tasks.items()):
            if op not in LASTING:
                task.cancel()
        front_end.writer.close()

    def _status(self) -> dict[str, Any]:
        import psutil

        processes = {"engine": os.getpid(), **self.roster.children()}
        held = {}
        for name, pid in processes.items():
            with contextlib.suppress(psutil.Error):  # a child may just have ended
                held[name] = psutil.Process(pid).memory_info().rss
        return {
            "pid": os.getpid(),
            "version": wire.version(),
            "build": wire.build(),
            "agents": sorted(session.name for session in self.roster.sessions.values()),
            "front_ends": len(self.front_ends) - 1,  # without the one that asks
            "memory_bytes": held,
        }


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether the other end is a process of our own user."""
    peer = writer.get_extra_info("socket")
    if not hasattr(socket, "SO_PEERCRED"):  # macOS: the socket's folder lets nobody else in
        return True
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())


def _older(theirs: str, ours: str) -> bool:
    def parts(text: str) -> list[int]:
        return [int(part) for part in text.split(".") if part.isdecimal()]

    return parts(theirs) < parts(ours)


def main() -> int:
    """Runs the engine of `$MEMGPT_HOME`; 0 also where another one runs already, 3 where the home is refused."""
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    home = find_home()
    try:
        home.create()
        lock = take_lock(home)
        if lock is None:
            return 0
        tidy(home)
        asyncio.run(_run(home, lock))
    except UserError as error:
        print(error, flush=True)
        return REFUSED
    return 0


async def _run(home: Home, lock: int) -> None:
    await Engine(home, lock).serve()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # threads of a model library must not keep a finished engine alive
