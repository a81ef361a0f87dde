"""Gemini's generateContent: parts of candidates, arguments as objects, calls without ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from tests.support.model_server import ModelServer, Scripted, all_calls, pieces_of


class Gemini(ModelServer):
    """Streams whole JSON objects as server-sent events."""

    name, model, path = "Gemini", "gemini/gemini-scripted", ""

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/{rest:.*}", self._generate)

    def too_long(self, tokens: int) -> dict[str, Any]:
        words = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({self.window})."
        return {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        raw = await request.json()
        return await self.answered(request, {**as_openai(raw), "raw": raw, "path": request.path}, self._chunks)

    async def _chunks(
        self, request: web.Request, body: dict[str, Any], answer: Scripted, tokens: int
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        await response.prepare(request)
        for part in _parts(body, answer):
            candidate = {"content": {"role": "model", "parts": [part]}, "index": 0}
            await response.write(f"data: {json.dumps({'candidates': [candidate]})}\r\n\r\n".encode())
        usage = {"promptTokenCount": tokens, "candidatesTokenCount": 20, "totalTokenCount": tokens + 20}
        last = {
            "content": {"role": "model", "parts": [{"text": ""}]},
            "finishReason": answer.finish or "STOP",
            "index": 0,
        }
        usage |= {"cachedContentTokenCount": answer.cached}
        await response.write(f"data: {json.dumps({'candidates': [last], 'usageMetadata': usage})}\r\n\r\n".encode())
        return response


def as_openai(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The request as OpenAI would be asked."""
    system = raw.get("system_instruction") or raw.get("systemInstruction") or {"parts": []}
    messages: list[dict[str, Any]] = [{"role": "system", "content": _texts(system["parts"])}]
    for content in raw["contents"]:
        messages += _as_openai(content)
    config = raw.get("generationConfig") or {}
    found: dict[str, Any] = {
        "messages": messages,
        "max_tokens": config.get("max_output_tokens") or config.get("maxOutputTokens"),
    }
    declared = [
        entry
        for tool in raw.get("tools") or ()
        for entry in tool.get("function_declarations") or tool.get("functionDeclarations") or ()
    ]
    if declared:
        found["tools"] = [{"type": "function", "function": entry} for entry in declared]
    held = config.get("response_mime_type") or config.get("responseMimeType")
    return found | ({"response_format": {"type": "json_schema"}} if held else {})


def _as_openai(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    parts = content["parts"]
    calls = [
        {"id": "", "function": {"name": call["name"], "arguments": json.dumps(call["args"])}}
        for part in parts
        if (call := part.get("function_call") or part.get("functionCall"))
    ]
    for part in parts:
        if told := part.get("function_response") or part.get("functionResponse"):
            yield {"role": "tool", "content": json.dumps(told["response"])}
    if (text := _texts(parts)) or calls:
        role = "assistant" if content["role"] == "model" else "user"
        yield {"role": role, "content": text, **({"tool_calls": calls} if calls else {})}


def _texts(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["text"] for part in parts if part.get("text"))


def _parts(body: Mapping[str, Any], answer: Scripted) -> Iterator[dict[str, Any]]:
    yield from ({"text": piece, "thought": True} for piece in pieces_of(answer.reasoning, answer.fragment))
    yield from ({"text": piece} for piece in pieces_of(answer.thought, answer.fragment))
    wanted = all_calls(answer)
    if answer.plain is not None:
        yield from ({"text": piece} for piece in pieces_of(answer.plain, answer.fragment))
    elif body.get("tools"):
        yield from ({"functionCall": {"name": name, "args": arguments}} for name, arguments in wanted)
    else:
        text = "\n".join(json.dumps({"name": name, "arguments": arguments}) for name, arguments in wanted)
        yield from ({"text": piece} for piece in pieces_of(text, answer.fragment))
