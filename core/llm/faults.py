"""What went wrong with a call, by its kind: one sentence that says it, and another that says what to do about it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from core.llm.types import ModelError, Request
from memgpt import servers

PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)
SECRET = re.compile(r"(sk-|key-|Bearer\s+)[\w\-.*]{6,}|(api[_-]?key\W{1,4})[\w\-.*]{6,}", re.IGNORECASE)
TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|context (length|window)|(prompt|input) is too long|input token count"
    r"|too many tokens|maximum prompt length|longer than the maximum|max_new_tokens\W+must be <=",
    re.IGNORECASE,
)
# As OpenAI, vLLM and xAI, llama.cpp and SGLang, Anthropic, Gemini, Mistral, TGI, LM Studio and others say how long a prompt
# may be.
WINDOWS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:maximum|max) (?:context|prompt|model) length (?:is|of) (\d[\d,]*)",
        r"context (?:size|length) \((\d[\d,]*)",
        r"[\"']?n_ctx[\"']?\D{1,4}(\d+)",
        r"> (\d[\d,]*) maximum",
        r"number of tokens allowed \((\d[\d,]*)\)",
        r"(\d[\d,]*) maximum context length",
        r"max_new_tokens\W+must be <= (\d+)",
        r"context (?:length|window)(?: is| of|:)(?: only)? (\d[\d,]*)",
    )
)
LEAST_WINDOW = 256  # tokens; a smaller figure is none of a window
# As Ollama, llama.cpp, vLLM and OpenRouter say that a model or a server cannot call functions or follow a schema.
NO_PROTOCOL = re.compile(
    r"support[^.]{0,40}\b(tool|function)|\b(tool|function)s?\b[^.]{0,60}(support|requires|enable|not allowed|unknown)"
    r"|response_format|json_schema|output_format",
    re.IGNORECASE,
)
NO_SYSTEM = re.compile(
    r"system[^.]{0,12}(role|message|prompt|instruction)s?[^.]{0,30}(not (support|allow|enabl)|unsupported)"
    r"|(not support|unsupported)[^.]{0,30}system[^.]{0,12}(role|message|prompt|instruction)",
    re.IGNORECASE,
)
QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|credit balance|out of credits", re.IGNORECASE
)
FILTERED = re.compile(r"content[_ ](filter|policy|management)|responsible ai|safety system", re.IGNORECASE)
KEY_REFUSED = re.compile(r"api[_ -]?key|invalid_api_key|unauthorized|authentication", re.IGNORECASE)
UNKNOWN = re.compile(
    r"model\W.{0,60}(not found|does not exist|not exist|unknown)|unknown model|model_not_found", re.IGNORECASE
)
CERTIFICATE = re.compile(r"certificate verify failed|CERTIFICATE_VERIFY|self.signed certificate", re.IGNORECASE)
NO_AUTHORITY = re.compile(
    r"NO_CERTIFICATE_OR_CRL_FOUND|\[X509\b|PEM lib|load_verify_locations|CA bundle", re.IGNORECASE
)
GARBLED = re.compile(
    r"JSONDecodeError|Expecting value|Unable to (get|parse) json|<html|<!doctype|Invalid JSON", re.IGNORECASE
)
KINDS = re.compile(r"^(\w+(Error|Exception)( -|:) )+")  # litellm's names of what went wrong
INNER_MESSAGE = re.compile(r'"(?:message|error)"\s*:\s*"((?:[^"\\]|\\.)+)"')
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_WORDS = 200  # characters of what a provider says


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed a little later."""
    name, text = type(error).__name__, str(error)
    if isinstance(error, ModelError):
        return error.kind == "garbled"
    if "ContextWindow" in name or QUOTA.search(text):
        return False
    if CERTIFICATE.search(_whole(error)) or NO_AUTHORITY.search(_whole(error)):
        return False
    if NO_SYSTEM.search(text) or NO_PROTOCOL.search(text):
        return False  # llama.cpp says it with a 500
    if name in ("Timeout", "APIConnectionError", "MidStreamFallbackError"):
        return True
    return getattr(error, "status_code", None) in PASSING


def refuses_system(error: Exception) -> bool:
    """Whether the model's template has no place for a system message."""
    return bool(NO_SYSTEM.search(str(error)))


def said_window(text: str) -> int:
    """Tokens that a model can be sent, as a refusal has it; 0 where it gives no figure."""
    for pattern in WINDOWS:
        if (found := pattern.search(text)) and (window := int(found[1].replace(",", ""))) >= LEAST_WINDOW:
            return window
    return 0


def fault_of(error: Exception, request: Request) -> ModelError:
    """The error as the user is told of it."""
    if isinstance(error, ModelError):
        return error
    for told in (_refusal, _line, _limit):
        if found := told(error, request):
            return found
    where, text = _where(request), KINDS.sub("", _plain(str(error)))
    if inner := INNER_MESSAGE.search(text):
        text = inner[1]
    words = text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS].rpartition(' ')[0]} …"
    return ModelError(f"{where} failed: {words}", "/retry asks again; /model chooses another.", "other")


def key_missing(model: str, variable: str) -> ModelError:
    hint = f"Set {variable} and start the program again, or choose another model with /model."
    return ModelError(f"There is no key for {model}.", hint, "auth")


def filtered(request: Request) -> ModelError:
    """The provider's filter kept the answer back."""
    hint = "Say it in other words, or choose another model with /model; /pop takes the message back."
    return ModelError(f"The content filter of {_where(request)} kept the answer back.", hint, "filter")


