"""The first run: what was found on this machine, above a prompt that already takes keys."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from tui.text import inert

KEYS = (
    ("OPENAI_API_KEY", "OpenAI", "openai/gpt-4o-mini"),
    ("ANTHROPIC_API_KEY", "Anthropic", "anthropic/claude-3-5-haiku-latest"),
    ("GEMINI_API_KEY", "Gemini", "gemini/gemini-2.0-flash"),
    ("MISTRAL_API_KEY", "Mistral", "mistral/mistral-small-latest"),
    ("GROQ_API_KEY", "Groq", "groq/llama-3.3-70b-versatile"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to begin."""

    words: str
    model: str
    endpoint: str = ""


BUILTIN = Choice("the built-in model: offline, small, not clever, ready now", "builtin")


async def found_choices() -> list[Choice]:
    """What this machine offers, best first: a server that runs here, keys in the environment, the built-in model."""
    from memgpt.cli.cli import found_server
    from memgpt.home import UserError

    found = []
    with contextlib.suppress(UserError):  # none runs, and the other choices stand
        model, url, _ = await asyncio.to_thread(found_server)
        found.append(Choice(f"{inert(model)}, a server that runs here ({url})", model, url))
    found += [Choice(f"{model} by the key in {name}", model) for name, _, model in KEYS if os.environ.get(name)]
    return [*found, BUILTIN]


def gpu() -> str:
    """What computes beside the processor, as far as can be seen without loading anything."""
    if Path("/dev/nvidia0").exists():
        return "an NVIDIA GPU"
    return "Apple's GPU" if sys.platform == "darwin" and os.uname().machine == "arm64" else "no GPU"


class FirstRun(Static):
    """The choices; Up and Down on an empty prompt move, Enter takes the marked one."""

    DEFAULT_CSS = "FirstRun { height: auto; padding: 0 1; border-top: solid $line; }"

    def __init__(self) -> None:
        super().__init__(id="first-run", markup=False)
        self.choices = [BUILTIN]
        self.place = 0
        self._looking = True

    def on_mount(self) -> None:
        self._draw_choices()
        self.run_worker(self._look(), exit_on_error=False)

    async def _look(self) -> None:
        self.choices = await found_choices()
        self._looking = False
        self._draw_choices()

    def move(self, step: int) -> None:
        self.place = (self.place + step) % len(self.choices)
        self._draw_choices()

    @property
    def chosen(self) -> Choice:
        return self.choices[self.place]

    def _draw_choices(self) -> None:
        found = (
            "looking at what this machine has …"
            if self._looking
            else f"found here: {gpu()}, {len(self.choices)} model{'s' if len(self.choices) > 1 else ''} to talk to"
        )
        lines = [Content.assemble(("Welcome. ", "bold"), (found, "$muted"))]
        for place, choice in enumerate(self.choices):
            mark = place == self.place
            lines.append(Content.assemble("› " if mark else "  ", (choice.words, "bold" if mark else "")))
        lines.append(
            Content.styled("Enter begins, or write your first message · Up and Down choose · F1 help", "$muted")
        )
        self.update(Content("\n").join(lines))
