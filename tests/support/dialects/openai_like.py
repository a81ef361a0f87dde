"""Servers that speak OpenAI's language, each with what it says of itself and how it refuses."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.support.model_server import ModelServer


class OpenAI(ModelServer):
    """OpenAI itself."""

    name, model = "OpenAI", "openai/scripted"

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": self.served, "object": "model", "owned_by": "openai"}]})


class Azure(ModelServer):
    """A deployment of Azure's, the key in a header of its own."""

    name, model, path = "Azure", "azure/scripted", ""

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/openai/deployments/{deployment}/chat/completions", self._deployed)

    async def _deployed(self, request: web.Request) -> web.StreamResponse:
        if "api-key" not in request.headers or "api-version" not in request.query:
            return web.json_response({"error": {"code": "401", "message": "Access denied"}}, status=401)
        return await self._complete(request)


class VLLM(ModelServer):
    """vLLM: says its window, and calls functions only where it was started to."""

    name, model = "vLLM", "openai/scripted"
    tools = True

    async def _models(self, request: web.Request) -> web.Response:
        entry: dict[str, Any] = {"id": self.served, "object": "model", "owned_by": "vllm"}
        entry |= {"max_model_len": self.window or 16384} if self.tells else {}
        return web.json_response({"object": "list", "data": [entry]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body.get("tools") and not self.tools:
            words = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
            self.requests.append(body)
            return web.json_response({"object": "error", "message": words, "code": 400}, status=400)
        return await self.answered(request, body, self._stream)


class LlamaCpp(ModelServer):
    """llama.cpp's server."""

    name, model = "llama.cpp", "openai/scripted"
    tools = True

    def routes(self, router: web.UrlDispatcher) -> None:
        super().routes(router)
        router.add_get("/props", self._props)

    def too_long(self, tokens: int) -> dict[str, Any]:
        words = (
            f"request ({tokens} tokens) exceeds the available context size ({self.window} tokens), try increasing it"
        )
        told = {"code": 400, "message": words, "type": "exceed_context_size_error"}
        return {"error": {**told, "n_prompt_tokens": tokens, "n_ctx": self.window}}

    async def _props(self, request: web.Request) -> web.Response:
        if not self.tells:
            return web.json_response({"error": {"message": "This server does not support props"}}, status=501)
        abilities = {"supports_tools": self.tools, "supports_system_role": True}
        told = {"default_generation_settings": {"n_ctx": self.window or 16384}, "chat_template_caps": abilities}
        return web.json_response({**told, "model_path": "/models/scripted.gguf"})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": self.served, "owned_by": "llamacpp"}]})


class LMStudio(ModelServer):
    """LM Studio, with its own listing beside OpenAI's."""

    name, model = "LM Studio", "openai/scripted"

    def routes(self, router: web.UrlDispatcher) -> None:
        super().routes(router)
        router.add_get("/api/v0/models", self._own)

    async def _own(self, request: web.Request) -> web.Response:
        talks = {"id": self.served, "type": "llm", "state": "loaded", "max_context_length": 32768}
        talks |= {"loaded_context_length": 12288, "capabilities": ["tool_use"]}
        return web.json_response({"data": [{"id": "nomic-embed", "type": "embeddings"}, talks]})
