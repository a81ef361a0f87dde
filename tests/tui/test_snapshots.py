"""Pictures of the main screen, each with what has to be true of it. `make snapshots` draws them anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support import screens
from tests.support.pictures import AGENTS
from tui.widgets.context_map import ContextMap
from tui.widgets.transcript import Transcript

pytestmark = pytest.mark.snapshot
SIZES = [(120, 40), (80, 24), (40, 12)]
Check = Callable[[Pilot[None]], Awaitable[None]]


def rows(transcript: Transcript) -> str:
    """What a transcript shows, as text."""
    return "\n".join(transcript.render_line(y).text.rstrip() for y in range(transcript.size.height))


def chat_of(app: Any) -> str:
    return rows(app.query_one("#chat", Transcript))


def drawn(put: Callable[[Any], None], check: Check | None = None, *keys: str) -> Check:
    """Puts a conversation into the app, presses keys, and checks what it has come to."""

    async def before(pilot: Pilot[None]) -> None:
        put(pilot.app)
        await pilot.pause(0.3)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(0.5)
        if check:
            await check(pilot)

    return before


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_conversation(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert "rollback" in chat_of(app) and app.focused is not None and app.focused.id == "prompt"
        assert app.query_one("#side").display is (size[0] >= 100)
        shown = (
            app.query_one("#status").render_line(0).text
            if size[0] < 100
            else str(app.query_one("#context-pane").border_title)
        )
        assert "%" in shown or "3,000" in shown

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.calm, check))


@pytest.mark.parametrize("theme", ["light", "ansi16"])
def test_other_themes(snap_compare: Any, tmp_path: Path, theme: str) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert pilot.app.theme == theme

    assert snap_compare(screens.still(tmp_path, theme), terminal_size=(120, 40), run_before=drawn(screens.calm, check))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_in_mid_stream(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        text = chat_of(pilot.app)
        assert "The launch is on the" in text and "queued: And one for Maria." in text
        assert screens.StillApp.busy.fget(pilot.app)  # type: ignore[attr-defined]

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.streaming, check))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_under_pressure(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert "memory pressure: 5,410 of 8,192 tokens" in " ".join(chat_of(pilot.app).split())

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.pressure, check))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_after_an_eviction(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        await pilot.pause(2)  # until the map has come to rest
        assert "24 messages moved to recall" in " ".join(chat_of(pilot.app).split())
        pane = pilot.app.query_one(ContextMap)
        assert pane.view.paging.startswith('← recall 1 of 1 · "bishop') and not pane.moving

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.evicted, check))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_with_an_error(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        text = " ".join(chat_of(pilot.app).split())
        assert "cannot be reached. Check that it runs" in text or size[1] < 20

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.failed, check))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_with_the_slash_palette_open(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        menu = pilot.app.query_one("#slash-menu")
        assert menu.is_open and menu.marked.name == "memory"  # type: ignore[attr-defined]

    keys = ("slash", "m", "e", "m")
    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.calm, check, *keys))


@pytest.mark.parametrize("size", SIZES[1:], ids=lambda size: f"{size[0]}x{size[1]}")
def test_with_the_drawer_open(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert pilot.app.query_one("#side").display
        assert pilot.app.query_one(ContextMap).size.height >= 2, "the map at least"
        memory = rows(pilot.app.query_one("#memory", Transcript))
        assert "human" in memory and ("persona" in memory or size[1] < 20)

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.calm, check, "ctrl+o"))


def test_the_command_palette(snap_compare: Any, tmp_path: Path) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert not any(icon.display for icon in pilot.app.screen.query("SearchIcon"))

    app = screens.still(tmp_path)
    assert snap_compare(app, terminal_size=(80, 24), run_before=drawn(screens.calm, check, "ctrl+p"))


def test_the_command_palette_and_the_help(snap_compare: Any, tmp_path: Path) -> None:
    assert snap_compare(screens.still(tmp_path), terminal_size=(120, 40), run_before=drawn(screens.calm, None, "f1"))


def test_the_first_run(snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    async def check(pilot: Pilot[None]) -> None:
        assert pilot.app.focused is not None and pilot.app.focused.id == "prompt"
        await pilot.press("h", "i")
        assert pilot.app.query_one("#prompt").text == "hi"  # type: ignore[attr-defined]

    app = screens.still(tmp_path, set_up=True)
    assert snap_compare(app, terminal_size=(120, 40), run_before=drawn(lambda app: None, check))


@pytest.mark.parametrize("theme", ["high-contrast", "no-colour"])
def test_the_cursor_on_a_message(snap_compare: Any, tmp_path: Path, theme: str) -> None:
    """The focused pane and the marked message are told apart without any colour too."""

    async def check(pilot: Pilot[None]) -> None:
        pilot.app.query_one("#chat").focus()
        await pilot.press("k")
        await pilot.pause(0.2)
        assert "y copy" in str(pilot.app.query_one("#chat-pane").border_subtitle)

    assert snap_compare(screens.still(tmp_path, theme), terminal_size=(120, 40), run_before=drawn(screens.calm, check))


def test_jump_mode(snap_compare: Any, tmp_path: Path) -> None:
    async def check(pilot: Pilot[None]) -> None:
        assert len(pilot.app.screen.query("Static")) >= 8, "five panes and the messages in view"

    app = screens.still(tmp_path)
    assert snap_compare(app, terminal_size=(120, 40), run_before=drawn(screens.calm, check, "ctrl+g"))


@pytest.mark.parametrize("size", [(120, 40), (60, 20)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_agents(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    from tui.screens.roster import Roster

    async def check(pilot: Pilot[None]) -> None:
        pilot.app.push_screen(Roster(pilot.app, AGENTS))  # type: ignore[arg-type]
        await pilot.pause(0.3)
        await pilot.press("j")

    assert snap_compare(screens.still(tmp_path), terminal_size=size, run_before=drawn(screens.calm, check))


def test_the_prompt_with_files_to_choose_from(
    snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("launch.md", "letters.txt", "list.csv"):
        (folder / name).write_text("x" * 120)
    monkeypatch.chdir(folder)

    async def check(pilot: Pilot[None]) -> None:
        app = pilot.app
        app.query_one("#prompt").insert("Compare [paste 1: 40 lines] with @l")  # type: ignore[attr-defined]
        await pilot.pause(0.3)
        assert app.query_one("#slash-menu").is_open  # type: ignore[attr-defined]

    assert snap_compare(screens.still(tmp_path), terminal_size=(80, 24), run_before=drawn(screens.calm, check))
