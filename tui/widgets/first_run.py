"""The first run: what was found on this machine, above a prompt that already takes keys."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from memgpt.choices import ALWAYS, Choice, found_choices
from tui.text import inert

SHOWN = 8  # choices at once; the rest scroll by
OTHER_ROWS = 9  # of the screen: what else stands in the panel, the prompt, the last line
ROOMY = 72  # columns in which there is room for more words


def gpu() -> str:
    """What computes beside the processor, as far as can be seen without loading anything."""
    import os

    if Path("/dev/nvidia0").exists():
        return "an NVIDIA GPU"
    return "Apple's GPU" if sys.platform == "darwin" and os.uname().machine == "arm64" else "no GPU"


class FirstRun(Static):
    """The choices; Up and Down on an empty prompt move, Enter tries the marked one and takes it. `told` is what the test
    call of it has shown."""

    DEFAULT_CSS = """
    FirstRun { height: auto; padding: 0 1; border-top: solid $line; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__(id="first-run", markup=False)
        self.choices = [ALWAYS]
        self.place = 0
        self.told = ""
        self.trying = False
        self._looking = True

    def on_resize(self) -> None:
        self._draw_choices()

    def on_mount(self) -> None:
        self._draw_choices()
        self.run_worker(self._look(), exit_on_error=False)

    async def _look(self) -> None:
        self.choices = await asyncio.to_thread(found_choices)
        self._looking = False
        self._draw_choices()

    def move(self, step: int) -> None:
        if not self.trying:
            self.place, self.told = (self.place + step) % len(self.choices), ""
            self._draw_choices()

    @property
    def chosen(self) -> Choice:
        return self.choices[self.place]

    def say(self, text: str, trying: bool = False) -> None:
        """How the test call of the marked choice goes."""
        self.told, self.trying = inert(text), trying
        self._draw_choices()

    def _draw_choices(self) -> None:
        found = (
            "looking at what this machine has …"
            if self._looking
            else f"found here: {gpu()}, {len(self.choices)} model{'s' if len(self.choices) > 1 else ''} to talk to"
        )
        lines = [Content.assemble(("Welcome. ", "bold"), (found, "$muted"))]
        shown = max(1, min(SHOWN, self.app.size.height - OTHER_ROWS))
        first = max(0, min(self.place - shown + 1, len(self.choices) - shown))
        for place, choice in list(enumerate(self.choices))[first : first + shown]:
            mark = place == self.place
            lines.append(Content.assemble("› " if mark else "  ", (_words(choice), "bold" if mark else "")))
        if self.told:
            lines.append(Content.styled(f"  {self.told}", "$muted" if self.trying else "$warning"))
        wide = self.app.size.width >= ROOMY
        lines.append(
            Content.styled(f"New here? /tour shows how memory works{', in two minutes' if wide else ''}", "$muted")
        )
        begins = "Enter begins, or write your first message" if wide else "Enter begins"
        lines.append(Content.styled(f"{begins} · ↑↓ choose · F1 help", "$muted"))
        self.update(Content("\n").join(lines))


def _words(choice: Choice) -> str:
    return choice.note if choice is ALWAYS else f"{inert(choice.model)}, {inert(choice.note)}"
