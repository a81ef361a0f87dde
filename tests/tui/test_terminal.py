"""The real program in a pseudo-terminal: opened, typed into, read, ended; the terminal is as it was."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from memgpt.home import Home
from tests.conftest import processes_of
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S, SOON_S
from tests.support.program import Program
from tests.support.terminal import Terminal
from tui.cli import writing

ENTER, ESCAPE, CTRL_C, CTRL_Q = "\r", "\x1b", "\x03", "\x11"
LEAVES = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l")  # the alternate screen, hidden cursor and mouse are given back


@pytest.fixture
def terminal(home: Home, agent_name: str, model: ModelServer) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def open_one(*arguments: str, **more: Any) -> Terminal:
        given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url,
                 "--context-window", "8192", "--first", *arguments)  # fmt: skip
        program = Program(home)
        made.append(Terminal(program.command(*given), program.environment(), **more))
        return made[-1]

    yield open_one
    for each in made:
        each.close()


def test_open_type_read_quit(terminal: Callable[..., Terminal], model: ModelServer) -> None:
    shown = terminal()
    shown.shows("Chat", "Context", "Core memory", "Inner monologue", "idle")
    shown.type("Hello out there" + ENTER)
    shown.shows("You said: Hello out there")
    shown.type("/memory")
    shown.shows("core memory as it stands")
    shown.type(ENTER)
    shown.shows("of 2000 characters")
    shown.type(CTRL_Q)
    assert shown.ended() == 0
    assert all(mark in shown.bytes for mark in LEAVES[:2])
    assert scripted.last_user_text(model.requests[-1]) == "Hello out there"


def test_what_is_typed_before_the_first_frame_is_not_lost(terminal: Callable[..., Terminal]) -> None:
    shown = terminal()
    shown.type("typed at once")
    shown.shows("typed at once", "idle")
    shown.type(ENTER)
    shown.shows("You said: typed at once")


@pytest.mark.parametrize("how", ["/exit", "twice"])
def test_other_ways_out(terminal: Callable[..., Terminal], how: str) -> None:
    shown = terminal(columns=80, rows=24)
    shown.shows("idle")
    if how == "/exit":
        shown.type("/exit" + ENTER)
    else:
        shown.type(CTRL_C)
        shown.shows("again quits")
        shown.type(CTRL_C)
    assert shown.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_app_but_not_the_turn(
    terminal: Callable[..., Terminal], model: ModelServer, home: Home, agent_name: str, number: signal.Signals
) -> None:
    model.script(scripted.slow("going on " * 30, 30))
    shown = terminal()
    shown.shows("idle")
    shown.type("Talk" + ENTER)
    shown.shows("going on going on")
    began = time.monotonic()
    shown.process.send_signal(number)
    shown.ended()
    assert time.monotonic() - began < SOON_S
    assert all(mark in shown.bytes for mark in LEAVES[:2])
    program, deadline = Program(home), time.monotonic() + LONGEST_S
    while True:
        said = [row["text"] for row in program.good("show", "messages", "--agent", agent_name, "--json").json
                if row["role"] == "assistant"]  # fmt: skip
        if said:
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert said == ["going on " * 30], "the turn came to its end in the engine"


def test_a_killed_screen_comes_back_with_everything(terminal: Callable[..., Terminal], model: ModelServer) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.type("Remember this" + ENTER)
    shown.shows("You said: Remember this")
    shown.process.kill()
    shown.process.wait()
    again = terminal()
    again.shows("You said: Remember this", "idle")
    again.type(CTRL_Q)
    assert again.ended() == 0


def test_screen_and_engine_killed_in_mid_turn(fresh_home: Home, model: ModelServer) -> None:
    """What was finished is there, and the open answer to within its last second, marked interrupted."""
    program = Program(fresh_home)
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    try:
        shown.shows("idle")
        shown.type("First" + ENTER)
        shown.shows("You said: First", "idle")
        model.script(scripted.slow("alpha beta gamma " * 40, 20))
        shown.type("Second" + ENTER)
        shown.shows("alpha beta gamma alpha beta gamma alpha")
        shown.read(2.0)
        seen = " ".join(shown.text.split()).count("alpha")
        for process in processes_of(fresh_home):
            process.kill()
    finally:
        shown.close()
    again = Terminal(program.command("run", "--agent", "ada"), program.environment())
    try:
        again.shows("You said: First", "Second", "alpha", "interrupted")
        kept = " ".join(again.text.split()).count("alpha")
        assert seen - kept <= 2 * 20 * 7 // 17 + 2, "at most its last second is lost"
        again.shows("cut off")
        again.type("Third" + ENTER)
        again.shows("You said: Third")
        again.type(CTRL_Q)
        assert again.ended() == 0
    finally:
        again.close()


def test_resized_while_it_runs(terminal: Callable[..., Terminal]) -> None:
    shown = terminal()
    shown.shows("Inner monologue", "idle")
    for columns, rows in ((80, 24), (40, 12), (200, 60), (20, 6), (120, 40)):
        fcntl.ioctl(shown.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        shown.screen.resize(rows, columns)
        os.killpg(shown.process.pid, signal.SIGWINCH)
        shown.read(0.4)
        assert shown.process.poll() is None
    shown.shows("Inner monologue", "Core memory")
    shown.type("Hello" + ENTER)
    shown.shows("You said: Hello")
    shown.type(CTRL_Q)
    assert shown.ended() == 0


def test_nothing_is_drawn_when_nothing_happens(terminal: Callable[..., Terminal]) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.read(2.5)
    before = len(shown.bytes)
    shown.read(5)
    assert len(shown.bytes) == before


def test_the_sixteen_colours_of_the_terminal(terminal: Callable[..., Terminal], fresh_home: Home) -> None:
    shown = terminal("--theme", "ansi16")
    shown.shows("Chat", "Core memory", "idle")
    shown.type("/theme light" + ENTER)
    shown.read(0.5)
    shown.type("/theme ansi16" + ENTER)
    shown.read(0.5)
    shown.type("Still here?" + ENTER)
    shown.shows("You said: Still here?")
    shown.type(CTRL_Q)
    assert shown.ended() == 0


def test_a_theme_that_cannot_be_had_is_no_hindrance(fresh_home: Home, model: ModelServer) -> None:
    fresh_home.config.write_text('theme = "nowhere"\npersona = "nobody"\n')
    program = Program(fresh_home)
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    try:
        shown.shows("no theme 'nowhere'", "no persona 'nobody'", "idle")
        shown.type("Hello" + ENTER)
        shown.shows("You said: Hello")
        shown.type(CTRL_Q)
        assert shown.ended() == 0
    finally:
        shown.close()
    refused = program("run", "--theme", "nowhere", text="")
    assert refused.status == 2 and "no theme" in refused.err


@pytest.mark.parametrize(
    ("before", "begins_again"), [("two words of it and more", True), ("whole now and more", False)]
)
def test_send_on_a_terminal_says_where_an_answer_begins_again(
    home: Home, agent_name: str, model: ModelServer, before: str, begins_again: bool
) -> None:
    model.script(scripted.drop(before, after=6), scripted.say("whole now and more" * (1 - begins_again) + "whole now!"))
    program = Program(home)
    more = ("--model", "openai/scripted", "--model-endpoint", model.url, "--context-window", "8192")
    command = program.command("send", "--agent", agent_name, "--create", *more, "--stream", "Hi")
    shown = Terminal(command, program.environment())
    try:
        assert shown.ended() == 0
        lines = [line.rstrip() for line in shown.screen.display if line.strip()]
        if begins_again:
            assert lines[-2:] == ["memgpt: The answer broke off and begins again:", "whole now!"]
        else:
            assert lines == ["whole now and morewhole now!"]
    finally:
        shown.close()


def test_send_on_a_terminal_says_what_it_waits_for(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(scripted.error(429, "slow down", headers={"Retry-After": "4"}))
    program = Program(home)
    more = ("--model", "openai/scripted", "--model-endpoint", model.url, "--context-window", "8192")
    shown = Terminal(program.command("send", "--agent", agent_name, "--create", *more, "Hi"), program.environment())
    try:
        shown.shows("has had too many requests. Asked again in 4 s.", "You said: Hi")
        assert shown.ended() == 0
    finally:
        shown.close()


def test_a_paste_comes_whole_and_without_its_colours(terminal: Callable[..., Terminal], model: ModelServer) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.read(1.0)  # no answer of the terminal comes between
    shown.type(
        "\x1b[200~A1\r\nA2 \x1b[31mred\x1b[0m xy\x1b]0;title\x07\r\nA3 \x1b[38;5;200m" + "long " * 900 + "\x1b[20"
    )
    shown.read(0.3)
    shown.type("1~ end")
    shown.shows("3 lines] end")
    shown.type(ENTER)
    shown.until(lambda: model.requests)
    assert scripted.last_user_text(model.requests[-1]) == "A1\nA2 red xy\nA3 " + "long " * 900 + " end"
    shown.type("\x1b[200~a paste without an end")
    shown.shows("a paste without an end")
    shown.type(", then keys")
    shown.shows("a paste without an end, then keys")


def test_keys_that_come_together_keep_their_order(terminal: Callable[..., Terminal], model: ModelServer) -> None:
    shown = terminal()
    shown.shows("idle")
    shown.type("gone\x15one\ntwp\x7fo\n\nthree" + ENTER + "and the next")
    shown.shows("You said: one", "and the next")
    assert scripted.last_user_text(model.requests[-1]) == "one\ntwo\n\nthree"
    shown.type("\x15/memory" + ENTER + "kept" + "\x1b[D\x7fpp" + ENTER)
    shown.shows("You said: keppt")


def test_what_waited_survives_screen_and_engine(fresh_home: Home, model: ModelServer) -> None:
    """Where the model is stopped from another terminal, or the engine alone is killed, it is in the terminal again in which
    it was written, and in no other."""
    program = Program(fresh_home)
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    other = Terminal(program.command(*given), program.environment())

    def waits(first: str, second: str) -> None:
        model.script(scripted.slow("alpha " * 400, 20))
        shown.type(first + ENTER)
        for each in (shown, other):
            each.shows(first, "alpha alpha")
        other.type(second + ENTER)
        for each in (shown, other):
            each.shows("queued: This one waits")
        other.read(0.3)

    try:
        shown.shows("idle")
        other.shows("idle")
        waits("First", "This one waits")
        shown.type(ESCAPE)
        other.shows("was stopped elsewhere", "│ This one waits")
        shown.until(lambda: "This one waits" not in shown.text)
        waits("Once more", "")
        (engine,) = processes_of(fresh_home, "core.engine")
        engine.kill()
        other.shows("did not come to the model", "│ This one waits")
        shown.type("Second" + ENTER)
        shown.shows("You said: Second", "idle")
        assert "This one waits" not in shown.text, "it was not written here"
        waits("Third", "")
        for process in processes_of(fresh_home):
            process.kill()
    finally:
        shown.close()
        other.close()
    again = Terminal(program.command("run", "--agent", "ada"), program.environment())
    try:
        again.shows("did not come to the model", "This one waits", "cut off")
        model.unscript()
        again.type(ENTER)
        again.shows("You said: This one waits")
        again.type(CTRL_Q)
        assert again.ended() == 0
    finally:
        again.close()
    third = Terminal(program.command("run", "--agent", "ada"), program.environment())
    try:
        third.shows("You said: This one waits", "idle")
        assert "did not come" not in third.text, "what was sent is offered once"
    finally:
        third.close()


def test_what_never_came_is_put_into_the_prompt_once(fresh_home: Home, model: ModelServer) -> None:
    """It is a draft from then on, which a start takes up, one after a kill too."""
    program = Program(fresh_home)
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    for text in ("slow go", "second message"):
        writing.sent(fresh_home, "ada", text, time.time())
    writing.release(fresh_home)  # as if its program were gone
    for told, end in ((True, CTRL_Q), (False, "kill"), (False, CTRL_Q)):
        shown = Terminal(program.command(*given), program.environment())
        try:
            shown.shows("slow go", "second message", "idle")
            shown.until(lambda: writing.texts(fresh_home) == ["slow go\nsecond message"])
            shown.read(1.0)
            assert [shown.text.count(words) for words in ("slow go", "second message")] == [1, 1], shown.text
            assert ("did not come to the model" in shown.text) is told
            if end == CTRL_Q:
                shown.type(end)
                assert shown.ended() == 0
        finally:
            shown.close()


def test_the_first_run_begins_with_enter(fresh_home: Home) -> None:
    """Nothing configured: the panel stands above a prompt that takes keys, and Enter begins on the built-in model."""
    program = Program(fresh_home)
    shown = Terminal(program.command("run"), program.environment())
    try:
        shown.shows("Welcome", "built-in model")
        shown.type(ENTER)
        shown.shows("small and runs here")
        assert fresh_home.config.exists()
        shown.type(CTRL_Q)
        assert shown.ended() == 0
    finally:
        shown.close()


def plain(agent_name: str, model: ModelServer) -> list[str]:
    """The arguments of line mode on that agent, the user speaking first."""
    run = ["run", "--plain", "--agent", agent_name, "--first"]
    return [*run, "--model", "openai/scripted", "--model-endpoint", model.url]


def test_plain_lines(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    text = "Hello\n/memory\n/memxry\n/save here\n/restore here\ny\n/help\n/exit\n"
    done = program.good(*plain(agent_name, model), text=text)
    for words in ("you: Hello", f"{agent_name}: You said: Hello", "of 2000 characters", "Unknown command: /memxry",
                  "Back at checkpoint", "/recall QUERY"):  # fmt: skip
        assert words in done.out, done.out
    assert "\x1b" not in done.out


def test_plain_lines_about_agents_and_long_work(
    home: Home, agent_name: str, model: ModelServer, tmp_path: Path
) -> None:
    note = tmp_path / f"{agent_name}.md"
    note.write_text("Bees live in hive 7.")
    program = Program(home)
    text = f"/queue\n/log 2\n/copy\n/agents\n/delete {agent_name}\n/load {note}\n/sources\n/exit\n"
    done = program.good(*plain(agent_name, model), text=text)
    for words in ("Nothing waits.", "There is no such answer here.", f"{agent_name}: openai/scripted", "talking to"):
        assert words in done.out, done.out
    assert "\x1b" not in done.out


def test_a_pipe_is_told_what_to_do(program: Program) -> None:
    done = program("run", text="")
    assert done.status == 2 and "--plain" in done.err and done.err.count("\n") == 1


def test_the_screen_process_stays_light(terminal: Callable[..., Terminal]) -> None:
    shown = terminal()
    shown.shows("idle")
    process = psutil.Process(shown.process.pid)
    mapped = {entry.path.rpartition("/")[2] for entry in process.memory_maps()}
    assert not [name for name in mapped if "duckdb" in name or "libtorch" in name or "numpy" in name]
    shown.type(CTRL_Q)
    assert shown.ended() == 0
