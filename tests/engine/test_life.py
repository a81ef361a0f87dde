"""The engine's life: one for a home, found, replaced, killed and gone without anything lost or left."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from memgpt.home import Home
from memgpt.link import engine_runs
from tests.conftest import ended, processes_of
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S, SOON_S, until
from tests.support.program import Program
from tests.support.raw import RawFrontEnd


@pytest.fixture
def alone(fresh_home: Home) -> Program:
    return Program(fresh_home)


def engine_of(home: Home) -> psutil.Process:
    (found,) = processes_of(home, "core.engine")
    return found


def sent(model: ModelServer, *arguments: str, to: str = "ada") -> tuple[str, ...]:
    """The arguments of a send to an agent on the scripted server."""
    return ("send", "--agent", to, "--create", "--model", "openai/scripted", "--model-endpoint", model.url,
            "--context-window", "8192", *arguments)  # fmt: skip


def background(program: Program, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        program.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=program.environment(),
    )  # fmt: skip


def asked(model: ModelServer, count: int = 1) -> None:
    """Waits until the model has been asked that often for a turn."""
    until(lambda: len(model.requests) >= count)


def test_starts_at_the_same_instant_give_one_engine(alone: Program, model: ModelServer) -> None:
    sending = [background(alone, *sent(model, f"number {number}")) for number in range(5)]
    outs = {process.communicate(timeout=LONGEST_S)[0].strip() for process in sending}
    assert outs == {f"You said: number {number}" for number in range(5)}
    engine_of(alone.home)
    rows = alone.good("show", "messages", "--agent", "ada", "--json").json
    assert sorted(row["text"] for row in rows if row["role"] == "user") == [f"number {n}" for n in range(5)]


def test_what_an_engine_left_is_no_hindrance_and_a_captured_send_ends_at_once(
    alone: Program, model: ModelServer
) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(alone.home.socket))
    stale.close()
    alone.home.pid.write_text("1\nnowhere\nother-host\nbuild\n")
    done = alone.good(*sent(model, "Hello"))  # capture_output would wait for whoever holds the pipe
    assert done.out == "You said: Hello\n"
    engine = engine_of(alone.home)
    files = {Path(entry.path).name for entry in engine.open_files()}
    assert "memory.duckdb" in files and Path(engine.cwd()) == alone.home.path


def test_a_killed_engine_loses_nothing_that_was_shown(alone: Program, model: ModelServer) -> None:
    alone.good(*sent(model, "First"))
    model.script(scripted.slow("word " * 400, tokens_per_s=30))
    sending = background(alone, *sent(model, "--json", "--stream", "Second"))
    assert sending.stdout is not None
    shown = ""
    began = time.monotonic()
    while time.monotonic() - began < 5:
        line = json.loads(sending.stdout.readline())
        shown += line["text"] if line["type"] == "delta" else ""
    children = engine_of(alone.home).children()
    engine_of(alone.home).kill()
    sending.communicate(timeout=LONGEST_S)
    assert sending.returncode == 1
    until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))
    rows = alone.good("show", "messages", "--agent", "ada", "--json").json
    said = [row["text"] for row in rows if row["role"] == "assistant"]
    assert said[0] == "You said: First"
    assert len(said) == 2 and shown.startswith(said[1]), "what is kept is what was shown"
    assert len(shown) - len(said[1]) < 2 * 30 * 7, "at most its last second is lost"
    (attached,) = [
        step for step in alone.good("show", "messages", "--agent", "ada", "--json").json if step["text"] == "Second"
    ]
    assert attached["role"] == "user"
    assert alone.good(*sent(model, "Third")).out == "You said: Third\n"


def test_a_call_that_was_under_way_is_not_run_again(alone: Program, model: ModelServer) -> None:
    """The reply is committed, its function's return is not: at the next start the call is answered as interrupted."""
    alone.good(*sent(model, "First"))
    model.script(scripted.call("archival_memory_insert", heartbeat=True, content="once"), scripted.hang())
    sending = background(alone, *sent(model, "Second"))
    asked(model, 3)
    engine_of(alone.home).kill()
    sending.communicate(timeout=LONGEST_S)
    found = alone.good("search", "archival", "once", "--agent", "ada", "--json").json["results"]
    assert [hit["text"] for hit in found] == ["once"]
    snapshot = attached_snapshot(alone.home)
    assert snapshot["unfinished"] is True
    model.script(scripted.say("I went on."))
    events = resumed(alone.home)
    assert [event["text"] for event in events if event["type"] == "assistant_message"] == ["I went on."]
    assert len(alone.good("search", "archival", "once", "--agent", "ada", "--json").json["results"]) == 1


