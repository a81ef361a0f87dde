"""The gateway to every model: litellm, streaming, cancellable, tried again where that can help."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from core.llm import protocol
from core.llm.builtin import Builtin, is_builtin, sampling
from core.llm.faults import fault_of, is_passing, retry_after
from core.llm.tokens import prepare_environment
from core.llm.types import ModelError, Piece, Reply, Request, RetryNotice, Usage
from memgpt.config import BUILTIN

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
DUMMY_KEY = "none"  # litellm would send OPENAI_API_KEY to any server it is pointed at
ENDPOINT_KEY = "MEMGPT_ENDPOINT_KEY"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PROVIDER_KEYS = {"gemini": "GEMINI_API_KEY", "vertex_ai": "GOOGLE_API_KEY", "together_ai": "TOGETHERAI_API_KEY"}
SMALL_REPLY = 120  # tokens of the built-in model; what it says after that it has said before


class Gateway:
    """One for the engine. litellm is imported in a thread when it is first needed; `warm` begins that early."""

    def __init__(self, builtin: Builtin) -> None:
        self.builtin = builtin
        self._importing: asyncio.Future[Any] | None = None

    async def warm(self) -> Any:
        """The litellm module, loaded."""
        if self._importing is None:
            self._importing = asyncio.ensure_future(asyncio.to_thread(_import_litellm))
        return await asyncio.shield(self._importing)

    async def stream(self, request: Request) -> AsyncIterator[Piece]:
        """One answer as it arrives, the `Reply` last. Closing the iterator closes the connection.

        Raises:
            ModelError: there is no answer to be had.
        """
        litellm = await self.warm()
        arguments = await self._arguments(request)
        for attempt in range(request.retries + 1):
            try:
                async for piece in self._once(litellm, request, arguments):
                    yield piece
            except litellm.exceptions.APIError as error:
                fault = error
            except (litellm.exceptions.BadRequestError, litellm.exceptions.AuthenticationError) as error:
                raise fault_of(error, request) from None
            except Exception as error:
                fault = error
            else:
                return
            if not is_passing(fault) or attempt == request.retries:
                raise fault_of(fault, request) from None
            wait = retry_after(fault) or min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * random.uniform(0.75, 1.25)
            yield RetryNotice(attempt + 1, request.retries, round(wait, 1), fault_of(fault, request).message)
            await asyncio.sleep(wait)

    async def _once(self, litellm: Any, request: Request, arguments: Mapping[str, Any]) -> AsyncIterator[Piece]:
        began = time.monotonic()
        first = 0.0
        reader = protocol.ReplyReader(request.protocol)
        finish, usage = "", None
        with _proxies(request):
            answer = await litellm.acompletion(**arguments)
        try:
            async for chunk in answer:
                usage = getattr(chunk, "usage", None) or usage
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                finish = choice.finish_reason or finish
                for piece in reader.feed(choice.delta):
                    first = first or time.monotonic()
                    yield piece
        finally:
            await answer.aclose()
        thought, content, calls = reader.finish()
        told = _usage(litellm, request, usage, began, first or time.monotonic())
        yield Reply(thought, content, calls, told, finish)

    async def _arguments(self, request: Request) -> dict[str, Any]:
        model, base, key = await self._address(request)
        arguments: dict[str, Any] = {
            "model": model,
            "messages": request.messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_retries": 0,
            "timeout": request.timeout,
            "max_tokens": request.max_tokens,
            "api_key": key,
        }
        if base:
            arguments["api_base"] = base
        if request.schemas and request.protocol == protocol.TOOLS:
            arguments["tools"] = protocol.native_tools(request.schemas)
        if request.schemas and request.protocol == protocol.JSON:
            arguments["response_format"] = protocol.response_format(request.schemas)
        if is_builtin(request.model):
            arguments |= sampling(request.model, request.messages)
        if request.model == BUILTIN:
            arguments["max_tokens"] = min(request.max_tokens, SMALL_REPLY)
        return arguments

    async def _address(self, request: Request) -> tuple[str, str | None, str | None]:
        """The model as litellm calls it, the server's URL, and the one key that goes there."""
        if is_builtin(request.model):
            url, secret = await self.builtin.address(request.model)
            return "openai/builtin", f"{url}/v1", secret
        if request.endpoint:
            name = request.model if "/" in request.model else f"openai/{request.model}"
            return name, request.endpoint, request.keys.get(ENDPOINT_KEY, DUMMY_KEY)
        provider = request.model.partition("/")[0] if "/" in request.model else "openai"
        variable = PROVIDER_KEYS.get(provider, f"{provider.upper()}_API_KEY")
        base = request.keys.get(f"{provider.upper()}_API_BASE") or request.keys.get(f"{provider.upper()}_BASE_URL")
        key = request.keys.get(variable)
        if key is None and provider in ("openai", "anthropic"):
            raise ModelError(f"There is no key for {request.model}.", f"Set {variable} and try again.", "auth")
        return request.model, base, key

    async def complete(self, request: Request) -> str:
        """The plain text of one answer, without functions (a summary).

        Raises:
            ModelError: there is no answer to be had.
        """
        text = ""
        async for piece in self.stream(request):
            if isinstance(piece, Reply):
                text = piece.content or " ".join(str(call.arguments.get("message", "")) for call in piece.calls)
        return text.strip()

    async def close(self) -> None:
        await self.builtin.close()


def _import_litellm() -> Any:
    prepare_environment()
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    return litellm


def _usage(litellm: Any, request: Request, usage: Any, began: float, first: float) -> Usage:
    prompt = int(getattr(usage, "prompt_tokens", 0) or 0)
    completion = int(getattr(usage, "completion_tokens", 0) or 0)
    details = getattr(usage, "prompt_tokens_details", None)
    cached = int(getattr(details, "cached_tokens", 0) or 0)
    cost = None if is_builtin(request.model) or request.endpoint else _cost(litellm, request.model, prompt, completion)
    milliseconds = round((first - began) * 1000), round((time.monotonic() - began) * 1000)
    return Usage(prompt, min(cached, prompt), completion, cost, *milliseconds, reported=prompt > 0)


def _cost(litellm: Any, model: str, prompt: int, completion: int) -> float | None:
    try:
        spent = litellm.cost_per_token(model=model, prompt_tokens=prompt, completion_tokens=completion)
    except Exception:  # litellm raises many kinds for models that it has no price of
        return None
    return float(sum(spent))


class _proxies:  # noqa: N801 - a context manager
    """The front end's proxy variables while a client is made; never for servers on this machine."""

    def __init__(self, request: Request) -> None:
        local = request.endpoint and urlsplit(request.endpoint).hostname in LOOPBACK
        wanted = {} if local or is_builtin(request.model) else request.keys
        self._values = {name: value for name, value in wanted.items() if name.lower().endswith("_proxy")}

    def __enter__(self) -> None:
        os.environ.update(self._values)

    def __exit__(self, *_: object) -> None:
        for name in self._values:
            os.environ.pop(name, None)
