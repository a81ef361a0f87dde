"""The guided tour: what it shows is done by an engine, and after it everything is as it was."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from textual.pilot import Pilot

from memgpt.home import Home
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S
from tests.support.program import Program
from tests.support.terminal import Terminal
from tests.tui.test_snapshots import rows
from tui.screens.tour import Tour
from tui.tour.script import STAGES
from tui.widgets.messages import Messages

ENTER, ESCAPE, CTRL_P, CTRL_Q = "\r", "\x1b", "\x10", "\x11"


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made; no home of a tour may be left there, and no process on one."""
    with tempfile.TemporaryDirectory(prefix="memgpt-scratch-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
        deadline = time.monotonic() + LONGEST_S
        while (list(Path(folder).glob("memgpt-tour-*")) or on(folder)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not list(Path(folder).glob("memgpt-tour-*")) and not on(folder)


def on(folder: str) -> list[str]:
    """The processes of homes in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MEMGPT_HOME", "").startswith(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except (psutil.Error, OSError):
            continue
    return found


async def until(pilot: Pilot[None], true: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await pilot.pause(0.05)


async def test_the_whole_tour(tmp_path: Path, scratch: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        tour = Tour(app.look, hurried=True)
        await app.push_screen(tour)
        sections, rules = [], []
        for place in range(len(STAGES)):
            await until(pilot, lambda place=place: tour.place == place and tour.ready)  # type: ignore[misc]
            view = tour.bridge.view
            assert view.context is not None and not tour.failure
            sections.append({row["name"]: row["tokens"] for row in view.context.sections})
            rules.append([entry.text for entry in view.chat if entry.kind == "rule"])
            await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.base)
    filling, pressed, evicted, back = sections[2], rules[3], sections[4], sections[5]
    assert filling["messages"] > sections[1]["messages"] > 0 and not rules[2]
    assert len(pressed) == 1 and pressed[0].startswith("memory pressure")
    assert evicted["messages"] < filling["messages"] and evicted["summary"] and "moved to recall" in rules[4][-1]
    assert not evicted["recalled"] and back["recalled"], "pages came back"
    assert view.paging.startswith("← archival 1 of 1")
    assert "Lundy" in view.blocks["human"].text and "Maria" in view.chat[-1].text


@pytest.mark.parametrize("key", ["escape", "x", "ctrl+c", "f1", "ctrl+p"])
async def test_any_key_leaves_it_at_any_moment(tmp_path: Path, scratch: Path, key: str) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screens.calm(app)
        app.prompt.insert("a draft\nof two lines")
        app.prompt.move_cursor((0, 3))
        await pilot.pause(0.3)
        before, history = rows(app.query_one(Messages)), list(app.history)
        app.run_command("/tour")
        await until(pilot, lambda: isinstance(app.screen, Tour))
        await pilot.press(key)
        await until(pilot, lambda: app.screen is app.base)
        await pilot.pause(0.3)
        assert (app.prompt.text, app.prompt.cursor_location) == ("a draft\nof two lines", (0, 3))
        assert app.focused is app.prompt and app.history == history
        assert rows(app.query_one(Messages)) == before


async def test_it_is_left_in_the_middle_of_an_answer(tmp_path: Path, scratch: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(40, 12)) as pilot:
        tour = Tour(app.look)
        await app.push_screen(tour)
        await until(pilot, lambda: tour.ready)
        await pilot.press("space", "down", "pageup")
        await until(pilot, lambda: tour.bridge.view.phase not in ("idle", "starting"))
        assert tour.playing and tour.place == 1, "arrows scroll"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.base)
        assert not app.bridge.view.chat, "nothing of it is in the user's own agent"


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 20), (40, 12)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_first_run_offers_it_in_one_line(tmp_path: Path, scratch: Path, size: tuple[int, int]) -> None:
    """And it can be taken before anything is set up."""
    app = screens.still(tmp_path, set_up=True)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.3)
        panel = app.first_run
        assert panel is not None
        assert "/tour" in "\n".join(panel.render_line(y).text for y in range(panel.size.height))
        app.prompt.insert("/tour")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Tour))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.base)
        assert app.first_run is not None and not app.prompt.text


def test_from_the_shell(fresh_home: Home, model: ModelServer, scratch: Path) -> None:
    """In a pseudo-terminal: through the palette over a draft, and back to it."""
    program = Program(fresh_home)
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first", "--tour")
    shown = Terminal(program.command(*given), program.environment(TMPDIR=str(scratch)), columns=100, rows=30)
    try:
        shown.shows("Tour: The window", "1 of 8")
        shown.type("q")
        shown.shows("New here? /tour shows", "idle")
        shown.type("half a thought")
        shown.shows("half a thought")
        shown.type(CTRL_P)
        shown.shows("/exit")
        shown.type("tour")
        shown.shows("a guided tour")
        shown.type(ENTER)
        shown.shows("Tour: The window", "Enter goes on")
        assert "half a thought" not in shown.text
        shown.type(ENTER)
        shown.shows("Tour: Core memory", "2 of 8", "Keeps the lighthouse on Lundy")
        shown.type(ESCAPE)
        shown.shows("half a thought", "idle")
        assert not model.requests, "the user's own model was not asked"
        shown.type(CTRL_Q)
        assert shown.ended() == 0
    finally:
        shown.close()
    assert fresh_home.agent_names() == ["ada"]
