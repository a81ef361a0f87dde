"""Draws the picture of docs/models.md: `python -m tests.support.set_up_picture docs/models.svg`.

Set-up as it really runs, on scripted servers that stand on the usual ports: Enter has tried one whose server refuses.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from memgpt.link import Link
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.dialects import VLLM, LMStudio, Ollama
from tests.support.model_server import ModelServer
from tui.widgets.first_run import FirstRun

SERVERS: tuple[tuple[type[ModelServer], int, str], ...] = (
    (Ollama, 11434, "llama3.2:3b"),
    (LMStudio, 1234, "qwen3-8b"),
    (VLLM, 8000, "mistral-small"),
)


async def draw(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        for kind, port, name in SERVERS:
            server = kind()
            server.served = name
            server.start(port)
            running.callback(server.stop)
            server.script(scripted.error(401, "invalid api key"))
        app = screens.still(Path(folder), set_up=True)
        async with app.run_test(size=(120, 22)) as pilot:
            panel = app.query_one(FirstRun)
            while len(panel.choices) <= len(SERVERS):
                await pilot.pause(0.1)
            await pilot.press("down", "down", "enter")
            while "refused" not in panel.told:
                await pilot.pause(0.1)
            await pilot.pause(0.5)
            path.write_text(app.export_screenshot(title="memgpt"), encoding="utf-8")
        link = await Link.open(app.home)
        await link.ask("stop", now=True)
        await link.close()


if __name__ == "__main__":
    os.environ["OPENAI_API_KEY"] = "sk-of-the-picture"
    os.environ.pop("MEMGPT_SERVER_PORTS", None)
    asyncio.run(draw(Path(sys.argv[1])))
