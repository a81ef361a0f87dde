"""What every test stands on: loopback only, a home and an engine for each worker, nothing left running."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import psutil
import pytest

from memgpt.home import Home
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S
from tests.support.program import Program

if TYPE_CHECKING:
    from core.roster import Roster

hypothesis.settings.register_profile("ours", deadline=None, max_examples=40)
hypothesis.settings.load_profile("ours")
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would theirs
os.environ["TZ"] = "UTC"
time.tzset()
os.environ.update(
    HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", LITELLM_LOCAL_MODEL_COST_MAP="True", MEMGPT_ENGINE_LINGER="120",
    MEMGPT_SERVER_PORTS="",
)  # fmt: skip
MEMORY = Path("/dev/shm")  # a file system that writes to no disk, where there is one
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None
_connect = socket.socket.connect


def _guarded(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
        raise AssertionError(f"a test reached for the network: {address}")
    _connect(self, address)


socket.socket.connect = _guarded  # type: ignore[method-assign, assignment]


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """One home, and so one engine, for each worker; at the end nothing of it may run."""
    with tempfile.TemporaryDirectory(prefix="memgpt-test-") as folder:
        found = Home(Path(folder) / "home")
        found.create()
        yield found
        ended(found)


@pytest.fixture
def fresh_home() -> Iterator[Home]:
    """A home of a test's own, for the life of the engine."""
    with tempfile.TemporaryDirectory(prefix="memgpt-fresh-") as folder:
        found = Home(Path(folder) / "home")
        found.create()
        yield found
        ended(found)


def ended(home: Home) -> None:
    """Stops the engine of a home and fails on any process of it that survives."""
    if home.path.exists():
        subprocess.run(
            [sys.executable, "-P", "-m", "memgpt", "engine", "stop", "--now"],
            env={**os.environ, "MEMGPT_HOME": str(home.path)}, check=False, timeout=LONGEST_S, capture_output=True,
        )  # fmt: skip
    deadline = time.monotonic() + LONGEST_S
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        process.kill()
    assert not left, f"still running: {[process.cmdline() for process in left]}"


def processes_of(home: Home, word: str = "") -> list[psutil.Process]:
    """The processes of a home that run, those with that word in their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("MEMGPT_HOME") == str(home.path) and process.pid != os.getpid()
            if ours and word in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def program(home: Home) -> Program:
    """The command line on this worker's home."""
    return Program(home)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
async def roster(tmp_path: Path) -> AsyncIterator[Roster]:
    """The agents of a home of a test's own, in this process."""
    from tests.support.agents import open_roster

    async with open_roster(tmp_path / "home") as found:
        yield found


@pytest.fixture
def agent_name(request: pytest.FixtureRequest) -> str:
    """A name that no other test has."""
    return f"t{abs(hash(request.node.nodeid)) % 10**12}"
