"""One-step configuration, under the module path that MemGPT's documentation gives it."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from enum import StrEnum

from memgpt import config
from memgpt.home import Home, UserError

LOCAL_PORTS = ((11434, "Ollama"), (8080, "llama.cpp"), (8000, "vLLM"), (1234, "LM Studio"))
PROBE_S = 0.5
OPENAI_MODEL = "openai/gpt-4o-mini"


class QuickstartChoice(StrEnum):
    """Where models come from: OpenAI by a key, a server that runs on this machine, or the built-in model."""

    openai = "openai"
    local = "local"
    builtin = "builtin"


def quickstart(home: Home, choice: QuickstartChoice) -> str:
    """Writes the defaults for new agents; a line that says what they are.

    Raises:
        UserError: a local server was asked for, and none answers.
    """
    model, endpoint, told = _defaults(choice)
    config.save(home, {"model": model, "model_endpoint": endpoint})
    return told


def _defaults(choice: QuickstartChoice) -> tuple[str, str, str]:
    match choice:
        case QuickstartChoice.builtin:
            return config.BUILTIN, "", "The built-in offline model is the default for new agents."
        case QuickstartChoice.openai:
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
