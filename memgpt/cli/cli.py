"""One-step configuration, under the module path that MemGPT's documentation gives it."""

from __future__ import annotations

import os
from enum import StrEnum

from memgpt import choices, config
from memgpt.choices import Choice
from memgpt.home import Home, UserError
from memgpt.servers import USUAL_PORTS, found_servers

OPENAI = Choice("openai/gpt-4o-mini", "", "")


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
    found = chosen(choice)
    save(home, found)
    return told(found)


def chosen(choice: QuickstartChoice) -> Choice:
    """The model of that backend.

    Raises:
        UserError: a local server was asked for, and none answers.
    """
    match choice:
        case QuickstartChoice.builtin:
            return choices.ALWAYS
        case QuickstartChoice.openai:
            return OPENAI
    served = choices.of_servers(found_servers())
    if not served:
        ports = ", ".join(f"{kind} on {port}" for port, kind in list(USUAL_PORTS.items())[:4])
        raise UserError(
            "No model server answers on this machine.", f"Start one, such as {ports}, or use --backend builtin."
        )
    return served[0]


def save(home: Home, found: Choice) -> None:
    """Makes that model the default for new agents."""
    config.save(home, {"model": found.model, "model_endpoint": found.endpoint})


def told(found: Choice) -> str:
    """What the default is now."""
    if found.model == config.BUILTIN:
        return "The built-in offline model is the default for new agents."
    at = f" at {found.endpoint}" if found.endpoint else ""
    missing = found == OPENAI and not os.environ.get("OPENAI_API_KEY")
    return f"{found.model}{at} is the default for new agents.{' Set OPENAI_API_KEY before you talk to it.' if missing else ''}"
