"""Where a request goes: the model as litellm calls it, the server, the one key that goes there, proxies and own CA."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from core.llm.builtin import Builtin, is_builtin
from core.llm.faults import LOOPBACK, key_missing
from core.llm.types import Request
from memgpt.servers import is_ollama, ollama_url

DUMMY_KEY = "none"  # litellm would send OPENAI_API_KEY to any server it is pointed at
ENDPOINT_KEY = "MEMGPT_ENDPOINT_KEY"
PROVIDER_KEYS = {"gemini": "GEMINI_API_KEY", "vertex_ai": "GOOGLE_API_KEY", "together_ai": "TOGETHERAI_API_KEY"}
MUST_HAVE_KEY = (
    "openai",
    "anthropic",
    "gemini",
    "mistral",
    "groq",
    "deepseek",
    "openrouter",
    "xai",
    "cohere",
    "together_ai",
)
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
AZURE_VERSION = "AZURE_API_VERSION"


@dataclass(frozen=True, slots=True)
class Address:
    """`more` are arguments of litellm's that this server needs."""

    model: str
    base: str | None
    key: str | None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def limited(self) -> tuple[str, str, str]:
        """What a provider's rate limit holds for: a model, at its server, with a key, which is not kept itself."""
        return self.model, self.base or "", hashlib.blake2b((self.key or "").encode(), digest_size=12).hexdigest()


async def address_of(request: Request, builtin: Builtin) -> Address:
    """Where that request goes.

    Raises:
        ModelError: the offline model cannot be started, or there is no key.
    """
    if is_builtin(request.model):
        url, secret = await builtin.address(request.model)
        return Address("openai/builtin", f"{url}/v1", secret)
    name = request.model if "/" in request.model else f"openai/{request.model}"
    provider = name.partition("/")[0]
    if request.endpoint:
        key = request.keys.get(ENDPOINT_KEY, DUMMY_KEY)
        return Address(name, request.endpoint, key, _more(provider, request))
    upper = provider.upper()
    base = request.keys.get(f"{upper}_API_BASE") or request.keys.get(f"{upper}_BASE_URL")
    if is_ollama(provider):
        base = base or ollama_url()
    variable = PROVIDER_KEYS.get(provider, f"{upper}_API_KEY")
    provided = request.keys.get(variable)
    if provided is None and provider in MUST_HAVE_KEY and not (base and local(base)):
        raise key_missing(request.model, variable)
    return Address(request.model, base, provided, _more(provider, request))


def _more(provider: str, request: Request) -> dict[str, Any]:
    if is_ollama(provider) and request.window:
        return {"num_ctx": request.window}  # else it cuts longer prompts to its own default, without a word
    if provider == "azure" and (version := request.keys.get(AZURE_VERSION)):
        return {"api_version": version}
    return {}


def local(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK


class Way:
    """A context: the front end's proxies and certificate authority while a client is made for the server at `base`.
    Servers of this machine are reached without a proxy."""

    def __init__(self, keys: Mapping[str, str], base: str | None) -> None:
        direct = base is not None and local(base)
        self._values = {
            name: value
            for name, value in keys.items()
            if name in CA_VARIABLES or (name.lower().endswith("_proxy") and not direct)
        }
        if authority := next((self._values[name] for name in CA_VARIABLES if name in self._values), ""):
            self._values["SSL_CERT_FILE"] = authority  # the one that litellm and httpx read
        self._before: dict[str, str | None] = {}

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What distinguishes it: a client that was made for another way must not be used."""
        return tuple(sorted(self._values.items()))

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in self._values}
        os.environ.update(self._values)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
