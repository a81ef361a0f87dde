"""Draws the picture of the README: `python -m tests.support.picture docs/screen.svg`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.support import screens


async def draw(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = screens.still(Path(folder))
        async with app.run_test(size=(120, 40)) as pilot:
            screens.evicted(app)
            await pilot.pause(2)
            path.write_text(app.export_screenshot(title="memgpt"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1])))
