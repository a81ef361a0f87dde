"""Pictures of what shows the paging: inspector, browser, a block being edited, the map in motion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support import screens
from tests.tui.test_snapshots import SIZES, drawn, rows
from tui.screens.browser import Browser
from tui.screens.inspector import Inspector
from tui.widgets.hits import HitList
from tui.widgets.memory_pane import MemoryPane
from tui.widgets.walked import Monologue

pytestmark = pytest.mark.snapshot
Check = Callable[[Pilot[None]], Awaitable[None]]


def opened(put: Callable[[Any], Awaitable[None]], check: Check, *keys: str) -> Check:
    """Puts a screen over the conversation, presses keys, checks."""

    async def before(pilot: Pilot[None]) -> None:
        await put(pilot.app)
        await pilot.pause(0.5)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await pilot.pause(0.8)
        await check(pilot)

    return before


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_inspector(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, Inspector) and screen.place == 12
        assert {block.mark for block in screen.blocks} == {"+", "-", " ", "~"}

    keys = ("left", "left", "down", "down", "down")
    app = screens.still(tmp_path)
    assert snap_compare(app, terminal_size=size, run_before=opened(screens.inspecting, check, *keys))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_browser(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, Browser) and screen.query_one(HitList).hits[0].meaning == 3

    app = screens.still(tmp_path)
    assert snap_compare(app, terminal_size=size, run_before=opened(screens.browsing, check, *"bishop"))


def test_passages_that_are_selected(snap_compare: Any, tmp_path: Path) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert isinstance(pilot.app.screen, Browser) and len(pilot.app.screen.kept.selected) == 2

    async def put(app: Any) -> None:
        await screens.browsing(app, "archival")

    app = screens.still(tmp_path, "ansi16")
    run = opened(put, check, "down", "space", "space")
    assert snap_compare(app, terminal_size=(120, 40), run_before=run)


def test_a_message_in_its_conversation(snap_compare: Any, tmp_path: Path) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert "▌" in pilot.app.screen.query_one("#reading").text.plain  # type: ignore[attr-defined]

    run = opened(screens.browsing, check, "down", "down", "enter")
    assert snap_compare(screens.still(tmp_path), terminal_size=(80, 24), run_before=run)


def test_a_block_that_is_edited(snap_compare: Any, tmp_path: Path) -> None:
    async def check(pilot: Pilot[None]) -> None:
        pilot.app.run_command("/human")  # type: ignore[attr-defined]
        await pilot.pause(0.4)
        await pilot.press("enter", *"Likes tea.")
        await pilot.pause(0.3)
        assert pilot.app.query_one(MemoryPane).label == "human"

    app = screens.still(tmp_path)
    assert snap_compare(app, terminal_size=(120, 40), run_before=drawn(screens.calm, check))


def test_what_the_user_changed(snap_compare: Any, tmp_path: Path) -> None:
    async def check(pilot: Pilot[None]) -> None:
        text = rows(pilot.app.query_one(MemoryPane).blocks)
        assert "changed by you" in text and "+Works on the launch" in text
        pilot.app.query_one(Monologue).focus()
        await pilot.press("up", "enter")
        await pilot.pause(0.3)

    app = screens.still(tmp_path)
    assert snap_compare(app, terminal_size=(120, 40), run_before=drawn(screens.by_hand, check))
