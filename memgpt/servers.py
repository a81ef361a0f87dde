"""Model servers of this machine: found on their usual ports, told apart by what they answer, with their models.

Light, and without the engine: set-up looks before anything heavy exists. Asks loopback, and where `OLLAMA_HOST` points,
never through a proxy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ASK_S = 0.5  # for an answer of a server of this machine
LONGEST_ANSWER = 4_000_000  # bytes
OLLAMA_WINDOW = 8192  # tokens asked of Ollama where nobody says more: its memory grows with it, at once
MOST_DESCRIBED = 24  # models of one Ollama that are asked about, newest first
OLLAMA_URL = "http://127.0.0.1:11434"
PORTS_VARIABLE = "MEMGPT_SERVER_PORTS"
# Where each listens if nobody says otherwise; what answers there is what it says it is, whatever the port.
USUAL_PORTS = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama.cpp",
    8000: "vLLM",
    5000: "text-generation-webui",
    5001: "KoboldCpp",
    1337: "Jan",
    30000: "SGLang",
    4000: "LiteLLM proxy",
}
STARTED_BY = {
    "Ollama": "ollama serve",
    "LM Studio": "lms server start",
    "llama.cpp": "llama-server -m MODEL.gguf --jinja --port {port}",
    "vLLM": "vllm serve MODEL --port {port}",
    "SGLang": "python -m sglang.launch_server --model-path MODEL --port {port}",
    "KoboldCpp": "koboldcpp MODEL.gguf --port {port}",
    "LiteLLM proxy": "litellm --config config.yaml --port {port}",
}
NO_CHAT = ("embedding", "embeddings", "rerank", "whisper", "tts")


def is_ollama(model: str) -> bool:
    """Whether Ollama runs that model, by either of litellm's names for its doors."""
    return model.startswith("ollama")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model of a server. `window` in tokens, 0 where nobody says; `tools` is None where only a call can tell; `note`
    says what else there is to know, such as a longer window that it could have."""

    name: str
    window: int = 0
    tools: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A model server that answers. `url` is what `model_endpoint` is set to; `prefix` stands before its models' names."""

    kind: str
    url: str
    prefix: str
    models: tuple[ServedModel, ...]

    def name_of(self, model: ServedModel) -> str:
        """What the setting `model` is called for that one."""
        return f"{self.prefix}/{model.name}"

    def named(self, model: str) -> ServedModel | None:
        """The model that the setting `model` calls so; None where it has none."""
        name = model.partition("/")[2] or model
        known = {served.name: served for served in self.models}
        return known.get(name) or known.get(model) or known.get(f"{name}:latest")


def found_servers() -> list[Server]:
    """The servers that answer on this machine and have a model that talks, in the order of `USUAL_PORTS`."""
    bases = _bases()
    if not bases:
        return []
    with ThreadPoolExecutor(len(bases)) as pool:
        return [server for server in pool.map(look_at, bases) if server and server.models]


def _bases() -> list[str]:
    listed = os.environ.get(PORTS_VARIABLE)
    ports = (
        USUAL_PORTS if listed is None else [int(port) for port in listed.replace(",", " ").split() if port.isdecimal()]
    )
    bases = [f"http://127.0.0.1:{port}" for port in ports]
    if os.environ.get("OLLAMA_HOST"):
        bases.insert(0, ollama_url())
    return list(dict.fromkeys(bases))


def ollama_url() -> str:
    """Where Ollama is: as its own `OLLAMA_HOST` has it, or where it usually listens."""
    host = os.environ.get("OLLAMA_HOST", "")
    if not host:
        return OLLAMA_URL
    base = (host if "//" in host else f"http://{host}").rstrip("/").replace("//0.0.0.0", "//127.0.0.1")
    return base if urlsplit(base).port else f"{base}:11434"


def look_at(base: str) -> Server | None:
    """What serves models at that address, with or without `/v1`; None where nothing does."""
    base = base.rstrip("/").removesuffix("/v1")
    if tags := _object(ask(f"{base}/api/tags")).get("models"):
        return Server("Ollama", base, "ollama_chat", tuple(_ollama_models(base, tags)))
    listed = _rows(ask(f"{base}/v1/models"))
    if not listed:
        return None
    if own := _rows(ask(f"{base}/api/v0/models")):
        return Server("LM Studio", f"{base}/v1", "openai", tuple(_lm_studio_models(own)))
    properties = _object(ask(f"{base}/props"))
    if "default_generation_settings" in properties:
        return Server("llama.cpp", f"{base}/v1", "openai", tuple(_llama_cpp_models(listed, properties)))
    kind = _kind(listed, base)
    return Server(kind, f"{base}/v1", "openai", tuple(_plain_models(listed)))


