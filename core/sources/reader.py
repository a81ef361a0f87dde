"""The engine's end of the reader process: one for each load, started again after a file that it did not survive."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import children
from core.sources.chunks import Chunk
from core.sources.readers.sections import Binary, Unreadable

PATIENCE_S = 60.0  # without a passage
LINE_LIMIT = 1 << 20


@dataclass(slots=True)
class Reader:
    """Reads one file after the other; a file that takes too long or kills its reader is unreadable, no more."""

    log: Path
    patience_s: float = PATIENCE_S
    process: asyncio.subprocess.Process | None = None

    async def open(self, path: Path, known: str) -> str | None:
        """Begins with a file: its digest, or None where it is the known one.

        Raises:
            Unreadable: it cannot be read.
        """
        process = await self._started()
        assert process.stdin
        process.stdin.write(json.dumps({"path": str(path), "known": known}).encode() + b"\n")
        answer = await self._next()
        return None if answer.get("same") else str(answer["digest"])

    async def chunks(self) -> AsyncIterator[Chunk]:
        """The passages of the file that was begun with, to be taken to their end.

        Raises:
            Unreadable: it cannot be read, or not to its end.
        """
        while "end" not in (answer := await self._next()):
            yield Chunk(answer["text"], answer["title"], answer["place"], answer["at"])

    async def close(self) -> None:
        if self.process and self.process.returncode is None:
            await children.end(self.process)
        self.process = None

    async def _next(self) -> dict[str, Any]:
        assert self.process and self.process.stdout
        try:
            async with asyncio.timeout(self.patience_s):
                line = await self.process.stdout.readline()
        except TimeoutError:
            await self.close()
            raise Unreadable("it takes too long to read") from None
        if not line.endswith(b"\n"):
            await self.close()
            raise Unreadable("its reader crashed over it")
        answer: dict[str, Any] = json.loads(line)
        if "bad" in answer:
            raise Binary(answer["bad"]) if answer.get("binary") else Unreadable(answer["bad"])
        return answer

    async def _started(self) -> asyncio.subprocess.Process:
        if self.process and self.process.returncode is None:
            return self.process
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-W", "ignore", "-m", "core.sources.reading", limit=LINE_LIMIT,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, env=children.environment(),
            )  # fmt: skip
        return self.process
