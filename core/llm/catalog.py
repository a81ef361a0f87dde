"""What is known of a model before it is called: its window, how it calls functions, whether it can be trusted to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from core.llm import protocol
from core.llm.builtin import Builtin, is_builtin
from core.llm.gateway import Gateway
from core.llm.tokens import Counter, ServerCounter, TiktokenCounter, encoding_of
from memgpt.config import BUILTIN
from memgpt.home import UserError

UNKNOWN_WINDOW = 8192
PROBE_S = 0.3
USUAL = ("openai", "anthropic", "gemini", "ollama", "ollama_chat", "groq", "mistral", "openrouter", "deepseek")
LOCAL_SERVERS = ((11434, "ollama"), (8080, "llama.cpp"), (8000, "vLLM"), (1234, "LM Studio"))


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A model server found on this machine."""

    url: str
    kind: str
    models: tuple[str, ...]


def can_search(model: str) -> bool:
    """Whether the model can be trusted to page its memory itself; small offline ones cannot."""
    return not is_builtin(model)


def first_protocol(model: str) -> str:
    """The protocol to begin with: what the replies show decides afterwards."""
    if model == BUILTIN:
        return protocol.TEXT  # 135 M parameters answer in words; held to JSON they repeat its keys
    return protocol.JSON if is_builtin(model) else protocol.TOOLS


def counter_of(model: str, builtin: Builtin) -> Counter:
    if is_builtin(model):
        return ServerCounter(lambda: builtin.address(model))
    return TiktokenCounter(encoding_of(model))


async def context_window(model: str, endpoint: str | None, gateway: Gateway) -> int:
    """Tokens that the model can be sent, as the server or litellm's tables say; 8,192 where neither does."""
    if is_builtin(model):
        return await gateway.builtin.window(model)
    if endpoint:
        return await _served_window(endpoint, model) or UNKNOWN_WINDOW
    litellm = await gateway.warm()
    try:
        info = litellm.get_model_info(model)
    except Exception:  # litellm raises many kinds for models that it does not list
        return UNKNOWN_WINDOW
    return int(info.get("max_input_tokens") or info.get("max_tokens") or UNKNOWN_WINDOW)


async def check_provider(model: str, gateway: Gateway) -> None:
    """Checks that there is somebody to ask for that model; whether they have it, their answer says.

    Raises:
        UserError: nobody is known by that name (exit status 2).
    """
    provider, slash, _ = model.partition("/")
    if is_builtin(model) or not slash or provider in USUAL:
        return
    litellm = await gateway.warm()
    try:
        litellm.get_llm_provider(model)
    except litellm.exceptions.BadRequestError:
        hint = "Write PROVIDER/MODEL, such as openai/gpt-4o, or builtin, or gguf:FILE; a model of a server of your own is openai/MODEL."
        raise UserError(f"There is no model provider {provider!r}.", hint, status=2) from None


async def _served_window(endpoint: str, model: str) -> int | None:
    """What a llama.cpp or vLLM server says of itself."""
    base = endpoint.rstrip("/").removesuffix("/v1")
    properties = await _get(f"{base}/props")
    if isinstance(properties, dict) and "default_generation_settings" in properties:
        return int(properties["default_generation_settings"].get("n_ctx") or 0) or None
    listed = await _get(f"{base}/v1/models")
    for entry in listed.get("data", []) if isinstance(listed, dict) else []:
        if entry.get("max_model_len") and entry.get("id") in (model, model.partition("/")[2]):
            return int(entry["max_model_len"])
    return None


async def local_servers() -> list[LocalServer]:
    """The model servers that answer on this machine's usual ports."""
    found = await asyncio.gather(*(_probe(port, kind) for port, kind in LOCAL_SERVERS))
    return [server for server in found if server]


async def _probe(port: int, kind: str) -> LocalServer | None:
    url = f"http://127.0.0.1:{port}/v1"
    listed = await _get(f"{url}/models")
    if not isinstance(listed, dict) or "data" not in listed:
        return None
    return LocalServer(url, kind, tuple(str(entry.get("id")) for entry in listed["data"]))


async def _get(url: str) -> Any:
    import httpx

    try:
        async with httpx.AsyncClient(timeout=PROBE_S, trust_env=False) as client:
            answer = await client.get(url)
            return answer.json() if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None
