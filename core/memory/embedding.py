"""The worker that embeds: one child of the engine that holds the model and the vectors. torch lives only there."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy

from core import children
from memgpt.home import UserError

Array = numpy.ndarray[Any, numpy.dtype[numpy.float32]]
HEADER = struct.Struct("<II")
READ_AT_ONCE = 1 << 22  # bytes of an answer before its reader is woken: the scores of a million documents
LONGEST_REASON = 160  # characters of why a model cannot be loaded
BIG = str(1 << 22)  # bytes; the C library gives what is larger back to the system when it is freed


class WorkerGone(Exception):
    """The worker died, or does not answer."""


class Refused(WorkerGone):
    """The worker answers that it cannot do what is asked, such as to load a model."""


class NotEmbedded(UserError):
    """A model cannot be loaded; `hint` says what that means for who asked."""

    def __init__(self, model: str, why: WorkerGone, hint: str, status: int = 1) -> None:
        named = f"The embedding model {model!r}" if model else "The shipped embedding model"
        reason = " ".join(str(why).split()).rstrip(".")[:LONGEST_REASON]
        super().__init__(f"{named} cannot be loaded ({reason}).", hint, status)


@dataclass(frozen=True, slots=True)
class Nearness:
    """The cosine of every document to a query, by document number, below -1 where it has no vector; `error` is the most
    by which one may be wrong. `query` is the vector that they are near to, float32 of length 1, and `embed_ms` the
    milliseconds that it took to embed: none where the last query was the same."""

    cosines: Array
    error: float
    query: bytes
    embed_ms: float = 0.0

    def until(self, doc: int | None) -> Nearness:
        """The same with no vector from a document on."""
        return replace(self, cosines=self.cosines[:doc])

    def has(self, doc: int) -> bool:
        """Whether a document has a vector."""
        return doc < len(self.cosines) and bool(self.cosines[doc] >= -1.5)


@dataclass(slots=True)
class Embedder:
    """The engine's end of the worker. Started when first needed or by `start`; started again if it dies."""

    log: Path
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _process: asyncio.subprocess.Process | None = None
    _answers: dict[int, asyncio.Future[tuple[dict[str, Any], bytes]]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reader: asyncio.Task[None] | None = None
    generation: int = 0  # rises with every start: what an earlier worker held is gone
    _closed: bool = False

    async def start(self) -> None:
        """Starts the worker where none runs.

        Raises:
            WorkerGone: this end was closed for good.
        """
        async with self._starting:
            if self._closed:
                raise WorkerGone("The embedding worker was closed.")
            if self._process and self._process.returncode is None:
                return
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-P", "-W", "ignore", "-m", "core.memory.worker",
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, limit=READ_AT_ONCE,
                    env=children.environment(MALLOC_MMAP_THRESHOLD_=BIG),
                )  # fmt: skip
            self.generation += 1
            self.begun.set()
            self._reader = asyncio.create_task(self._read(self._process))

    async def ask(self, header: dict[str, Any], data: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """One request and its answer.

        Raises:
            WorkerGone: the worker ended before it answered; `Refused` where it cannot do it.
        """
        await self.start()
        assert self._process and self._process.stdin
        number = next(self._numbers)
        future: asyncio.Future[tuple[dict[str, Any], bytes]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        head = json.dumps({**header, "id": number}).encode()
        try:
            self._process.stdin.write(HEADER.pack(len(head), len(data)) + head + data)
            await self._process.stdin.drain()
            answer, body = await future
        except (ConnectionError, BrokenPipeError):
            raise WorkerGone("The embedding worker ended.") from None
        finally:
            self._answers.pop(number, None)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer, body

    async def vectors(self, model: str, texts: Sequence[str]) -> list[list[bytes]]:
        """For each text its vectors, one for every piece of it that fits the model; float32, length 1."""
        answer, body = await self.ask({"op": "embed", "model": model, "texts": list(texts)})
        width, counts = answer["dimensions"] * 4, answer["pieces"]
        found, place = [], 0
        for count in counts:
            found.append([body[(place + k) * width : (place + k + 1) * width] for k in range(count)])
            place += count
        return found

    async def add(self, corpus: str, docs: Sequence[int], data: bytes) -> None:
        """Appends the vectors of documents to a corpus's matrix; a document comes once for each of its pieces."""
        await self.ask({"op": "add", "corpus": corpus, "docs": list(docs)}, data)

    async def near(self, model: str, text: str, corpus: str) -> Nearness:
        """How near every document of a corpus is to a query; overtakes waiting batches."""
        answer, body = await self.ask({"op": "near", "model": model, "text": text, "corpus": corpus})
        size = answer["dimensions"] * 4
        cosines = numpy.frombuffer(body, numpy.float32, offset=size)
        return Nearness(cosines, answer["error_bound"], body[:size], answer["embed_ms"])

    async def exact(self, corpus: str, docs: Sequence[int], query: bytes) -> Array:
        """The cosines of documents, given by rising number, to a query's vector; below -1 where the worker has no longer
        the rows as they are stored."""
        _, body = await self.ask({"op": "exact", "corpus": corpus, "docs": list(docs)}, query)
        return numpy.frombuffer(body, numpy.float32)

    async def check(self, model: str) -> None:
        """Loads a model.

        Raises:
            NotEmbedded: it cannot be loaded.
        """
        try:
            await self.ask({"op": "load", "model": model})
        except WorkerGone as error:
            hint = "Give the name or folder of a sentence-transformers model that is on this machine."
            raise NotEmbedded(model, error, hint, status=2) from None

    async def drop(self, corpus: str) -> None:
        if self._process and self._process.returncode is None:
            await self.ask({"op": "drop", "corpus": corpus})

    def process_ids(self) -> dict[str, int]:
        alive = self._process and self._process.returncode is None
        return {"embeddings": self._process.pid} if alive and self._process else {}

    async def close(self) -> None:
        """Ends the worker for good; requests under way raise WorkerGone."""
        self._closed = True
        async with self._starting:  # one that is just being started is ended too
            if self._reader:
                self._reader.cancel()
                await asyncio.gather(self._reader, return_exceptions=True)
            if self._process and self._process.returncode is None:
                await children.end(self._process)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        try:
            while True:
                sizes = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
                head, body = [await process.stdout.readexactly(size) for size in sizes]
                answer = json.loads(head)
                if answer.get("ready"):
                    self.ready.set()
                elif (future := self._answers.get(answer["id"])) and not future.done():
                    future.set_result((answer, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it ended
        finally:
            self.ready.clear()
            for future in list(self._answers.values()):
                if not future.done():
                    future.set_exception(WorkerGone("The embedding worker ended."))