def attached_snapshot(home: Home, agent: str = "ada") -> dict[str, Any]:
    front_end = RawFrontEnd(home)
    front_end.line()
    front_end.put({"id": 1, "op": "attach", "agent": agent})
    snapshot = front_end.answer(1)["snapshot"]
    front_end.close()
    return dict(snapshot)


def resumed(home: Home) -> list[dict[str, Any]]:
    front_end = RawFrontEnd(home, role="send")
    front_end.line()
    front_end.put({"id": 1, "op": "resume", "agent": "ada"})
    events = []
    while (line := front_end.line()) is not None and "result" not in line:
        events.append(line["event"])
    front_end.close()
    return events


def test_another_build_takes_over_when_the_turn_is_done(alone: Program, model: ModelServer) -> None:
    alone.good(*sent(model, "First"))
    old = engine_of(alone.home)
    model.script(scripted.slow("slowly " * 10, tokens_per_s=10))
    sending = background(alone, *sent(model, "Second"))
    asked(model, 2)
    assert RawFrontEnd(alone.home, build="another").line() is None
    out, _ = sending.communicate(timeout=LONGEST_S)
    assert out.strip() == ("slowly " * 10).strip(), "the turn under way came to its end"
    until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)
    assert alone.good(*sent(model, "Third")).out == "You said: Third\n"
    assert engine_of(alone.home).pid != old.pid


def test_an_older_program_is_told_so_in_one_line(program: Program, model: ModelServer, agent_name: str) -> None:
    program.good(*sent(model, "First", to=agent_name))
    line = RawFrontEnd(program.home, build="another", version="0.1").line()
    assert line is not None and "newer than this program" in line["error"]["message"]
    engine_of(program.home)


def test_a_front_end_that_does_not_read_keeps_nobody_waiting(
    program: Program, model: ModelServer, agent_name: str
) -> None:
    program.good(*sent(model, "First", to=agent_name))
    stopped = RawFrontEnd(program.home)
    stopped.put({"id": 1, "op": "attach", "agent": agent_name})
    stopped.line(), stopped.line()
    model.fallback = lambda request: scripted.Scripted(said="long words " * 20_000, fragment=4000)
    for number in range(14):
        done = program.good(*sent(model, f"turn {number}", to=agent_name))
        assert len(done.out) > 200_000
    held = engine_of(program.home).memory_info().rss
    assert held < 1.2e9
    while stopped.line() is not None:
        pass  # what was in its outbox; then the engine has hung up
    stopped.close()
    snapshot = attached_snapshot(program.home, agent_name)
    assert snapshot["events"][-1]["type"] == "turn_end"


def test_what_is_not_our_protocol_is_dropped(program: Program, model: ModelServer, agent_name: str) -> None:
    program.good(*sent(model, "First", to=agent_name))
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\n", b"[]\n", b'{"hello": 3}\n'):
        strange = socket.socket(socket.AF_UNIX)
        strange.settimeout(10)
        strange.connect(str(program.home.socket))
        strange.sendall(noise)
        assert strange.recv(100) == b""
        strange.close()
    bad = RawFrontEnd(program.home)
    bad.line()
    bad.put({"id": 1, "op": "no such thing"})
    answer = bad.line()
    assert answer is not None and "knows no operation" in answer["error"]["message"]
    bad.put({"id": 2, "op": "send"})
    answer = bad.line()
    assert answer is not None and answer["error"]["status"] == 2
    bad.close()
    assert program.good(*sent(model, "Second", to=agent_name)).out == "You said: Second\n"


def test_it_leaves_when_its_home_is_gone(model: ModelServer, tmp_path: Path) -> None:
    home = Home(tmp_path / "short" / "home")
    home.create()
    Program(home).good(*sent(model, "First"))
    engine = engine_of(home)
    began = time.monotonic()
    shutil.rmtree(home.path)
    until(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE)
    assert time.monotonic() - began < SOON_S
    assert not home.path.exists()
    ended(home)


def test_it_leaves_when_nobody_needs_it(fresh_home: Home, model: ModelServer) -> None:
    assert Program(fresh_home)(*sent(model, "First"), MEMGPT_ENGINE_LINGER="1").status == 0
    until(lambda: not processes_of(fresh_home))
    assert not fresh_home.socket.exists() and not fresh_home.pid.exists()


