"""The gateway to every model: litellm, streaming, cancellable, tried again where that can help."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from core.llm import protocol, repair
from core.llm.addressing import Address, Way, address_of
from core.llm.builtin import Builtin, is_builtin, sampling
from core.llm.caching import marked, price
from core.llm.capabilities import Remembered
from core.llm.faults import fault_of, filtered, garbled, is_passing, refuses_system, too_many
from core.llm.purse import Purse, is_paid
from core.llm.rates import Rates, retry_after
from core.llm.tokens import believable, prepare_environment
from core.llm.types import ModelError, Piece, Reply, Request, RetryNotice, SystemRefused, Usage
from memgpt import garbage, servers
from memgpt.config import BUILTIN

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
LONGEST_ASKED_S = 60.0  # a provider that asks for more is told of instead
IMPORTED_BY_A_CALL = (
    "openai.resources.chat", "litellm.responses.mcp.chat_completions_handler",
    "litellm.proxy.openai_files_endpoints.common_utils",
)  # fmt: skip
"""What the first call would import while every front end waits: half a second. What litellm no longer has is left out."""
SMALL_REPLY = 120  # tokens of the built-in model; what it says after that it has said before


@dataclass(slots=True)
class _Try:
    """What one request is sent with, and what is learnt of it on the way."""

    request: Request
    messages: list[dict[str, Any]]
    max_tokens: int
    address: Address
    system: bool = True
    written: str = ""


class Gateway:
    """One for the engine. litellm is imported in a thread when it is first needed; `warm` begins that early. What is
    found out about models on the way is `remembered`; what their calls cost goes into the `purse`."""

    def __init__(self, builtin: Builtin, remembered: Remembered, purse: Purse) -> None:
        self.builtin, self.remembered, self.purse = builtin, remembered, purse
        self.rates = Rates()
        self._importing: asyncio.Future[Any] | None = None
        self._way: tuple[tuple[str, str], ...] = ()

    async def warm(self) -> Any:
        """The litellm module, loaded."""
        if self._importing is None:
            self._importing = asyncio.ensure_future(asyncio.to_thread(_import_litellm))
        return await asyncio.shield(self._importing)

    async def stream(self, request: Request) -> AsyncIterator[Piece]:
        """One answer as it arrives, the `Reply` last. Closing the iterator closes the connection.

        A reply in words that cannot be carried out is asked for again with what is wrong with it; after three tries it
        is the answer as it stands.

        Raises:
            ModelError: there is no answer to be had.
        """
        litellm = await self.warm()
        asked = _Try(request, request.messages, request.max_tokens, await address_of(request, self.builtin))
        asked.system = self.takes_system(request.model, request.endpoint)
        for attempt in range(1, repair.TRIES + 1):
            reply: Reply | None = None
            async with contextlib.aclosing(self._persisting(litellm, asked)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Reply):
                        reply = piece
                    else:
                        yield piece
            assert reply is not None
            wrong = repair.complaint(reply, request.protocol, request.schemas)
            if not wrong or attempt == repair.TRIES:
                yield repair.as_answer(reply, asked.written) if wrong else reply
                return
            yield RetryNotice(attempt, repair.TRIES - 1, 0.0, f"The reply could not be used: {wrong}.", reply)
            if again := repair.asked_again(asked.written, wrong, request.max_tokens):
                yield again
                asked.messages = [*request.messages, *repair.messages_of(again.written, again.order)]
                asked.max_tokens = again.max_tokens

    async def _persisting(self, litellm: Any, asked: _Try) -> AsyncGenerator[Piece]:
        """One reply, asked for again where that can help, each wait told of."""
        request, attempt = asked.request, 0
        while True:
            if (wait := self.rates.wait(asked.address.limited)) > LONGEST_ASKED_S:
                raise _final(too_many(request), wait)
            if wait:
                yield RetryNotice(attempt, request.retries, round(wait, 1), "The provider's rate limit is used up.")
                await asyncio.sleep(wait)
            try:
                async for piece in self._once(litellm, asked):
                    yield piece
                return
            except Exception as error:
                if asked.system and refuses_system(error):
                    asked.system = False
                    self.remembered.learn(request.model, request.endpoint, system=False, source="refusal")
                    yield SystemRefused()
                    continue
                asks = retry_after(error)
                if not is_passing(error) or attempt == request.retries or (asks or 0) > LONGEST_ASKED_S:
                    raise _final(fault_of(error, request), asks) from None
                wait = _wait(attempt) if asks is None else asks
                attempt += 1
                yield RetryNotice(attempt, request.retries, round(wait, 1), fault_of(error, request).message)
            await asyncio.sleep(wait)

    async def _once(self, litellm: Any, asked: _Try) -> AsyncIterator[Piece]:
        request, began, first = asked.request, time.monotonic(), 0.0
        reader = protocol.ReplyReader(request.protocol)
        finish, usage, came = "", None, False
        answer = await self._opened(litellm, asked)
        try:
            async for chunk in answer:
                usage = getattr(chunk, "usage", None) or usage
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                came, finish = True, choice.finish_reason or finish
                for piece in reader.feed(choice.delta):
                    first = first or time.monotonic()
                    yield piece
        finally:
            await answer.aclose()
        thought, content, calls = reader.finish()
        if finish == "content_filter" and not calls and not content:
            raise filtered(request)
        if not came or not (usage or thought or content or calls):
            raise garbled(request)  # as a web page does, which a client reads as a stream without events
        asked.written = reader.written
        told = _usage(litellm, request, usage, began, first or time.monotonic())
        self.purse.add(told.cost_usd)
        opaque = reader.thoughts.wanted_back(request.model)
        yield Reply(thought, content, calls, told, finish, opaque, len(reader.thoughts.text))

    async def _opened(self, litellm: Any, asked: _Try) -> Any:
        """The answer's stream, once its headers have come."""
        way = Way(asked.request.keys, asked.address.base)
        if way.key != self._way:  # clients keep the proxy and the authority that they were made with
            self._way = way.key
            litellm.in_memory_llm_clients_cache.flush_cache()
            vars(litellm).pop("module_level_aclient", None)
        with way:
            _ = litellm.module_level_aclient  # made when it is first asked for, which may be later
            answer = await litellm.acompletion(**_arguments(asked))
        self.rates.note(asked.address.limited, getattr(answer, "_response_headers", None) or {})
        return answer

    async def charge(self, model: str, endpoint: str | None, prompt: int, completion: int) -> float | None:
        """What an answer costs by these tokens, put into the purse: one that broke off, or came without figures."""
        cost = _cost(await self.warm(), model, endpoint, prompt, completion, None)
        self.purse.add(cost)
        return cost

    def takes_system(self, model: str, endpoint: str | None) -> bool:
        """Whether a model is sent a system message; where it refused one, its text stands before the first of the user's."""
        return self.remembered.of(model, endpoint).system is not False

    async def real_window(self, model: str, endpoint: str | None) -> int:
        """Tokens of the window that a server runs a model with, as it says; 0 where it says nothing."""
        served = await asyncio.to_thread(servers.served_model, endpoint, model) if endpoint else None
        return served.window if served else 0

    async def reply(self, request: Request) -> Reply:
        """One answer when it is whole.

        Raises:
            ModelError: there is no answer to be had.
        """
        async for piece in self.stream(request):
            if isinstance(piece, Reply):
                reply = piece  # the last piece
        return reply

    async def close(self) -> None:
        await self.builtin.close()


