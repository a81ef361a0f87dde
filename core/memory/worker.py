"""The embedding worker: a model, and the vectors of the open corpora in matrices.

Frames over stdin and stdout: two lengths, a JSON header, raw bytes. What is quick overtakes texts that wait. It ends when
stdin does, which is also when its parent was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import sys
import threading
import time
from collections import defaultdict
from typing import Any, BinaryIO

import numpy

from core.memory.embedding import HEADER
from core.memory.matrix import Matrix
from memgpt import garbage

URGENT = 0
QUICK = ("near", "exact", "add", "drop")  # whoever adds waits for that before the next texts are sent
PIPE = 1 << 20  # bytes between the worker and the engine; the most that a user may have
Request = tuple[int, int, dict[str, Any], bytes]


def main() -> None:
    os.environ.update(
        HF_HUB_OFFLINE=os.environ.get("HF_HUB_OFFLINE", "1"), HF_HUB_DISABLE_PROGRESS_BARS="1",
        TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
    )  # fmt: skip
    out = os.fdopen(os.dup(1), "wb")
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # the scores of a hundred thousand documents in one go, where Linux lets us
        with contextlib.suppress(OSError):
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, PIPE)
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the frames
    Worker(sys.stdin.buffer, out).run()


class Worker:
    """Requests are read by a thread of their own, so that a query can overtake the batches that wait."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target
        self._waiting: queue.PriorityQueue[Request] = queue.PriorityQueue()
        self._matrices: defaultdict[str, Matrix] = defaultdict(Matrix)
        self._models: dict[str, Any] = {}
        self._asked: tuple[str, str, Any] | None = None  # the last query and its vector

    def run(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        from core.memory.models import load

        with garbage.loading():
            self._models[""] = load("")
        self._send({"ready": True})
        while True:
            self._serve(self._waiting.get())

    def _serve(self, request: Request) -> None:
        _, _, header, data = request
        try:
            answer, body = self._answer(header, data)
        except Exception as error:
            answer, body = {"error": f"{type(error).__name__}: {error}"}, b""
        self._send({**answer, "id": header["id"]}, body)

    def _serve_urgent(self) -> None:
        """Between two batches of a long request: answers those that wait for a result on a screen."""
        while not self._waiting.empty():
            request = self._waiting.get()
            if request[0] != URGENT:
                self._waiting.put(request)
                return
            self._serve(request)

    def _read(self) -> None:
        for arrival in range(1 << 62):
            sizes = self._source.read(HEADER.size)
            if len(sizes) < HEADER.size:
                os._exit(0)
            head, data = (self._source.read(size) for size in HEADER.unpack(sizes))
            header = json.loads(head)
            urgency = URGENT if header["op"] in QUICK else URGENT + 1
            self._waiting.put((urgency, arrival, header, data))

    def _send(self, header: dict[str, Any], body: bytes | memoryview = b"") -> None:
        head = json.dumps(header).encode()
        self._target.write(HEADER.pack(len(head), len(body)) + head)
        self._target.write(body)
        self._target.flush()

    def _model(self, name: str) -> Any:
        from core.memory.models import load

        if name not in self._models:
            self._models[name] = load(name)
        return self._models[name]

    def _vector(self, model: str, text: str) -> tuple[Any, float]:
        """The vector of a query and the milliseconds that it took; recall, archival and all sources are asked with the
        same one, one after the other."""
        if self._asked and self._asked[:2] == (model, text):
            return self._asked[2], 0.0
        began = time.perf_counter()
        vector = self._model(model).query(text)
        self._asked = model, text, vector
        return vector, round((time.perf_counter() - began) * 1000, 3)

    def _answer(self, header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes | memoryview]:
        match header["op"]:
            case "embed":
                counts, vectors = self._model(header["model"]).embed(header["texts"], self._serve_urgent)
                return {"pieces": counts, "dimensions": vectors.shape[1]}, vectors.tobytes()
            case "add":
                docs = numpy.array(header["docs"], numpy.int32)
                if len(docs):
                    vectors = numpy.frombuffer(data, numpy.float32).reshape(len(docs), -1)
                    self._matrices[header["corpus"]].add(docs, vectors)
            case "drop":
                self._matrices.pop(header["corpus"], None)
            case "near":
                vector, embed_ms = self._vector(header["model"], header["text"])
                found, error = self._matrices[header["corpus"]].scores(vector)
                told = {"embed_ms": embed_ms, "error_bound": error, "dimensions": len(vector)}
                return told, b"".join((vector.tobytes(), found.data.cast("B")))
            case "exact":
                docs, vector = numpy.array(header["docs"], numpy.int32), numpy.frombuffer(data, numpy.float32)
                return {}, self._matrices[header["corpus"]].exact(docs, vector).tobytes()
            case "load":
                self._model(header["model"])
        return {}, b""


if __name__ == "__main__":
    main()
