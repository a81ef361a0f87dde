"""The reader: a process of its own that turns files into passages, so that a bad file costs a line and not the engine.

A line of JSON asks for a file, `{"path": …, "known": DIGEST}`. The answer is lines of JSON: its digest, or that it is the
known one; its passages; then `end`, or why it cannot be read. It ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import queue
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from core.sources.chunks import chunks
from core.sources.readers import sections
from core.sources.readers.sections import Binary, Unreadable

MEMORY_LIMIT = 3 * 1024**3  # bytes
MOST_TEXT = 100_000_000  # characters of one file
READ_AT_ONCE = 1 << 20


def main() -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the lines
    with contextlib.suppress(ValueError, OSError):  # where the system does not know such limits
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        request = asked.get()
        for answer in _answers(Path(request["path"]), request["known"]):
            _write(out, answer)


def _listen(asked: queue.SimpleQueue[dict[str, Any]]) -> None:
    """In a thread of its own, so that a reader at work notices that its engine is gone."""
    for line in sys.stdin.buffer:
        asked.put(json.loads(line))
    os._exit(0)


def _write(out: BinaryIO, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer).encode() + b"\n")
    out.flush()


def _answers(path: Path, known: str) -> Iterator[dict[str, Any]]:
    try:
        digest = _digest(path)
        if digest == known:
            yield {"same": True}
            return
        yield {"digest": digest}
        yield from _passages(path)
        yield {"end": True}
    except Binary as error:
        yield {"bad": str(error), "binary": True}
    except Unreadable as error:
        yield {"bad": str(error)}
    except OSError as error:
        yield {"bad": f"it cannot be read: {error.strerror or error}"}
    except MemoryError:
        yield {"bad": "it takes more memory than a file may"}
    except Exception as error:  # of a library, over a file that its makers did not think of
        words = " ".join(str(error).split())[:120]
        yield {"bad": f"it is damaged: {type(error).__name__} {words}".rstrip()}


def _passages(path: Path) -> Iterator[dict[str, Any]]:
    length = 0
    for section in sections(path):
        length += len(section.text)
        if length > MOST_TEXT:
            raise Unreadable(f"it holds more than {MOST_TEXT // 1_000_000} million characters")
        for chunk in chunks(section):
            text = chunk.text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be stored
            title = chunk.title.encode("utf-8", "replace").decode("utf-8")
            yield {"text": text, "title": title, "place": chunk.place, "at": chunk.at}


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while data := file.read(READ_AT_ONCE):
            digest.update(data)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
