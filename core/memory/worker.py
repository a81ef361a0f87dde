"""The embedding worker: a model, and the vectors of the open corpora in matrices.

Frames over stdin and stdout: two lengths, a JSON header, raw bytes. Queries overtake batches that wait. It ends when
stdin does, which is also when its parent was killed.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any, BinaryIO

import numpy

from core.memory.embedding import HEADER
from core.memory.matrix import Matrix

BATCH = 32  # larger batches gain nothing (measured), and a query would wait longer for them


def main() -> None:
    os.environ.update(
        HF_HUB_OFFLINE=os.environ.get("HF_HUB_OFFLINE", "1"), HF_HUB_DISABLE_PROGRESS_BARS="1",
        TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
    )  # fmt: skip
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the frames
    Worker(sys.stdin.buffer, out).run()


class Worker:
    """Requests are read by a thread of their own, so that a query can overtake the batches that wait."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target
        self._waiting: queue.PriorityQueue[tuple[int, int, dict[str, Any], bytes]] = queue.PriorityQueue()
        self._matrices: dict[str, Matrix] = {}
        self._models: dict[str, Any] = {}
        self._asked: tuple[Any, Any] = (
            None,
            None,
        )  # the last query with its vector: recall and archival are asked alike

    def run(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        from core.memory.models import load

        self._models[""] = load("")
        self._send({"ready": True})
        while True:
            _, _, header, data = self._waiting.get()
            try:
                answer, body = self._answer(header, data)
            except Exception as error:
                answer, body = {"error": f"{type(error).__name__}: {error}"}, b""
            self._send({**answer, "id": header["id"]}, body)

    def _read(self) -> None:
        for arrival in range(1 << 62):
            sizes = self._source.read(HEADER.size)
            if len(sizes) < HEADER.size:
                os._exit(0)
            head, data = (self._source.read(size) for size in HEADER.unpack(sizes))
            header = json.loads(head)
            urgency = 0 if header["op"] == "query" else 1
            self._waiting.put((urgency, arrival, header, data))

    def _send(self, header: dict[str, Any], body: bytes = b"") -> None:
        head = json.dumps(header).encode()
        self._target.write(HEADER.pack(len(head), len(body)) + head + body)
        self._target.flush()

    def _model(self, name: str) -> Any:
        from core.memory.models import load

        if name not in self._models:
            self._models[name] = load(name)
        return self._models[name]

    def _answer(self, header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        match header["op"]:
            case "embed":
                counts, vectors = self._model(header["model"]).embed(header["texts"])
                return {"pieces": counts, "dimensions": vectors.shape[1]}, vectors.tobytes()
            case "add":
                rows = header["rows"]
                if rows:
                    vectors = numpy.frombuffer(data, numpy.float32).reshape(len(rows), -1)
                    self._matrices.setdefault(header["corpus"], Matrix()).add(rows, vectors)
            case "drop":
                self._matrices.pop(header["corpus"], None)
            case "query":
                return self._query(header), b""
            case "describe":
                return {"device": self._model(header["model"]).device}, b""
        return {}, b""

    def _query(self, header: dict[str, Any]) -> dict[str, Any]:
        matrix = self._matrices.get(header["corpus"])
        if matrix is None:
            return {"docs": [], "scores": [], "embed_ms": 0.0}
        began = time.perf_counter()
        asked = (header["model"], header["text"])
        if self._asked[0] != asked:
            self._asked = asked, self._model(asked[0]).query(asked[1])
        vector = self._asked[1]
        embedded = (time.perf_counter() - began) * 1000
        docs, scores = matrix.nearest(vector, header["count"], header["where"])
        return {"docs": docs, "scores": scores, "embed_ms": round(embedded, 3)}


if __name__ == "__main__":
    main()
