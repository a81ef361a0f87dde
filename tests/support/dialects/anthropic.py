"""Anthropic's Messages API: blocks that begin, grow and end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from tests.support.model_server import ModelServer, Scripted, all_calls, pieces_of

JSON_TOOL = "json_tool_call"  # by which litellm has an answer follow a schema
SIGNATURE = "c2lnbmVkIGJ5IHRoZSBwcm92aWRlcg=="


class Anthropic(ModelServer):
    """Streams server-sent events with names; the system text stands apart; thoughts are signed."""

    name, model, path = "Anthropic", "anthropic/claude-scripted", ""

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/messages", self._messages)

    def too_long(self, tokens: int) -> dict[str, Any]:
        words = f"prompt is too long: {tokens} tokens > {self.window} maximum"
        return {"type": "error", "error": {"type": "invalid_request_error", "message": words}}

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        raw = await request.json()
        return await self.answered(request, {**as_openai(raw), "raw": raw}, self._events)

    async def _events(
        self, request: web.Request, body: dict[str, Any], answer: Scripted, tokens: int
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **answer.headers})
        await response.prepare(request)
        for event in _events(body, answer, tokens):
            await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        return response


def as_openai(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The request as OpenAI would be asked."""
    system = raw.get("system") or ""
    text = system if isinstance(system, str) else "\n".join(block["text"] for block in system)
    messages: list[dict[str, Any]] = [{"role": "system", "content": text}] if text else []
    for message in raw["messages"]:
        messages += _as_openai(message)
    tools = [tool for tool in raw.get("tools") or () if tool["name"] != JSON_TOOL]
    held = len(tools) < len(raw.get("tools") or ()) or "output_format" in raw or "output_config" in raw
    found: dict[str, Any] = {"messages": messages, "max_tokens": raw.get("max_tokens")}
    if tools:
        found["tools"] = [{"type": "function", "function": {**tool}} for tool in tools]
    return found | ({"response_format": {"type": "json_schema"}} if held else {})


def _as_openai(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    text = "\n".join(block["text"] for block in blocks if block["type"] == "text")
    calls = [
        {"id": block["id"], "function": {"name": block["name"], "arguments": json.dumps(block["input"])}}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    for block in blocks:
        if block["type"] == "tool_result":
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": json.dumps(block["content"])}
    if text or calls:
        yield {"role": message["role"], "content": text, **({"tool_calls": calls} if calls else {})}


def _events(body: Mapping[str, Any], answer: Scripted, tokens: int) -> Iterator[dict[str, Any]]:
    usage = {"input_tokens": tokens - answer.cached, "cache_read_input_tokens": answer.cached, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-scripted", "content": []}
    yield {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}
    called = False
    for index, (start, deltas) in enumerate(_blocks(body, answer)):
        called = called or start["type"] == "tool_use"
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = answer.finish or ("tool_use" if called else "end_turn")
    yield {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 20}}
    yield {"type": "message_stop"}


def _blocks(body: Mapping[str, Any], answer: Scripted) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    if answer.reasoning:
        thinking = [{"type": "thinking_delta", "thinking": piece} for piece in pieces_of(answer.reasoning, 7)]
        signed = {"type": "signature_delta", "signature": SIGNATURE}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thinking, signed]
    if answer.thought:
        yield _text(answer.thought, answer.fragment)
    wanted = all_calls(answer)
    if answer.plain is not None:
        yield _text(answer.plain, answer.fragment)
    elif body.get("tools"):
        for name, arguments in wanted:
            yield _use(name, json.dumps(arguments), answer.fragment)
    else:
        text = "\n".join(json.dumps({"name": name, "arguments": arguments}) for name, arguments in wanted)
        forced = (body["raw"].get("tool_choice") or {}).get("name") == JSON_TOOL
        yield _use(JSON_TOOL, text, answer.fragment) if forced else _text(text, answer.fragment)


def _text(text: str, fragment: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces_of(text, fragment)]


def _use(name: str, text: str, fragment: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    start = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:20]}", "name": name, "input": {}}
    return start, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces_of(text, fragment)]