def served_model(endpoint: str, model: str) -> ServedModel | None:
    """What the server at an endpoint says of one model of its; None where it says nothing."""
    server = look_at(endpoint)
    return server.named(model) if server else None


def kind_of(endpoint: str, model: str) -> str:
    """Which server should stand at an endpoint, as its port and the model's name have it; empty where neither says."""
    if is_ollama(model):
        return "Ollama"
    return USUAL_PORTS.get(urlsplit(endpoint).port or 0, "")


def start_command(endpoint: str, model: str) -> str:
    """The command that starts the server of an endpoint; empty where it is none of this machine's."""
    command = STARTED_BY.get(kind_of(endpoint, model), "")
    return command.format(port=urlsplit(endpoint).port)


def ask(url: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON that a server answers, None where it answers none."""
    import http.client  # no command that asks no server waits for these
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=ASK_S) as answer:
            return json.loads(answer.read(LONGEST_ANSWER))
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _ollama_models(base: str, tags: Iterable[Any]) -> Iterable[ServedModel]:
    """Each with the window that it runs with, or that its file asks for, or a modest one."""
    running = {str(row.get("name")): row for row in _rows(ask(f"{base}/api/ps"), "models")}
    names = [str(row.get("name")) for row in tags if isinstance(row, dict) and row.get("name")]
    with ThreadPoolExecutor(8) as pool:
        shown = pool.map(lambda name: _object(ask(f"{base}/api/show", {"model": name})), names[:MOST_DESCRIBED])
        for name, told in zip(names, [*shown, *({} for _ in names[MOST_DESCRIBED:])], strict=True):
            abilities = told.get("capabilities")
            if isinstance(abilities, list) and "completion" not in abilities:
                continue
            info = _object(told.get("model_info"))
            longest = next((_whole(value) for key, value in info.items() if str(key).endswith(".context_length")), 0)
            window = _whole(running.get(name, {}).get("context_length")) or _asked_window(told) or OLLAMA_WINDOW
            window = min(window, longest) if longest else window
            more = f"up to {longest:,} with context_window" if longest > window else ""
            yield ServedModel(name, window, "tools" in abilities if isinstance(abilities, list) else None, more)


def _asked_window(told: Mapping[str, Any]) -> int:
    """`num_ctx` of an Ollama model's own parameters."""
    for line in str(told.get("parameters") or "").splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "num_ctx":
            return _whole(value.strip())
    return 0


def _lm_studio_models(rows: Iterable[Mapping[str, Any]]) -> Iterable[ServedModel]:
    for row in rows:
        if row.get("type") in NO_CHAT:
            continue
        abilities = row.get("capabilities")
        loaded, longest = _whole(row.get("loaded_context_length")), _whole(row.get("max_context_length"))
        tools = "tool_use" in abilities if isinstance(abilities, list) else None
        yield ServedModel(
            str(row["id"]), loaded or longest, tools, "" if row.get("state") == "loaded" else "not loaded"
        )


def _llama_cpp_models(listed: Iterable[Mapping[str, Any]], properties: Mapping[str, Any]) -> Iterable[ServedModel]:
    window = _whole(_object(properties["default_generation_settings"]).get("n_ctx"))
    abilities = _object(properties.get("chat_template_caps"))
    tools = bool(abilities["supports_tools"]) if "supports_tools" in abilities else None
    for row in listed:
        yield ServedModel(str(row["id"]), window, tools)


def _plain_models(listed: Iterable[Mapping[str, Any]]) -> Iterable[ServedModel]:
    for row in listed:
        if not any(word in str(row["id"]).lower() for word in NO_CHAT):
            yield ServedModel(str(row["id"]), _whole(row.get("max_model_len")) or _whole(row.get("context_length")))


def _kind(listed: Iterable[Mapping[str, Any]], base: str) -> str:
    owners = {str(row.get("owned_by", "")).lower() for row in listed}
    for kind in ("vLLM", "SGLang", "KoboldCpp", "llama.cpp"):
        if kind.lower() in owners or kind.lower().replace(".", "") in owners:
            return kind
    return USUAL_PORTS.get(urlsplit(base).port or 0, "an OpenAI-compatible server")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: Any, name: str = "data") -> list[dict[str, Any]]:
    """The objects with an id or a name that an answer lists."""
    rows = _object(value).get(name)
    return (
        [row for row in rows if isinstance(row, dict) and (row.get("id") or row.get("name"))]
        if isinstance(rows, list)
        else []
    )


def _whole(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError):
        return 0
