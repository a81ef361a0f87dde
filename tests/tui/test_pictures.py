"""Every screen at every size: what has to be readable is read off the screen, and a set of them is kept as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support import screens
from tests.support.pictures import PICTURES, shown

SIZES = {"120x40": (120, 40), "80x24": (80, 24), "60x20": (60, 20), "40x12": (40, 12)}
KEPT = [
    *((name, "60x20", "dark") for name in ("calm", "evicted", "drawer", "help", "palette", "inspector", "browser", "first", "tour")),
    *((name, "40x12", "dark") for name in PICTURES if name not in ("calm", "streaming", "evicted", "failed", "slash",
                                                                   "drawer", "inspector", "browser", "log", "confirm")),
    *((name, "80x24", theme) for theme in ("light", "ansi16")
      for name in ("evicted", "cell", "help", "agents", "inspector", "selected", "message", "tour")),
    ("keys", "80x24", "dark"), ("tour", "120x40", "dark"),
]  # fmt: skip


def assert_readable(app: Any, name: str) -> None:
    text = shown(app)
    missing = [words for words in PICTURES[name].shows if words not in text]
    assert not missing, f"{missing} cannot be read:\n{text}"


ONLY_READ = [(name, size) for name in PICTURES for size in list(SIZES)[1:] if (name, size, "dark") not in KEPT]


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first-run panel offers what it finds: nothing, on every machine."""
    from memgpt import choices

    monkeypatch.setattr("tui.widgets.first_run.found_choices", lambda: [choices.ALWAYS])
    monkeypatch.setattr("tui.widgets.first_run.gpu", lambda: "no GPU")


@pytest.mark.parametrize(("name", "size"), ONLY_READ)
async def test_what_has_to_be_read_is_there(tmp_path: Path, name: str, size: str) -> None:
    app = screens.still(tmp_path, set_up=name == "first")
    async with app.run_test(size=SIZES[size]) as pilot:
        await PICTURES[name].put(app, pilot)
        await pilot.pause(0.3)
        assert_readable(app, name)


@pytest.mark.snapshot
@pytest.mark.parametrize(("name", "size", "theme"), KEPT)
def test_picture(snap_compare: Any, tmp_path: Path, name: str, size: str, theme: str) -> None:
    async def before(pilot: Pilot[None]) -> None:
        await PICTURES[name].put(pilot.app, pilot)
        await pilot.pause(0.4)
        assert_readable(pilot.app, name)

    app = screens.still(tmp_path, theme, set_up=name == "first")
    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)
