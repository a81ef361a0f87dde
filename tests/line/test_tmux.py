"""In tmux: its keys, its buffer, and another terminal that comes to the same session."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S, until
from tests.support.program import Program
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not here")


class Tmux:
    """A server of our own with one session."""

    def __init__(self, name: str, environment: dict[str, str], *command: str) -> None:
        self.command = ["tmux", "-L", name, "-f", os.devnull]
        self.environment = {key: value for key, value in environment.items() if not key.startswith("TMUX")}
        self("new-session", "-d", "-x", "100", "-y", "30", *command)

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments], capture_output=True, text=True, check=True, env=self.environment
        )
        return done.stdout

    @property
    def text(self) -> str:
        return self("capture-pane", "-p")

    def keys(self, *names: str) -> None:
        self("send-keys", *names)

    def shows(self, *words: str) -> None:
        deadline = time.monotonic() + LONGEST_S
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)


@pytest.fixture
def tmux(home: Home, agent_name: str, model: ModelServer) -> Iterator[Tmux]:
    program = Program(home)
    given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    plain = {key: value for key, value in program.environment().items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    made = Tmux(f"memgpt-{agent_name}", plain, *program.command(*given))
    try:
        yield made
    finally:
        subprocess.run([*made.command, "kill-server"], capture_output=True, check=False)


def test_keys_copying_and_another_terminal(tmux: Tmux, model: ModelServer) -> None:
    tmux.shows("idle")
    for word, key in (("uno", "C-j"), ("due", "M-Enter"), ("tre", "Enter")):
        tmux.keys("-l", word)
        tmux.shows(f"│ {word} ")
        assert not model.requests, "nothing is sent before Enter"
        tmux.keys(key)
    tmux.shows("You said: uno", "idle")
    assert scripted.last_user_text(model.requests[-1]) == "uno\ndue\ntre"
    tmux.keys("-l", "/copy")
    tmux.shows("/copy")
    tmux.keys("Enter")
    tmux.shows("to tmux's buffer")
    assert tmux("show-buffer") == "You said: uno\ndue\ntre"
    tmux.keys("-l", "half a thought")
    other = Terminal([*tmux.command, "attach"], tmux.environment, 120, 36)
    try:
        other.shows("You said: uno", "half a thought", "Inner monologue", "idle")
        other.type("\x02d")  # detached
        assert other.ended() == 0
    finally:
        other.close()
    tmux.keys("Enter")
    tmux.shows("You said: half a thought")
    tmux.keys("C-q")
    until(lambda: subprocess.run([*tmux.command, "list-sessions"], capture_output=True, check=False).returncode)
