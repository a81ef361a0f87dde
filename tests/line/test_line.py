"""The app on a line that is slow, too small, stopped, dropped, or whose program breaks: the terminal is as it was before."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.support.patience import until
from tests.support.program import Program
from tests.support.terminal import Terminal

ENTER, CTRL_L, CTRL_Q, CTRL_Z, F1 = "\r", "\x0c", "\x11", "\x1a", "\x1bOP"
MODES = ("?1049", "?1000", "?1003", "?1006", "?2004", "?1004")
"""Alternate screen, mouse, bracketed paste and focus, as they are switched on with `h` and off with `l`."""
OWN, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
Open = Callable[..., Terminal]


def is_given_back(shown: Terminal) -> bool:
    """Whether everything that was switched on is off again, the cursor seen, and the terminal's keys its own."""
    written = shown.bytes.decode(errors="replace")

    def last(*sequences: str) -> str:
        return max(sequences, key=written.rfind)

    modes = all(last(f"\x1b[{mode}h", f"\x1b[{mode}l").endswith("l") for mode in MODES)
    keys = written.count("\x1b[>") == written.count("\x1b[<u")
    return (
        modes and keys and last("\x1b[?25h", "\x1b[?25l").endswith("h") and last("\x1b[?7h", "\x1b[?7l").endswith("h")
    )


def state(shown: Terminal) -> str:
    return str(psutil.Process(shown.process.pid).status())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_by_a_signal_under_a_dialog(terminal: Open, number: signal.Signals) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.type("/help" + ENTER)
    shown.shows("Help: commands")
    shown.process.send_signal(number)
    assert shown.ended() == 0
    assert is_given_back(shown)


def test_suspended_and_taken_up_again(terminal: Open) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.type("half a thought")
    shown.shows("half a thought")
    for by_key in (True, False):
        if by_key:
            shown.type(CTRL_Z)
        else:
            shown.process.send_signal(signal.SIGTSTP)
        shown.until(lambda: state(shown) == psutil.STATUS_STOPPED)
        shown.read(0.2)
        assert is_given_back(shown)
        shown.wiped()
        shown.process.send_signal(signal.SIGCONT)
        shown.shows("half a thought", "Inner monologue", "idle")
    shown.type(" and the rest" + ENTER)
    shown.shows("You said: half a thought and the rest")
    shown.type(CTRL_Q)
    assert shown.ended() == 0
    assert is_given_back(shown)


def test_the_shells_screen_is_left_as_it_is(terminal: Open, model: ModelServer) -> None:
    """Before the app has a screen of its own, while it is stopped, and afterwards nothing is drawn and nothing asked."""
    shown = terminal()
    shown.shows("idle")
    model.script(scripted.slow("alpha " * 300, 100))
    shown.type("Go" + ENTER)
    shown.shows("alpha alpha")
    shown.process.send_signal(signal.SIGTSTP)
    shown.until(lambda: state(shown) == psutil.STATUS_STOPPED)
    shown.read(0.2)
    shown.process.send_signal(signal.SIGCONT)
    shown.until(lambda: "Inner monologue" in shown.bytes.rpartition(OWN)[2].decode(errors="replace"))
    shown.process.send_signal(signal.SIGTERM)
    shown.ended()
    outside = [piece.rpartition(LEFT)[2] for piece in shown.bytes.split(OWN)]
    assert len(outside) == 3 and outside[0] != shown.bytes
    for piece in [*outside[:2], shown.bytes.rpartition(LEFT)[2]]:
        assert not re.search(rb"\x1b\[\d+;\d+H|\x1b\[6n| {2}", piece), piece


def test_stopped_without_a_warning(terminal: Open) -> None:
    """SIGSTOP cannot be prepared for; what the terminal shows afterwards is drawn anew."""
    shown = terminal()
    shown.shows("idle")
    shown.process.send_signal(signal.SIGSTOP)
    shown.until(lambda: state(shown) == psutil.STATUS_STOPPED)
    shown.wiped()
    shown.process.send_signal(signal.SIGCONT)
    shown.shows("Inner monologue", "idle")
    shown.type("Still here" + ENTER)
    shown.shows("You said: Still here")
    shown.type(CTRL_Q)
    assert shown.ended() == 0
    assert is_given_back(shown)


def test_another_size_in_mid_answer_and_under_a_dialog(terminal: Open, model: ModelServer) -> None:
    model.script(scripted.slow("one two three four five " * 30, 60))
    shown = terminal()
    shown.shows("idle")
    shown.type("Count" + ENTER)
    shown.shows("one two three")
    for columns, rows in ((40, 12), (400, 100), (80, 24)):
        shown.resize(columns, rows)
        shown.shows("answering")
    shown.type("/help" + ENTER)
    shown.shows("Help: commands")
    for columns, rows in ((40, 12), (20, 6), (200, 50)):
        shown.resize(columns, rows)
        shown.shows("larger" if columns < 40 else "Help: commands")
    shown.type("\x1b")
    shown.shows("Inner monologue", "idle")
    assert "Help: commands" not in shown.text
    shown.type(CTRL_Q)
    assert shown.ended() == 0


