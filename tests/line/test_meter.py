"""The meter in the last line of a small screen is seen to fill."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import screens


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_the_meter_moves_with_every_few_tokens(tmp_path: Path, size: tuple[int, int]) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        cells = 10 if size[0] < 56 else 24
        seen = []
        for messages in range(1700, 5200, 8192 // cells // 4):
            app.bridge.apply(screens.context(16, messages))
            await pilot.pause(0.06)
            seen.append(app.status.render_line(0).text[: cells + 1])
        assert len(set(seen)) >= len(seen) - 3, "a quarter of a cell is seen"