def test_a_path_too_long_for_a_socket(model: ModelServer, tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 30) / "home")
    home.create()
    try:
        program = Program(home)
        assert program.good(*sent(model, "Hi")).out == "You said: Hi\n"
        assert not (home.path / "engine.sock").exists() and home.socket.exists()
        assert stat.S_IMODE(home.socket.parent.stat().st_mode) == 0o700
        assert program.good("engine", "status", "--json").json["agents"] == ["ada"]
    finally:
        ended(home)
    assert not home.socket.exists()


def test_sigterm_in_mid_turn_saves_and_ends_soon(alone: Program, model: ModelServer) -> None:
    alone.good(*sent(model, "First"))
    model.script(scripted.slow("word " * 400, tokens_per_s=30))
    sending = background(alone, *sent(model, "--json", "--stream", "Second"))
    assert sending.stdout is not None
    while json.loads(sending.stdout.readline())["type"] != "delta":
        pass
    engine = engine_of(alone.home)
    began = time.monotonic()
    engine.send_signal(signal.SIGTERM)
    until(lambda: not processes_of(alone.home, "core."))
    assert time.monotonic() - began < SOON_S
    sending.communicate(timeout=LONGEST_S)
    said = [
        row for row in alone.good("show", "messages", "--agent", "ada", "--json").json if row["role"] == "assistant"
    ]
    assert len(said) == 2 and ("word " * 400).startswith(said[1]["text"])


def test_hang_up_and_ctrl_c_of_a_terminal_do_not_reach_it(
    program: Program, model: ModelServer, agent_name: str
) -> None:
    program.good(*sent(model, "First", to=agent_name))
    engine = engine_of(program.home)
    engine.send_signal(signal.SIGHUP)
    engine.send_signal(signal.SIGINT)
    assert program.good(*sent(model, "Second", to=agent_name)).out == "You said: Second\n"
    assert engine_of(program.home).pid == engine.pid and os.getsid(engine.pid) == engine.pid


def test_ctrl_c_in_send_stops_its_own_turn_alone(program: Program, model: ModelServer, agent_name: str) -> None:
    program.good(*sent(model, "First", to=agent_name))
    model.script(scripted.slow("kept " * 120, tokens_per_s=20))
    first = background(program, *sent(model, "Long", to=agent_name))
    asked(model, 2)
    second = background(program, *sent(model, "Waiting", to=agent_name))
    until(
        lambda: program.good("engine", "status", "--json").json["front_ends"] == 2
    )  # a turn that is short is over first
    time.sleep(0.5)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=LONGEST_S)
    assert second.returncode == 130
    out, _ = first.communicate(timeout=LONGEST_S)
    assert first.returncode == 0 and out.strip() == ("kept " * 120).strip()
    model.script(scripted.hang())
    third = background(program, *sent(model, "--json", "Hang", to=agent_name))
    asked(model, 3)
    third.send_signal(signal.SIGINT)
    out, _ = third.communicate(timeout=LONGEST_S)
    assert third.returncode == 130
    assert json.loads(out.splitlines()[-1])["reason"] == "cancelled"
    assert model.closed_early.wait(SOON_S), "the connection to the model was closed"
    texts = [
        row["text"]
        for row in program.good("show", "messages", "--agent", agent_name, "--json").json
        if row["role"] == "user"
    ]
    assert texts == ["First", "Long", "Hang"], "the message that still waited was taken back"


def test_a_lost_send_does_not_stop_its_turn(program: Program, model: ModelServer, agent_name: str) -> None:
    program.good(*sent(model, "First", to=agent_name))
    model.script(scripted.slow("on and on " * 10, tokens_per_s=20))
    sending = background(program, *sent(model, "Second", to=agent_name))
    asked(model, 2)
    sending.kill()
    sending.communicate(timeout=LONGEST_S)
    said = until(lambda: [row["text"] for row in program.good("show", "messages", "--agent", agent_name, "--json").json
                          if row["role"] == "assistant"][1:])  # fmt: skip
    assert said == ["on and on " * 10]


