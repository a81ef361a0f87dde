"""What the tour stands on: a home, an engine and a model of its own, and their end."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path

from memgpt import config
from memgpt.home import Home
from memgpt.link import engine_runs, start_early
from tui.options import RunOptions
from tui.tour.model import PACE_S, ScriptedModel
from tui.tour.script import AGENT, HUMAN, MODEL, SETTINGS, WINDOW

GONE_S = 10.0  # at most, until the engine has ended


class Backstage:
    """A home in a temporary folder with the settings of the tour, its engine, and the model that it talks to."""

    def __init__(self, pace_s: float = PACE_S) -> None:
        self.home = Home(Path(tempfile.mkdtemp(prefix="memgpt-tour-")) / "home")
        self.home.create()
        self.model = ScriptedModel(pace_s)
        (self.home.path / "humans").mkdir()
        (self.home.path / "humans" / "ada.txt").write_text(HUMAN, encoding="utf-8")
        config.save(self.home, SETTINGS)
        overrides = {"model": MODEL, "model_endpoint": self.model.url, "context_window": WINDOW}
        self.options = RunOptions(AGENT, overrides, greet=False)
        self._engine = start_early(self.home)

    def close(self) -> None:
        """Ends everything, and leaves nothing; in a thread that the program waits for when it ends."""
        threading.Thread(target=self._close).start()

    def _close(self) -> None:
        self.model.close()
        if self._engine is not None:
            self._engine.terminate()
        deadline = time.monotonic() + GONE_S
        while (engine_runs(self.home) or self._begins()) and time.monotonic() < deadline:
            time.sleep(0.05)
        shutil.rmtree(self.home.path.parent, ignore_errors=True)

    def _begins(self) -> bool:
        return self._engine is not None and self._engine.poll() is None
