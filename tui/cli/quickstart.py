"""`memgpt quickstart`: a working configuration in one step."""

from __future__ import annotations

import argparse
import json
import os
import urllib.error
import urllib.request

from memgpt import config
from memgpt.home import UserError, find_home

LOCAL_PORTS = ((11434, "Ollama"), (8080, "llama.cpp"), (8000, "vLLM"), (1234, "LM Studio"))
PROBE_S = 0.5
OPENAI_MODEL = "openai/gpt-4o-mini"


def run(options: argparse.Namespace) -> int:
    home = find_home()
    home.create()
    model, endpoint, told = _choice(options.backend)
    config.save(home, {"model": model, "model_endpoint": endpoint})
    print(told)
    return 0


def _choice(backend: str) -> tuple[str, str, str]:
    if backend == "builtin":
        return "builtin", "", "The built-in offline model is the default for new agents."
    if backend == "openai":
        missing = "" if os.environ.get("OPENAI_API_KEY") else " Set OPENAI_API_KEY before you talk to it."
        return OPENAI_MODEL, "", f"{OPENAI_MODEL} is the default for new agents.{missing}"
    return found_server()


def found_server() -> tuple[str, str, str]:
    """The first model server that answers on this machine: its first model, its URL, a line about it.

    Raises:
        UserError: none answers.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for port, kind in LOCAL_PORTS:
        url = f"http://127.0.0.1:{port}/v1"
        try:
            with opener.open(f"{url}/models", timeout=PROBE_S) as answer:
                models = [str(entry["id"]) for entry in json.load(answer)["data"]]
        except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
            continue
        if models:
            return f"openai/{models[0]}", url, f"{models[0]} of {kind} at {url} is the default for new agents."
    ports = ", ".join(f"{kind} on {port}" for port, kind in LOCAL_PORTS)
    raise UserError("No model server answers on this machine.", f"Start one of {ports}, or use --backend builtin.")