def test_keys_are_held_in_memory_alone(alone: Program, model: ModelServer) -> None:
    """A provider's key goes to that provider only, and stands in no environment, argument, log or file."""
    secret = "sk-secret-0123456789"
    done = alone(*sent(model, "Hi"), OPENAI_API_KEY=secret, MEMGPT_ENDPOINT_KEY="")
    assert done.status == 0
    assert secret not in json.dumps([request["headers"] for request in model.requests])
    for process in processes_of(alone.home, "core."):
        assert secret not in json.dumps(process.environ()) + " ".join(process.cmdline())
    done = alone(*sent(model, "Again"), MEMGPT_ENDPOINT_KEY=secret)
    assert model.requests[-1]["headers"]["Authorization"] == f"Bearer {secret}"
    model.script(scripted.error(500, f"your key {secret} is odd"))
    alone.good("configure", "--agent", "ada", "--set", "retries=0")
    failed = alone(*sent(model, "--json", "Fail"), MEMGPT_ENDPOINT_KEY=secret)
    assert failed.status == 1 and secret not in failed.out + failed.err
    alone.good("engine", "stop")
    for path in alone.home.path.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_everything_in_the_home_is_private(alone: Program, model: ModelServer) -> None:
    old = os.umask(0)
    try:
        alone.good(*sent(model, "First"))
        alone.good("configure", "--set", "theme=light")
        alone.good("add", "persona", "mine", "--text", "A friend.")
    finally:
        os.umask(old)
    alone.good("send", "--agent", "ada", "Second")
    for path in (alone.home.path, *alone.home.path.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} is {mode:o}"


def test_a_home_that_another_machine_holds_is_refused_in_one_line(alone: Program) -> None:
    """Also where it is only looked at, or the engine is to end, which is not waited for."""
    asked = (("list", "agents"), ("engine", "status"), ("engine", "status", "--json"), ("engine", "stop"))
    descriptor = os.open(alone.home.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    alone.home.pid.write_text("4711\n/nowhere/engine.sock\nother-host\nbuild\n")
    try:
        found = [alone(*arguments, timeout=SOON_S) for arguments in asked]
    finally:
        os.close(descriptor)
    for done in found:
        assert (done.status, done.out) == (1, "") and done.err.count("\n") == 1, done
        assert "other-host" in done.err and "4711" in done.err


def test_engine_status_and_stop_where_none_runs(alone: Program) -> None:
    assert alone.good("engine", "status").out == "No engine runs on this home.\n"
    assert alone.good("engine", "status", "--json").json == {}
    alone.good("engine", "stop")
    alone.good("engine", "stop", "--now")
    assert not engine_runs(alone.home)


def test_turns_of_two_shells_queue(program: Program, model: ModelServer, agent_name: str) -> None:
    model.fallback = lambda request: scripted.slow(f"You said: {scripted.last_user_text(request)}", 200)
    program.good(*sent(model, "zero", to=agent_name))
    outs: dict[str, str] = {}

    def ask(word: str) -> None:
        outs[word] = program.good("send", "--agent", agent_name, "--json", word).out

    threads = [threading.Thread(target=ask, args=(word,)) for word in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for word, out in outs.items():
        lines = [json.loads(line) for line in out.splitlines()]
        assert lines[0]["type"] == "user_message" and lines[0]["text"] == word
        assert lines[-1]["type"] == "turn_end" and lines[-1]["reason"] == "done"
        assert [line["text"] for line in lines if line["type"] == "assistant_message"] == [f"You said: {word}"]
    spans = sorted(
        (json.loads(out.splitlines()[0])["step"], json.loads(out.splitlines()[-1])["step"]) for out in outs.values()
    )
    assert spans[0][1] < spans[1][0], "one turn was over before the other began"


def test_a_loaded_engine_never_loads_the_screen_or_torch(program: Program, model: ModelServer, agent_name: str) -> None:
    program.good(*sent(model, "First", to=agent_name))
    maps = Path(f"/proc/{engine_of(program.home).pid}/maps")
    if maps.exists():
        mapped = maps.read_text()
        assert "/torch/" not in mapped and "libtorch" not in mapped
    yielded = engine_of(program.home).children()
    until(lambda: any("core.memory.worker" in child.cmdline() for child in engine_of(program.home).children()))
    assert all("core.engine" not in child.cmdline() for child in yielded)


HANGING = """
import asyncio, sys
from core import engine, roster

async def never(*_):
    await asyncio.Event().wait()

engine.LAST_S = 1.0
roster.Roster.finish = never
sys.exit(engine.main())
"""


def test_an_engine_that_hangs_at_its_end_is_gone_all_the_same(alone: Program) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-P", "-c", HANGING], env=alone.environment(), stderr=subprocess.PIPE, text=True
    )
    until(lambda: alone.home.pid.exists())
    alone.good("engine", "stop", "--now")
    _, said = engine.communicate(timeout=LONGEST_S)
    assert engine.returncode == 1 and "Timeout" in said
    assert not engine_runs(alone.home)
