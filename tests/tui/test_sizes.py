"""Another size while it runs, and the drawer of small screens: nothing covers what is written in."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.content import Content
from textual.widgets import TextArea

from tests.support import screens
from tests.support.pictures import shown as on_screen
from tests.tui.test_keys import hints, shown
from tui.actions.jobs import Work
from tui.app import MemGPTApp
from tui.widgets.context_map import ContextMap
from tui.widgets.memory_pane import MemoryPane

SMALL = [(99, 30), (80, 24), (60, 20), (40, 12)]


def in_drawer(app: MemGPTApp) -> bool:
    """Whether the focus is in one of the memory panes, and that one in view."""
    here = app.focused
    return here is not None and here.is_on_screen and app.base.query_one("#side") in here.ancestors


def focused(app: MemGPTApp) -> str:
    return str(app.focused.id) if app.focused else ""


def has_row(app: MemGPTApp) -> bool:
    """Whether the last line has the map in one row."""
    return app.status.meter


@pytest.mark.parametrize("size", SMALL, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_window_that_becomes_small_and_big_again(tmp_path: Path, size: tuple[int, int]) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        await pilot.pause(0.3)
        await pilot.resize_terminal(*size)
        await pilot.pause(0.3)
        assert shown(app) == ["chat-pane"] and has_row(app)
        assert all(len(line) <= size[0] for line in hints(app).split("  "))
        await pilot.resize_terminal(120, 40)
        await pilot.pause(0.3)
        assert len(shown(app)) == 4 and not has_row(app)
        assert "Ctrl+P palette" in app.status.render_line(0).text and "Ctrl+J line" in hints(app)


@pytest.mark.parametrize("where", ["prompt", "block-editor"])
async def test_the_line_that_is_written_stays_in_view(tmp_path: Path, where: str) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        if where == "block-editor":
            app.base.query_one(MemoryPane).edit("human")
        await pilot.pause(0.3)
        area = app.base.query_one(f"#{where}", TextArea)
        area.text = ""
        area.insert("a long first line " * 20 + "\n" + "\n".join(f"line {number}" for number in range(1, 8)))
        for size in ((40, 12), (120, 40), (60, 20)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.3)
            lines = [area.render_line(y).text for y in range(area.content_size.height)]
            assert any("line 7" in line for line in lines), size
        assert area.scrollbar_size_vertical == 1


async def test_what_has_the_focus_stays_in_view(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        app.base.query_one("#memory").focus()
        await pilot.press("f8")
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.3)
        assert shown(app) == ["memory-pane"] and in_drawer(app)
        await pilot.press("escape")
        await pilot.pause(0.2)
        assert shown(app) == ["chat-pane"] and app.focused is app.prompt


async def test_escape_from_a_pane_alone_shows_the_prompt_that_it_goes_to(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.base.query_one("#memory").focus()
        await pilot.press("f8", "escape")
        await pilot.pause(0.2)
        assert len(shown(app)) == 4 and app.focused is app.prompt


@pytest.mark.parametrize("size", SMALL, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_drawer_takes_the_focus_says_how_it_closes_and_gives_it_back(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)
        for key in ("escape", "ctrl+o"):
            await pilot.press("ctrl+o", "x")
            await pilot.pause(0.2)
            assert in_drawer(app) and app.prompt.text == "" and "Esc close" in hints(app)
            await pilot.press(key)
            await pilot.pause(0.2)
            assert shown(app) == ["chat-pane"] and app.focused is app.prompt
        await pilot.press("ctrl+o", "shift+f6", "shift+f6")  # to the map, and out of the drawer
        await pilot.pause(0.2)
        assert shown(app) == ["chat-pane"] and app.focused is app.prompt


@pytest.mark.parametrize("size", SMALL, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_drawer_is_never_empty(tmp_path: Path, size: tuple[int, int]) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("ctrl+o", "f6", "f6", "f8")  # in the chat, alone
        await pilot.pause(0.2)
        assert shown(app) == ["chat-pane"]
        await pilot.press("ctrl+o")
        await pilot.pause(0.2)
        assert in_drawer(app) and len(shown(app)) == 4
        await pilot.press("escape", "f7")  # there is nothing at the right that could be hidden
        await pilot.pause(0.2)
        assert app.arrangement.kept.hidden == [] and "Ctrl+O has the memory panes" in last_rows(app)
        await pilot.press("ctrl+o")
        for _ in range(3):
            await pilot.press("f7", "ctrl+o")
            await pilot.pause(0.2)
            assert in_drawer(app)
        await pilot.press("f8")
        await pilot.press("ctrl+o")
        await pilot.pause(0.2)
        assert shown(app) == ["chat-pane"] and app.focused is app.prompt


def last_rows(app: MemGPTApp) -> str:
    """What the last line says, in however many rows."""
    assert app.status.region.bottom == app.size.height, "all of it is in view"
    return " ".join(" ".join(app.status.render_line(y).text for y in range(app.status.size.height)).split())


@pytest.mark.parametrize("size", [(120, 40), *SMALL], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_what_is_said_can_be_read_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    sentence = "You are looking on: nothing is written here. / shows what can be looked at."
    reason = "http://127.0.0.1:8080/v1 cannot be reached."
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        await pilot.pause(0.3)
        app.status.flash(sentence, 1)
        await pilot.pause(0.3)
        assert sentence in last_rows(app) and app.prompt.region.bottom <= app.status.region.y
        await pilot.pause(1)
        assert app.status.size.height == 1 and sentence not in last_rows(app)
        app.bridge.apply(screens.event(17, "retry", attempt=3, of=4, wait_s=2.0, reason=reason))
        await pilot.pause(0.3)
        assert f"try 3 of 4 in 2 s · {reason}" in last_rows(app)
        app.bridge.apply(screens.usage(18, 2990))
        await pilot.pause(0.3)
        assert app.status.size.height == 1
        app.status.flash("word " * 400)
        await pilot.pause(0.3)
        assert app.status.size.height <= 3 and last_rows(app).endswith("…")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((120, 40), "loading 'my notes': reading 1,031 / 1,500 · 103/s · 5 s left · Alt+C cancels"),
        ((80, 24), "loading 'my notes': reading 1,031 / 1,500 · 103/s · 5 s left · Alt+C cancels"),
        ((60, 20), "reading 1,031 / 1,500 · 5 s left · Alt+C cancels"),
        ((40, 12), "37 % reading 1,031 / 1,500 · 5 s left"),
    ],
    ids=lambda given: f"{given[0]}x{given[1]}" if isinstance(given, tuple) else "",
)
async def test_long_work_has_the_room_before_the_meter(tmp_path: Path, size: tuple[int, int], words: str) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        await pilot.pause(0.3)
        work = Work("loading 'my notes'", pilot.pause)
        work.told("reading", 0, 1500)
        work.told("reading", 1031, 1500)
        app.status.work = work.lines(work.began + 10, "Alt+C cancels")
        app.status.refresh()
        await pilot.pause(0.2)
        assert words in last_rows(app) and "…" not in last_rows(app)
        app.status.work = ()
        assert "8,192" in last_rows(app) or "%" in last_rows(app) or size[0] >= 100, "and the meter comes back"


async def test_what_was_evicted_fits_under_the_map(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        app.bridge.apply(screens.event(20, "evicted", messages=1024, tokens=123_456, summary="Much was said."))
        await pilot.pause(0.3)
        shown_map = app.base.query_one(ContextMap)
        lines = [shown_map.render_line(y).text.rstrip() for y in range(shown_map.size.height)]
        assert "→ recall: 1,024 messages, 123,456 tokens" in lines


@pytest.mark.parametrize("size", [(120, 40), *SMALL], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_block_over_its_limit_says_so(tmp_path: Path, size: tuple[int, int]) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        app.run_command("/human")
        await pilot.pause(0.4)
        app.base.query_one(MemoryPane).editor.load_text("x" * 12_345)
        await pilot.pause(0.3)
        assert "human 12,345 / 2,000 !" in on_screen(app)


async def test_a_figure_outlasts_its_title(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.base.query_one(MemoryPane)
        for width, title in (
            (45, "Core memory ────"),
            (33, "Core memo… 12"),
            (26, "12,345 / 2,000 !"),
            (18, "12,345 / 2,…"),
        ):
            app.base.query_one("#side").styles.width = width
            pane.set_figure("12,345 / 2,000 !")
            await pilot.pause(0.2)
            assert Content.from_markup(str(pane.border_title)).plain.startswith(title)


@pytest.mark.parametrize("size", [(120, 40), *SMALL], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_block_that_is_written_is_in_view(tmp_path: Path, size: tuple[int, int]) -> None:
    """Also where the chat stood alone, or its pane was hidden."""
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        for key in ("f8", "f7"):
            await pilot.press(key)
            app.run_command("/human")
            await pilot.pause(0.4)
            assert in_drawer(app) and focused(app) == "block-editor"
            await pilot.press("escape", "escape")
            await pilot.pause(0.3)
            assert focused(app) == "prompt"
            app.arrangement.reset()
