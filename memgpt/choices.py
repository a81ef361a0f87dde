"""The models that this machine offers, best first: servers that run here, keys in the environment, the built-in one.

Set-up shows them, on the screen and on the command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from memgpt.config import BUILTIN
from memgpt.servers import ServedModel, Server, found_servers

KEYS = (
    ("OPENAI_API_KEY", "openai/gpt-4o-mini"),
    ("ANTHROPIC_API_KEY", "anthropic/claude-3-5-haiku-latest"),
    ("GEMINI_API_KEY", "gemini/gemini-2.0-flash"),
    ("MISTRAL_API_KEY", "mistral/mistral-small-latest"),
    ("GROQ_API_KEY", "groq/llama-3.3-70b-versatile"),
    ("DEEPSEEK_API_KEY", "deepseek/deepseek-chat"),
    ("OPENROUTER_API_KEY", "openrouter/openai/gpt-4o-mini"),
    ("XAI_API_KEY", "xai/grok-3-mini"),
    ("TOGETHERAI_API_KEY", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to begin: a model, where it is, and a line about it."""

    model: str
    endpoint: str
    note: str


ALWAYS = Choice(BUILTIN, "", "the built-in model: offline, small, not clever, ready now")


def found_choices(environment: Mapping[str, str] = os.environ) -> list[Choice]:
    """What is to be had here, the built-in model last."""
    return [*of_servers(found_servers()), *of_keys(environment), ALWAYS]


def of_servers(servers: Sequence[Server]) -> list[Choice]:
    return [
        Choice(server.name_of(model), server.url, f"{server.kind} at {urlsplit(server.url).netloc}{described(model)}")
        for server in servers
        for model in server.models
    ]


def of_keys(environment: Mapping[str, str]) -> list[Choice]:
    return [Choice(model, "", f"by the key in {name}") for name, model in KEYS if environment.get(name)]


def described(model: ServedModel) -> str:
    """Its window, and whether it calls functions."""
    told = [f"{model.window:,} tokens"] if model.window else []
    told += {True: ["calls functions"], False: ["calls no functions"], None: []}[model.tools]
    return "".join(f", {part}" for part in told)


def result_line(told: Mapping[str, Any]) -> str:
    """The result of a live test call, as `probe` gives it, in one line."""
    if not told["ok"]:
        return f"{told['message']} {told['hint']}".strip()
    ways = {"tools": "calls functions", "json": "calls no functions itself; held to JSON it does"}
    way = ways.get(told["protocol"], "calls no functions; asked for text")
    if told["model"] == BUILTIN:
        way = "pages are found for it"
    also = ", several at once" if told["parallel_tools"] else ""
    thinks = ", thinks first" if told["reasoning"] else ""
    return f"answered in {told['ms'] / 1000:.1f} s, {way}{also}{thinks}, window {told['window']:,} tokens"