def _arguments(asked: _Try) -> dict[str, Any]:
    """What litellm is called with."""
    request, address = asked.request, asked.address
    messages = copy.deepcopy(asked.messages)  # litellm changes what it is given, and a retry sends the same
    arguments: dict[str, Any] = {
        "model": address.model,
        "messages": messages if asked.system else protocol.without_system(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_retries": 0,
        "timeout": request.timeout,
        "max_tokens": asked.max_tokens,
        "api_key": address.key,
        **address.more,
    }
    if address.base:
        arguments["api_base"] = address.base
    if request.schemas and request.protocol == protocol.TOOLS:
        arguments["tools"] = protocol.native_tools(request.schemas)
    if held := protocol.sent_format(request.protocol, request.schemas):
        arguments["response_format"] = held
    if is_builtin(request.model):
        arguments |= sampling(request.model, messages)
    if request.model == BUILTIN:
        arguments["max_tokens"] = min(asked.max_tokens, SMALL_REPLY)
    return marked(arguments, request.stable)


def _wait(attempt: int) -> float:
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * float(2**attempt)) * random.uniform(0.75, 1.25)


def _final(fault: ModelError, asks: float | None) -> ModelError:
    """A fault with how long the provider asks to be left alone, where that is too long to wait for."""
    if fault.kind == "rate" and (asks or 0) > LONGEST_ASKED_S:
        fault.hint = f"It may be asked again in {_span(asks or 0)}; /model chooses another."
    return fault


def _span(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"


def _import_litellm() -> Any:
    prepare_environment()
    with garbage.loading():
        import litellm

        for name in IMPORTED_BY_A_CALL:
            with contextlib.suppress(ImportError):
                import_module(name)
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    litellm.disable_token_counter = True  # where a provider gives no figures it would give its guess for theirs
    return litellm


def _usage(litellm: Any, request: Request, usage: Any, began: float, first: float) -> Usage:
    prompt = max(0, int(getattr(usage, "prompt_tokens", 0) or 0))
    completion = max(0, int(getattr(usage, "completion_tokens", 0) or 0))
    details = getattr(usage, "prompt_tokens_details", None)
    cached = max(0, int(getattr(details, "cached_tokens", 0) or 0))
    reported = prompt > 0
    if (
        request.own and prompt > request.own and not believable(request.own, prompt)
    ):  # too few may be a prompt that was cut
        prompt, reported = request.own, False
    cost = _cost(litellm, request.model, request.endpoint, prompt, completion, usage)
    milliseconds = round((first - began) * 1000), round((time.monotonic() - began) * 1000)
    return Usage(prompt, min(cached, prompt), completion, cost, *milliseconds, reported)


def _cost(litellm: Any, model: str, endpoint: str | None, prompt: int, completion: int, usage: Any) -> float | None:
    """Dollars for a call; None where nobody is paid, or litellm knows no price."""
    return price(litellm, model, prompt, completion, usage) if is_paid(model, endpoint) else None
