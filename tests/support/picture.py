"""Draws the pictures of the documentation: `python -m tests.support.picture docs`."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from tests.support import screens
from tests.support.pictures import PICTURES

SIZES = {120: (120, 40), 100: (100, 30), 80: (80, 24), 60: (60, 20), 40: (40, 12)}
DRAWN = {  # file: picture, columns, theme
    "screen": ("evicted", 120, "dark"),
    "pictures/inspector": ("inspector", 120, "dark"),
    "pictures/browser": ("browser", 100, "dark"),
    "pictures/tour": ("tour", 100, "dark"),
    "pictures/agents": ("agents", 80, "dark"),
    "pictures/palette": ("palette", 80, "dark"),
    "pictures/block": ("block", 100, "dark"),
    "pictures/help": ("help", 80, "dark"),
    "pictures/light": ("evicted", 100, "light"),
    "pictures/ansi": ("evicted", 80, "ansi16"),
    "pictures/narrow": ("drawer", 80, "dark"),
    "pictures/tiny": ("evicted", 40, "dark"),
}


async def draw(name: str, columns: int, theme: str, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = screens.still(Path(folder), theme)
        async with app.run_test(size=SIZES[columns]) as pilot:
            await PICTURES[name].put(app, pilot)
            await pilot.pause(0.5)
            drawn = app.export_screenshot(title="memgpt")
    path.parent.mkdir(exist_ok=True)
    path.write_text(_the_same_each_time(drawn, name), encoding="utf-8")


def _the_same_each_time(drawn: str, name: str) -> str:
    """Without the number that rich makes up for each picture."""
    return re.sub(r"terminal-\d+", f"terminal-{name}", drawn)


if __name__ == "__main__":
    for file, (picture, width, look) in DRAWN.items():
        asyncio.run(draw(picture, width, look, Path(sys.argv[1]) / f"{file}.svg"))