def too_many(request: Request) -> ModelError:
    """The provider's rate limit is used up."""
    return ModelError(f"{_where(request)} has had too many requests.", "Wait a little, then /retry.", "rate")


def garbled(request: Request, text: str = "") -> ModelError:
    """Something answered that is no model."""
    words = _plain(re.sub(r"<[^>]*>", " ", text))[:80].strip()
    hint = "Check the address; a proxy or a login page may stand in between."
    return ModelError(
        f"{_where(request)} answered with something that is no model's answer{f' ({words})' if words else ''}.",
        hint,
        "garbled",
    )


def _refusal(error: Exception, request: Request) -> ModelError | None:
    """What is wrong with what was asked: its length, its form, its key, its model, its words."""
    name, status, text = type(error).__name__, getattr(error, "status_code", None), _plain(str(error))
    where = _where(request)
    if "ContextWindow" in name or (status in (400, 413) and TOO_LONG.search(text)):
        window = said_window(text)
        told = f" Its window is {window:,} tokens." if window else ""
        hint = "Set a smaller context_window for this agent."
        return ModelError(f"{request.model} refused the prompt as too long.{told}", hint, "context", window)
    if "ContentPolicy" in name or (status == 400 and FILTERED.search(text)):
        return filtered(request)
    if status in (400, 404, 422, 500, 501) and NO_PROTOCOL.search(text) and not UNKNOWN.search(text):
        hint = "Set protocol=text for this agent, or choose another model."
        return ModelError(f"{request.model} cannot be called with {request.protocol}.", hint, "protocol")
    if QUOTA.search(text) or status == 402:
        hint = "Add credit with the provider, or choose another model with /model."
        return ModelError(f"The quota of {where} is used up.", hint, "quota")
    if status in (401, 403) or "AuthenticationError" in name or (status == 400 and KEY_REFUSED.search(text)):
        own = "Check the key in MEMGPT_ENDPOINT_KEY, the only one that goes there."
        hint = own if request.endpoint else "Check the key of that provider, and that it may use the model."
        return ModelError(f"{where} refused the key.", hint, "auth")
    if status == 404 or (status in (400, 500) and UNKNOWN.search(text)):
        return _unknown_model(request)
    if "LLM Provider NOT provided" in text:
        hint = "Choose another with /model: PROVIDER/MODEL, builtin, or gguf:FILE."
        return ModelError(f"There is no model provider for {request.model}.", hint, "not_found")
    return None


def _unknown_model(request: Request) -> ModelError:
    name = request.model.partition("/")[2] or request.model
    hint = "Choose another with /model; `memgpt list models` shows what runs here."
    if servers.is_ollama(request.model):
        hint = f"Fetch it with: ollama pull {name}; or choose another with /model."
    return ModelError(f"{_where(request)} does not know the model {name}.", hint, "not_found")


def _line(error: Exception, request: Request) -> ModelError | None:
    """What is wrong between here and there."""
    name, text, where = type(error).__name__, _plain(_whole(error)), _where(request)
    if NO_AUTHORITY.search(text):
        hint = "Set SSL_CERT_FILE to a file of certificates in PEM, or unset it."
        return ModelError("The file that SSL_CERT_FILE names holds no certificate.", hint, "connection")
    if CERTIFICATE.search(text):
        hint = "Where your network has a certificate authority of its own, set SSL_CERT_FILE to its file."
        return ModelError(f"The certificate of {where} cannot be verified.", hint, "connection")
    if GARBLED.search(text):
        return garbled(request, text.partition("OpenAIException - ")[2])
    if name == "Timeout" or "timed out" in text.lower():
        hint = "/retry asks again; request_timeout sets how long to wait."
        return ModelError(f"{where} stopped answering: {request.timeout:g} s without a byte.", hint, "timeout")
    if name == "MidStreamFallbackError":
        return ModelError(f"{where} stopped answering in the middle.", "/retry asks again.", "timeout")
    if (
        "Connection error" in text
        or "Connection refused" in text
        or "Cannot connect" in text
        or name == "APIConnectionError"
    ):
        return ModelError(f"{where} cannot be reached.", _how_to_start(request), "connection")
    return None


def _limit(error: Exception, request: Request) -> ModelError | None:
    return too_many(request) if getattr(error, "status_code", None) == 429 else None


def _how_to_start(request: Request) -> str:
    endpoint = request.endpoint or (servers.ollama_url() if servers.is_ollama(request.model) else "")
    if not endpoint:
        return "Check the network; behind a proxy, set HTTPS_PROXY."
    if urlsplit(endpoint).hostname not in LOOPBACK:
        return "Check that it runs and that the address is right; behind a proxy, set HTTPS_PROXY."
    command = servers.start_command(endpoint, request.model)
    return f"Start it: {command}" if command else "Start the server, or choose another model with /model."


def _where(request: Request) -> str:
    return request.endpoint or request.model


def _whole(error: Exception) -> str:
    """The error's words with those of what caused it."""
    found, words = error, [str(error)]
    while (cause := found.__cause__ or found.__context__) and isinstance(cause, Exception) and len(words) < 6:
        found = cause
        words.append(f"{type(cause).__name__}: {cause}")
    return " ".join(words)


def _plain(text: str) -> str:
    """One line without keys and without litellm's own prefixes."""
    line = " ".join(text.split())
    return SECRET.sub("…", re.sub(r"^litellm\.\w+: (\w+ - )?", "", line))
