"""The model of the tour: a server on loopback that speaks as a model's does, and answers from the script."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tui.tour.script import SUMMARY, Reply, answer

FRAGMENT = 6  # characters of a piece of a streaming answer
PACE_S = 0.03  # between two pieces: as a quick model writes


class ScriptedModel:
    """Serves from a thread of its own. `pace_s` is the pause between two pieces of an answer."""

    def __init__(self, pace_s: float = PACE_S) -> None:
        class Handler(_Handler):
            pace = pace_s

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pace = PACE_S

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self._stream(list(_deltas(body)))  # the engine asks for nothing else

    def do_GET(self) -> None:
        self._send({"data": [{"id": "tour"}]})

    def log_message(self, format: str, *args: Any) -> None:
        """The screen is not to be written on."""

    def _send(self, value: Mapping[str, Any]) -> None:
        encoded = json.dumps({**HEAD, **value}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def _stream(self, deltas: Sequence[Mapping[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        finish = "tool_calls" if any("tool_calls" in delta for delta in deltas) else "stop"
        with contextlib.suppress(OSError):  # the tour was left in mid-sentence
            for delta in deltas:
                self._event({"choices": [_choice(delta, None)]})
                time.sleep(self.pace)
            self._event({"choices": [_choice({}, finish)]})
            self._event({"choices": [], "usage": NO_FIGURES})
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _event(self, value: Mapping[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps({**HEAD, **value}, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()


HEAD = {"id": "tour", "object": "chat.completion.chunk", "created": 1, "model": "tour"}
NO_FIGURES = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
"""The engine's own count stands, which is the truth for a model without a tokenizer."""


def _choice(delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _deltas(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer to a request in pieces; to one without functions, which asks for a summary, the summary."""
    if not body.get("tools"):
        yield from ({"content": piece} for piece in _pieces(SUMMARY))
        return
    said, place = _where(body["messages"])
    reply = answer(said, place)
    yield from ({"content": piece} for piece in _pieces(reply.thought))
    yield from _call(reply, f"call_{place}_{abs(hash(said)) % 10**8}")


def _call(reply: Reply, identity: str) -> Iterator[dict[str, Any]]:
    goes_on = {} if reply.call == "send_message" else {"request_heartbeat": True}
    arguments = {**reply.arguments, **goes_on}
    head = {"name": reply.call, "arguments": ""}
    yield {"tool_calls": [{"index": 0, "id": identity, "type": "function", "function": head}]}
    for piece in _pieces(json.dumps(arguments, ensure_ascii=False)):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _pieces(text: str) -> list[str]:
    return [text[start : start + FRAGMENT] for start in range(0, len(text), FRAGMENT)]


def _where(messages: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
    """The user's newest words in a request, and how many replies came after them: nothing else has to be remembered."""
    replies = 0
    for message in reversed(messages):
        if message["role"] == "assistant":
            replies += 1
        elif message["role"] == "user":
            packed = _unpacked(str(message["content"]))
            if packed.get("type") == "user_message":
                return str(packed["message"]), replies
    return "", replies


def _unpacked(content: str) -> dict[str, Any]:
    try:
        packed = json.loads(content)
    except ValueError:
        return {}
    return packed if isinstance(packed, dict) else {}
