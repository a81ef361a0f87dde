"""The program as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from memgpt.home import Home
from tests.support.patience import LONGEST_S


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines() if line]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("type") == kind]


@dataclass(frozen=True)
class Program:
    """`memgpt` on one home."""

    home: Home

    def __call__(
        self, *arguments: str, text: str | None = None, timeout: float = LONGEST_S, **environment: str
    ) -> Done:
        done = subprocess.run(
            self.command(*arguments), input=text, capture_output=True, text=True, timeout=timeout,
            env=self.environment(**environment), stdin=subprocess.DEVNULL if text is None else None, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "memgpt", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """Ours, without what pytest's workers say of their own terminal."""
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        return {**inherited, "MEMGPT_HOME": str(self.home.path), **more}

    def good(self, *arguments: str, text: str | None = None, timeout: float = LONGEST_S) -> Done:
        done = self(*arguments, text=text, timeout=timeout)
        assert done.status == 0, done.err
        return done