@pytest.mark.parametrize(("columns", "rows"), [(39, 30), (100, 11), (9, 3), (1, 1)])
def test_where_there_is_no_room_a_word_says_so(terminal: Open, columns: int, rows: int) -> None:
    shown = terminal(columns=columns, rows=rows)
    words = f"This window is {columns} × {rows}. MemGPT needs 40 × 12: make it larger."
    shown.until(lambda: "".join(shown.text.split()).startswith("".join(words.split())[: min(columns, 4) * rows // 2]))
    shown.type("typed all the same")
    shown.resize(80, 24)
    shown.shows("typed all the same", "idle")
    shown.type(CTRL_Q)
    assert shown.ended() == 0


def test_drawn_anew_by_a_key(terminal: Open) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.wiped()  # as when another program wrote over it
    shown.type("x")
    shown.shows("x")
    assert "Inner monologue" not in shown.text, "only what differs is sent"
    shown.type(CTRL_L)
    shown.shows("Inner monologue", "Core memory", "idle")


def test_a_line_that_is_gone(terminal: Open, home: Home, agent_name: str, model: ModelServer) -> None:
    """Nobody at the other end, and no signal: the app ends, the turn does not, and the draft is there again."""
    model.script(scripted.slow("to the end " * 20, 40))
    shown = terminal()
    shown.shows("idle")
    shown.type("Talk" + ENTER)
    shown.shows("to the end")
    shown.type("half a thought")
    shown.shows("half a thought")
    shown.read(0.5)
    shown.process.send_signal(0)
    shown.hang_up()
    until(lambda: shown.process.poll() is not None)
    again = terminal()
    again.shows("half a thought", "idle", ("to the end " * 20)[-30:].strip())
    again.type(CTRL_Q)
    assert again.ended() == 0


def test_whatever_breaks_is_said_in_a_sentence(home: Home, agent_name: str, model: ModelServer) -> None:
    """The terminal is given back; what it was stands in the log."""
    program = Program(home)
    broken = "import sys, tui.actions.keys as a; a._DOES['redraw'] = lambda app: 1 / 0; from memgpt.__main__ import main; sys.exit(main())"
    more = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal([sys.executable, "-c", broken, *more], program.environment())
    try:
        shown.shows("idle")
        shown.type("unsent words")
        shown.shows("unsent words")
        shown.type(CTRL_L)
        assert shown.ended() == 1
        assert is_given_back(shown)
        said = shown.bytes.rpartition(b"\x1b[?1049l")[2].decode()
        assert "The app broke: ZeroDivisionError: division by zero." in said and str(home.log) in said
        assert "Traceback" not in said
        log = home.log.read_text()
        assert "ZeroDivisionError" in log and "Traceback" in log
    finally:
        shown.close()
    again = Terminal(program.command(*more), program.environment())
    try:
        again.shows("unsent words", "idle")
    finally:
        again.close()


def test_a_dumb_terminal_gets_lines(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    more = ("--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(["env", "TERM=dumb", *program.command("run", *more)], program.environment())
    try:
        shown.shows("line mode")
        shown.type("Hello\n")
        shown.shows("You said: Hello")
        assert b"\x1b[?1049h" not in shown.bytes
        shown.type("/exit\n")
        assert shown.ended() == 0
    finally:
        shown.close()


@pytest.mark.parametrize("asked", [False, True])
def test_a_slow_line_is_seen_and_said(home: Home, agent_name: str, model: ModelServer, asked: bool) -> None:
    """Keys are seen while an answer streams, and little goes over the line."""
    model.script(scripted.slow("| a | table |\n| --- | --- |\n" + "| with many | rows of words |\n" * 60, 100))
    program = Program(home)
    more = ["--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first"]
    command = program.command("run", *more, *(["--low-bandwidth"] if asked else []))
    line = [sys.executable, "-m", "tests.support.slow_line", "--delay", "0.15", "--rate", "20000", "--"]
    shown = Terminal([*line, *command], program.environment())
    try:
        shown.shows("idle")
        if asked:
            shown.shows("low bandwidth")
        shown.type("Talk" + ENTER)
        shown.shows("with many")
        before, began = len(shown.bytes), time.monotonic()
        shown.type("keys are seen")
        shown.shows("keys are seen")
        assert "answering" in shown.text, "while it streams"
        shown.until(lambda: "idle" in shown.text)
        if asked:
            assert (len(shown.bytes) - before) / (time.monotonic() - began) < 10_000
        else:
            for _ in range(4):
                shown.type(F1)
                shown.shows("Help: commands")
                shown.type("\x1b")
                shown.until(lambda: "Help: commands" not in shown.text)
            shown.shows("slow line")
        shown.type(CTRL_Q)
        assert shown.ended() == 0
    finally:
        shown.close()
