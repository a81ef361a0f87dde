"""Keys that come in one piece with the key that opens a screen go to that screen, and none to the prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.widgets import Input

from memgpt.home import Home
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.support.terminal import Terminal
from tests.tui.test_app import app_of, opened, until
from tui.app import MemGPTApp


def burst(app: MemGPTApp, *keys: str) -> None:
    """All of them at once, as a slow line brings them."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


@pytest.mark.parametrize(
    ("keys", "there"),
    [
        (("ctrl+g", "h"), lambda app: app.focused is app.chat),
        (("ctrl+g", "h", "ctrl+g", "p", *" on"), lambda app: app.prompt.text == "a draft on"),
        (("ctrl+r", *"e5"), lambda app: [field.value for field in app.screen.query(Input)] == ["e5"]),
        (("ctrl+r", *"e5", "enter"), lambda app: app.prompt.text == "to e5" and app.focused is app.prompt),
        (("f1", "end"), lambda app: any(body.scroll_y > 0 for body in app.screen.query("#body"))),
        (("f1", "escape", *" on"), lambda app: app.prompt.text == "a draft on" and app.screen is app.base),
        (("ctrl+p", *"zoom", "enter"), lambda app: app.arrangement.zoomed == "chat-pane"),
        (("f9", *" on"), lambda app: app.prompt.text == "a draft on"),
    ],
)
async def test_what_is_typed_ahead_reaches_what_is_opened(
    tmp_path: Path, keys: tuple[str, ...], there: Callable[[MemGPTApp], bool]
) -> None:
    app = screens.still(tmp_path)
    app.history += ["to e5"]
    async with app.run_test(size=(120, 30)) as pilot:
        screens.calm(app)
        app.prompt.insert("a draft")
        await pilot.pause(0.3)
        burst(app, *keys)
        await until(pilot, lambda: there(app))


async def test_commands_that_are_typed_ahead_too(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause(0.3)
        burst(app, *"/theme", "enter", "down", "enter", *"kept")
        await until(pilot, lambda: app.prompt.text == "kept")
        assert app.screen is app.base and app.prompt.past == ["earlier words", "/theme"]
        app.prompt.fill("")
        burst(app, *"/nonsense", "enter")
        app.post_message(Paste("pasted"))
        burst(app, *", typed")
        await until(pilot, lambda: app.prompt.text == "pasted, typed")


async def test_no_key_waits_for_long(tmp_path: Path) -> None:
    """Where what is opened never comes, as there is no engine."""
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause(0.3)
        burst(app, "ctrl+t", *"kept")
        await pilot.pause(0.5)
        assert app.prompt.text == ""
        await until(pilot, lambda: app.prompt.text == "kept")


async def test_screens_that_ask_the_engine_first(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        app.prompt.insert("a draft")
        burst(app, "ctrl+t", "n", *"ada", "escape", "escape", "!")
        await until(pilot, lambda: app.prompt.text == "a draft!")
        assert app.screen is app.base
        app.prompt.fill("a draft")
        burst(app, "ctrl+t", "enter", *" on")
        await until(pilot, lambda: app.prompt.text == "a draft on")
        burst(app, "ctrl+f", "enter", "escape", "?")
        await until(pilot, lambda: app.prompt.text == "a draft on?")
        burst(app, "ctrl+t", "n", *agent_name, "b", "enter")
        await until(pilot, lambda: f"{agent_name}b" in home.agent_names())
        assert not model.requests, "and nothing was sent"


def test_bytes_that_come_together(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    try:
        shown.shows("idle")
        for number, keys in enumerate(("\x14\r", "\x07h\x07p", "\x12zz\x07", "\x1bOPj", "\x06zz\r")):
            shown.type(f"draft {number}")
            shown.shows(f"draft {number}")
            shown.type(keys)
            shown.read(2.0)
            shown.type("\x1b")
            shown.read(0.5)
            shown.type("\x1b")
            shown.shows(f"│ draft {number} ")
            shown.type("\x15")
        assert not model.requests
    finally:
        shown.close()
