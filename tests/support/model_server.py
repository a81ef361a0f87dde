"""A scripted OpenAI-compatible model server on loopback, for tests and benchmarks.

Answers stream in awkward fragments. What it is asked stays in `requests`. By itself:
`python -m tests.support.model_server --mode echo --window 4096` prints its URL and serves until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import ssl
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from aiohttp import web

from core.llm.templates import functions_as_read, message_as_read
from core.llm.tokens import encoding_of, prepare_environment

MESSAGE_OVERHEAD = 4
Stream = Callable[[web.Request, dict[str, Any], "Scripted", int], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Scripted:
    """One answer: what is said, thought and called, or what goes wrong."""

    said: str | None = None
    thought: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    plain: str | None = None
    raw_arguments: str | None = None
    status: int = 200
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    drop_after: int | None = None
    tokens_per_s: float | None = None
    fragment: int = 7
    usage: bool = True
    cached: int = 0
    finish: str = ""
    raw: str | None = None


def say(text: str, thought: str = "") -> Scripted:
    return Scripted(said=text, thought=thought)


def call(function: str, heartbeat: bool = False, thought: str = "", **arguments: Any) -> Scripted:
    return Scripted(calls=((function, {**arguments, "request_heartbeat": heartbeat}),), thought=thought)


def calls(*several: Scripted) -> Scripted:
    """The calls of several answers in one."""
    return Scripted(calls=tuple(entry for one in several for entry in all_calls(one)))


def cached(one: Scripted, tokens: int) -> Scripted:
    """An answer of a server that had so many tokens of the prompt cached."""
    return replace(one, cached=tokens)


def plain(text: str) -> Scripted:
    return Scripted(plain=text)


def error(
    status: int, message: str = "it failed", code: str = "", headers: Mapping[str, str] | None = None
) -> Scripted:
    return Scripted(status=status, body={"error": {"message": message, "code": code}}, headers=headers or {})


def hang() -> Scripted:
    return Scripted(hang=True)


def drop(text: str, after: int = 3) -> Scripted:
    """Says a text, but cuts the line after so many fragments."""
    return Scripted(said=text, drop_after=after)


def slow(text: str, tokens_per_s: float) -> Scripted:
    return Scripted(said=text, tokens_per_s=tokens_per_s)


def all_calls(one: Scripted) -> tuple[tuple[str, dict[str, Any]], ...]:
    return (*one.calls, *((("send_message", {"message": one.said}),) if one.said is not None else ()))


class ModelServer:
    """Runs in a thread. `window` refuses longer prompts, as a real server does."""

    name, model, path = "a server of OpenAI's kind", "openai/scripted", "/v1"

    def __init__(self, window: int | None = None, fallback: Callable[[dict[str, Any]], Scripted] | None = None) -> None:
        self.window = window
        self.fallback = fallback or (lambda request: say(f"You said: {last_user_text(request)}"))
        self.count: Callable[[Mapping[str, Any]], int] = prompt_tokens
        self.reported: Callable[[int], int] = lambda tokens: tokens  # what it says that it counted
        self.requests: list[dict[str, Any]] = []
        self.closed_early = threading.Event()
        self.base = self.url = ""
        self.tells = True  # its window, to whoever asks for it
        self.served = "scripted"  # the name under which it lists its model
        self.tls: ssl.SSLContext | None = None
        self._script: list[Scripted] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def script(self, *answers: Scripted) -> None:
        self._script += answers

    def unscript(self) -> None:
        """Forgets the answers that have not been given."""
        self._script.clear()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int = 0) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(port), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self, port: int) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        self.routes(app.router)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self.tls).start()
        self.base = f"http{'s' if self.tls else ''}://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.base}{self.path}"

    def routes(self, router: web.UrlDispatcher) -> None:
        """What is asked where; other dialects have their own."""
        router.add_post("/v1/chat/completions", self._complete)
        router.add_get("/v1/models", self._models)

    def too_long(self, tokens: int) -> dict[str, Any]:
        """The body with which a prompt over the window is refused."""
        words = f"This model's maximum context length is {self.window} tokens. However, you requested {tokens} tokens."
        return {"error": {"message": words, "code": "context_length_exceeded"}}

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": self.served, "max_model_len": self.window}]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        return await self.answered(request, await request.json(), self._stream)

    async def answered(self, request: web.Request, body: dict[str, Any], stream: Stream) -> web.StreamResponse:
        """Takes the next answer of the script for a request, in the shape of OpenAI's, and gives it by `stream`."""
        tokens = self.count(body)
        self.requests.append({**body, "headers": dict(request.headers), "prompt_tokens": tokens})
        if self.window and tokens + (body.get("max_tokens") or 0) > self.window:
            return web.json_response(self.too_long(tokens), status=400)
        answer = self._script.pop(0) if self._script else self.fallback(body)
        if answer.hang:
            await self._hang()
        if answer.raw is not None:
            return web.Response(text=answer.raw, status=answer.status, content_type="text/html")
        if answer.status != 200:
            return web.json_response(answer.body, status=answer.status, headers=answer.headers)
        return await stream(request, body, answer, tokens)

    async def _hang(self) -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.closed_early.set()
            raise

    async def _stream(
        self, request: web.Request, body: dict[str, Any], answer: Scripted, tokens: int
    ) -> web.StreamResponse:
        if fault := next(faults_of_calls(body["messages"]), ""):
            return web.json_response({"error": {"message": f"Invalid messages: {fault}."}}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        await response.prepare(request)
        deltas = list(_deltas(body, answer))
        try:
            for place, delta in enumerate(deltas):
                if answer.drop_after is not None and place >= answer.drop_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                await self._write(response, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
                if answer.tokens_per_s:
                    await asyncio.sleep(1 / answer.tokens_per_s)
            finish = answer.finish or ("tool_calls" if any("tool_calls" in delta for delta in deltas) else "stop")
            await self._write(response, {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
            if answer.usage:
                await self._write(response, {"choices": [], "usage": _usage(self.reported(tokens), deltas, answer)})
            await response.write(b"data: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.closed_early.set()
            raise
        return response

    async def _write(self, response: web.StreamResponse, chunk: dict[str, Any]) -> None:
        """One event, cut in the middle of its bytes, as real connections do it."""
        whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", **chunk}
        line = f"data: {json.dumps(whole, ensure_ascii=False)}\n\n".encode()
        await response.write(line[: len(line) // 2 + 1])
        await response.write(line[len(line) // 2 + 1 :])


def faults_of_calls(messages: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What OpenAI refuses: each call of a message is answered right after it, and nothing else is."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                yield "a tool result without its call"
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            yield "a call without its result"
            open_calls = set()
        open_calls |= {call["id"] for call in message.get("tool_calls") or ()}
    if open_calls:
        yield "a call without its result"


def _deltas(body: dict[str, Any], answer: Scripted) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    found += [{"reasoning_content": piece} for piece in pieces_of(answer.reasoning, answer.fragment)]
    found += [{"content": piece} for piece in pieces_of(answer.thought, answer.fragment)]
    if answer.plain is not None:
        return found + [{"content": piece} for piece in pieces_of(answer.plain, answer.fragment)]
    wanted = all_calls(answer)
    if body.get("tools"):
        return found + _tool_deltas(wanted, answer)
    if body.get("response_format") or "JSON object" in json.dumps(body["messages"][0]):
        text = "\n".join(
            json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False) for name, arguments in wanted
        )
        return found + [{"content": piece} for piece in pieces_of(text, answer.fragment)]
    return found + [{"content": piece} for piece in pieces_of(answer.said or "", answer.fragment)]


def _tool_deltas(wanted: Sequence[tuple[str, dict[str, Any]]], answer: Scripted) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for index, (name, arguments) in enumerate(wanted):
        identity = f"call_{uuid.uuid4().hex[:20]}"
        found.append(
            {
                "tool_calls": [
                    {"index": index, "id": identity, "type": "function", "function": {"name": name, "arguments": ""}}
                ]
            }
        )
        text = (
            answer.raw_arguments
            if answer.raw_arguments is not None
            else json.dumps(arguments, ensure_ascii=index % 2 == 0)
        )
        found += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in pieces_of(text, answer.fragment)
        ]
    return found


def pieces_of(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _usage(tokens: int, deltas: Sequence[Mapping[str, Any]], answer: Scripted) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens,
        "completion_tokens": len(deltas),
        "total_tokens": tokens + len(deltas),
        "prompt_tokens_details": {"cached_tokens": answer.cached},
    }


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """What the prompt costs by this server's own tokenizer, that of the model's name, and four tokens a message; calls
    without their ids, functions as such a model is shown them."""
    model = str(body.get("model", ""))
    tools, added = functions_as_read(model, body.get("tools") or ())
    texts = [message_as_read(message) for message in body["messages"]]
    encoding = _encoding(encoding_of(model))
    counted = added + sum(len(encoding.encode(text, disallowed_special=())) for text in [*texts, tools])
    return counted + MESSAGE_OVERHEAD * len(texts) + 3


@functools.cache
def _encoding(name: str) -> Any:
    prepare_environment()
    import tiktoken

    return tiktoken.get_encoding(name)


def last_user_text(body: Mapping[str, Any]) -> str:
    """The words of the newest message of the user in a request, out of their packaging."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            try:
                packed = json.loads(message["content"])
            except ValueError:
                return str(message["content"])
            if isinstance(packed, dict) and packed.get("type") == "user_message":
                return str(packed["message"])
    return ""


def _at_100(text: str, request: dict[str, Any]) -> Scripted:
    """A text at a hundred tokens a second, the first time at once."""
    return replace(slow(text, 100), fragment=4) if "warm up" not in last_user_text(request) else say("Warm.")


SENTENCE = (
    "The **launch** moved to the 14th, and Maria signs off, as she told you in *October* when we spoke about it. "
)
MIXED = """## What is open

{sentence}

- the release notes, which **Maria** signs
- the rollback plan in `ops/rollback.md`

```python
def countdown(today: date) -> int:
    return (date(2026, 12, 14) - today).days
```

| who | what | when |
| --- | --- | --- |
| Maria | signs off the release | Wednesday |
| Jonas | is on leave | until the 10th |

"""
KINDS_OF_TEXT = {
    "prose": (SENTENCE * 4 + "\n\n") * 40,
    "fence": "```python\n" + "def countdown(today):\n    return (date(2026, 12, 14) - today).days\n\n" * 160 + "```\n",
    "table": "| who | what | when |\n| --- | --- | --- |\n" + "| Maria | signs off the release | Wednesday |\n" * 300,
    "list": "".join(
        f"{number}. the {number}th thing that is still open, with a few words\n" for number in range(1, 300)
    ),
    "mixed": MIXED.format(sentence=SENTENCE * 2) * 30,
}
MODES: dict[str, Callable[[dict[str, Any]], Scripted]] = {
    "echo": lambda request: say(f"You said: {last_user_text(request)[:200]}"),
    "instant": lambda request: replace(say("Yes."), fragment=1000),
    **{f"{kind}100": functools.partial(_at_100, text) for kind, text in KINDS_OF_TEXT.items()},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--window", type=int)
    parser.add_argument("--mode", choices=sorted(MODES), default="echo")
    options = parser.parse_args()
    server = ModelServer(options.window, MODES[options.mode])
    server.start(options.port)
    print(server.url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
