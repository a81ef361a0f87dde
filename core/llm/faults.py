"""What went wrong with a call, in one sentence, and what to do about it in another."""

from __future__ import annotations

import re
from typing import Any

from core.llm.types import ModelError, Request

PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)
SECRET = re.compile(r"(sk-|key-|Bearer\s+)[\w\-.*]{6,}|(api[_-]?key\W{1,4})[\w\-.*]{6,}", re.IGNORECASE)
TOO_LONG = ("exceed_context_size", "context_length_exceeded", "context length", "context window", "prompt is too long")
# As Ollama, llama.cpp, vLLM and OpenRouter say that a model or a server cannot call functions or follow a schema.
NO_PROTOCOL = re.compile(
    r"support[^.]{0,40}\b(tool|function)|\b(tool|function)s?\b[^.]{0,60}(support|requires|enable|not allowed|unknown)"
    r"|response_format|json_schema",
    re.IGNORECASE,
)
LONGEST_WAIT_S = 60.0
LONGEST_WORDS = 200  # characters of what a provider says


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    name = type(error).__name__
    if "ContextWindow" in name:
        return False
    if name in ("Timeout", "APIConnectionError", "MidStreamFallbackError"):
        return True
    return getattr(error, "status_code", None) in PASSING


def retry_after(error: Exception) -> float | None:
    """Seconds that the server asks to be left alone."""
    headers: Any = getattr(error, "litellm_response_headers", None) or {}
    try:
        return min(LONGEST_WAIT_S, max(0.0, float(headers.get("retry-after"))))
    except (TypeError, ValueError):
        return None


def fault_of(error: Exception, request: Request) -> ModelError:
    """The error as the user is told of it."""
    if isinstance(error, ModelError):
        return error
    name, status, text = type(error).__name__, getattr(error, "status_code", None), _plain(str(error))
    where = request.endpoint or request.model
    if "ContextWindow" in name or (status in (400, 413) and any(mark in text.lower() for mark in TOO_LONG)):
        return ModelError(
            f"{request.model} refused the prompt as too long.",
            "Set a smaller context_window for this agent.",
            "context",
        )
    if status in (400, 404, 422, 500, 501) and NO_PROTOCOL.search(text):
        hint = "Set protocol=text for this agent, or choose another model."
        return ModelError(f"{request.model} cannot be called with {request.protocol}.", hint, "protocol")
    if status in (401, 403) or "AuthenticationError" in name:
        return ModelError(
            f"{where} refused the key.", "Check the key of that provider, and that it may use the model.", "auth"
        )
    if status == 404:
        return ModelError(
            f"{where} does not know the model {request.model}.", "Choose another with /model.", "not_found"
        )
    if "Connection error" in text or name == "APIConnectionError":
        return ModelError(
            f"{where} cannot be reached.", "Check that it runs and that the address is right.", "connection"
        )
    if name in ("Timeout", "MidStreamFallbackError"):
        return ModelError(
            f"{where} stopped answering.", "/retry asks again; request_timeout sets how long to wait.", "connection"
        )
    if status == 429:
        return ModelError(f"{where} has had too many requests.", "Wait a little, then /retry.", "rate")
    if "LLM Provider NOT provided" in text:
        hint = "Choose another with /model: PROVIDER/MODEL, builtin, or gguf:FILE."
        return ModelError(f"There is no model provider for {request.model}.", hint, "not_found")
    words = text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS].rpartition(' ')[0]} …"
    return ModelError(f"{where} failed: {words}", "/retry asks again.", "other")


def _plain(text: str) -> str:
    """One line without keys and without litellm's own prefixes."""
    line = " ".join(text.split())
    return SECRET.sub("…", re.sub(r"^litellm\.\w+: (\w+ - )?", "", line))
