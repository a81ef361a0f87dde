"""Ollama's own API: one JSON object a line, arguments as objects, and a window that cuts without a word."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from tests.support.model_server import ModelServer, Scripted, all_calls, pieces_of

DEFAULT_WINDOW = 4096


class Ollama(ModelServer):
    """`window` is what the model could have; a request has what its `num_ctx` asks for, else Ollama's default."""

    name, model, path = "Ollama", "ollama_chat/scripted", ""

    def __init__(self, window: int | None = None, fallback: Callable[[dict[str, Any]], Scripted] | None = None) -> None:
        super().__init__(None, fallback)
        self.longest = window or 32768
        self.running = 0  # tokens of the window that the model was loaded with
        self.tools = True
        self.knows = True  # the model

    def routes(self, router: web.UrlDispatcher) -> None:
        super().routes(router)
        router.add_post("/api/chat", self._chat)
        router.add_get("/api/tags", self._tags)
        router.add_get("/api/ps", self._running)
        router.add_post("/api/show", self._show)

    async def _tags(self, request: web.Request) -> web.Response:
        return web.json_response({"models": [{"name": self.served}, {"name": "embedder"}]})

    async def _running(self, request: web.Request) -> web.Response:
        rows = [{"name": self.served, "model": self.served, "context_length": self.running}] if self.running else []
        return web.json_response({"models": rows})

    async def _show(self, request: web.Request) -> web.Response:
        if (await request.json()).get("model") == "embedder":
            return web.json_response({"capabilities": ["embedding"]})
        abilities = ["completion", "tools"] if self.tools else ["completion"]
        told = {"model_info": {"llama.context_length": self.longest}, "parameters": 'stop "<|x|>"'}
        return web.json_response({**told, "capabilities": abilities})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        """The OpenAI door, which takes no `num_ctx`."""
        self.running = self.running or DEFAULT_WINDOW
        return await self.answered(request, await request.json(), self._cut)

    async def _cut(
        self, request: web.Request, body: dict[str, Any], answer: Scripted, tokens: int
    ) -> web.StreamResponse:
        return await self._stream(request, body, answer, min(tokens, self.running))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.json()
        self.running = (raw.get("options") or {}).get("num_ctx") or self.running or DEFAULT_WINDOW
        if not self.knows:
            words = f"model '{raw['model']}' not found"
            return web.json_response({"error": words}, status=404)
        if raw.get("tools") and not self.tools:
            self.requests.append(raw)
            return web.json_response({"error": f"{raw['model']} does not support tools"}, status=400)
        return await self.answered(request, {**as_openai(raw), "raw": raw}, self._lines)

    async def _lines(
        self, request: web.Request, body: dict[str, Any], answer: Scripted, tokens: int
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for message in _messages(body, answer):
            row = {"model": "scripted", "created_at": "2026-11-25T00:00:00Z", "message": message, "done": False}
            await response.write(json.dumps(row).encode() + b"\n")
        end = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": answer.finish or "stop"}
        counts = {"prompt_eval_count": min(tokens, self.running), "eval_count": 20} if answer.usage else {}
        row = {"model": "scripted", "created_at": "2026-11-25T00:00:00Z", **end, **counts}
        await response.write(json.dumps(row).encode() + b"\n")
        return response


def as_openai(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The request as OpenAI would be asked."""
    messages = [{**message, "content": message.get("content") or ""} for message in raw["messages"]]
    found: dict[str, Any] = {"messages": messages}
    found |= {"tools": raw["tools"]} if raw.get("tools") else {}
    return found | ({"response_format": {"type": "json_schema"}} if raw.get("format") else {})


def _messages(body: Mapping[str, Any], answer: Scripted) -> Iterator[dict[str, Any]]:
    spoken = {"role": "assistant", "content": ""}
    yield from ({**spoken, "thinking": piece} for piece in pieces_of(answer.reasoning, answer.fragment))
    yield from ({**spoken, "content": piece} for piece in pieces_of(answer.thought, answer.fragment))
    wanted = all_calls(answer)
    if answer.plain is not None:
        yield from ({**spoken, "content": piece} for piece in pieces_of(answer.plain, answer.fragment))
    elif body.get("tools"):
        for name, arguments in wanted:
            yield {**spoken, "tool_calls": [{"function": {"name": name, "arguments": arguments}}]}
    else:
        text = "\n".join(json.dumps({"name": name, "arguments": arguments}) for name, arguments in wanted)
        yield from ({**spoken, "content": piece} for piece in pieces_of(text, answer.fragment))
