"""Words of models, files, servers and other terminals are words: none of them is markup, none controls the terminal."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events as textual_events
from textual.content import Content
from textual.screen import Screen

from memgpt import choices
from memgpt import events as e
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.support.terminal import Terminal
from tui.prompting.pasting import LOST_S, PasteParser
from tui.screens.browser import Browser
from tui.screens.dialogs import Ask, Confirm, Pick, Read
from tui.screens.finding import Find
from tui.screens.inspector import Inspector
from tui.screens.queue import Queue
from tui.screens.rewording import Reword
from tui.screens.roster import Roster
from tui.text import inert
from tui.widgets.memory_pane import MemoryPane
from tui.widgets.walked import Monologue

SEEN = "[bold]b[/]"
HOSTILE = f"{SEEN} [/x] {{x}} \x1b]52;c;cHduZWQ=\x07\x1b[31m\x9b31m\x90q\x9c\x1b_q\x1b\\\x00\x08\x7f\u202ec\u200f\r."
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
POISONED = (
    "text",
    "name",
    "label",
    "note",
    "role",
    "words",
    "tags",
    "last_words",
    "model",
    "message",
    "before",
    "after",
)
NOT_WORDS = ("context", "rewound", "renamed")  # figures, and what the engine is asked for anew
KINDS = {kind.type: kind for kind in e.Event.__subclasses__() if kind.type not in NOT_WORDS}


def poisoned(value: Any, key: str = "") -> Any:
    """An answer of the engine with hostile words wherever someone else's words may stand."""
    if isinstance(value, dict):
        return {name: poisoned(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [poisoned(each, key) for each in value]
    return f"{HOSTILE}{value}" if isinstance(value, str) and key in POISONED else value


def hostile_event(kind: type[e.Event], step: int) -> dict[str, Any]:
    """An event of that kind, every text of it hostile."""
    made: dict[str, Callable[[], Any]] = {
        "str": lambda: HOSTILE, "int": lambda: 1, "float": lambda: 1.0, "float | None": lambda: 0.1, "bool": lambda: False,
        "dict[str, Any]": lambda: {HOSTILE: HOSTILE, "list": [HOSTILE]}, "list[str]": lambda: [HOSTILE],
        "list[dict[str, Any]]": lambda: [{"id": HOSTILE, "source": HOSTILE, "tokens": 1}],
    }  # fmt: skip
    given = {field.name: made[str(field.type)]() for field in fields(kind) if field.name not in ("step", "at")}
    fixed = {"of": e.AssistantMessage.type} if kind is e.Delta else {"status": "Failed"} if "status" in given else {}
    return {**screens.event(step, kind.type), **given, **fixed}


class Poisoned(screens.Recorded):
    """An engine whose every answer holds hostile words."""

    async def ask(self, op: str, **params: Any) -> Any:
        return poisoned(await super().ask(op, **params))


def assert_inert(app: Any, *shows: str) -> None:
    """What goes to the terminal of all that is drawn holds nothing that controls it, and the words as they are."""
    lines = [
        "".join(segment.text for segment in strip)
        for screen in app.screen_stack
        for strip in screen._compositor.render_strips()
    ]
    bad = [line for line in lines if CONTROL.search(line)]
    assert not bad, bad
    missing = [words for words in shows if not any(words in line for line in lines)]
    assert not missing, "\n".join(lines)


async def test_every_event_with_hostile_words(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 60)) as pilot:
        app.bridge.show(poisoned(screens.snapshot()))
        await pilot.pause(0.2)
        assert_inert(app, SEEN)
        for step, kind in enumerate(KINDS.values(), 20):
            event = hostile_event(kind, step)
            app.bridge.apply(event)
            if kind is e.JobTold:
                app.jobs.event(event)
            await pilot.pause(0.15)
            assert_inert(app)
        app.query_one(Monologue).focus()
        await pilot.press("z", "z")
        await pilot.pause(0.1)
        assert_inert(app, SEEN)
        assert_inert(app, f"queued: {SEEN}")


async def test_every_screen_with_hostile_words(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.bridge.show(poisoned(screens.snapshot(blocks=[{"label": "human", "text": HOSTILE, "limit": 2000}])))
        app.bridge.apply(screens.context(16, 1840))
        row = {"name": HOSTILE, "model": HOSTILE, "messages": 1, "bytes": 1, "last_words": HOSTILE}
        over: list[Screen[Any]] = [
            Roster(app, [row]), Confirm(HOSTILE, HOSTILE), Pick(HOSTILE, [(HOSTILE, HOSTILE)]), Ask(HOSTILE, HOSTILE),
            Read(HOSTILE, Content(inert(HOSTILE))), Queue([HOSTILE]), Find(HOSTILE, [HOSTILE]), Reword("ada", HOSTILE, HOSTILE),
            Inspector(Poisoned(), app.look), await Browser.of_agent(Poisoned(), app.look, "", False),
        ]  # fmt: skip
        for screen in over:
            app.push_screen(screen)
            await pilot.pause(0.25)
            assert_inert(app, SEEN)
            app.pop_screen()
        memory = app.query_one(MemoryPane)
        memory.edit(next(iter(app.bridge.view.blocks)))
        await pilot.pause(0.1)
        assert SEEN in memory.editor.text and not CONTROL.search(memory.editor.text)
        assert_inert(app)


async def test_hostile_words_come_into_the_prompt_and_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a[bold]b \x1b]52;c;x\x07\x9b[red").write_text("")
    monkeypatch.chdir(folder)
    app = screens.still(tmp_path)
    app.history.append(HOSTILE)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        await pilot.press("up")
        await pilot.pause(0.1)
        assert_inert(app, SEEN)
        for put in (app.prompt.replace_kept, lambda text: app.prompt.put_before([text]), app.status.flash):
            put(HOSTILE)
            await pilot.pause(0.1)
            assert_inert(app, SEEN)
        app.prompt.fill("see @a")
        await pilot.pause(0.2)
        assert app.menu.is_open
        assert_inert(app, "a[bold]b")
        await pilot.press("tab")
        await pilot.pause(0.1)
        assert_inert(app, 'see @"a[bold]b [red"')
        for kind in ("note", "error"):
            app.bridge.note(HOSTILE, kind)
        await pilot.pause(0.1)
        assert_inert(app, SEEN)


async def test_hostile_names_of_a_server_on_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [choices.Choice(HOSTILE, "", HOSTILE), choices.ALWAYS]
    monkeypatch.setattr("tui.widgets.first_run.found_choices", lambda: found)
    app = screens.still(tmp_path, set_up=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.4)
        assert_inert(app, SEEN)
        assert app.first_run is not None
        app.first_run.say(HOSTILE)
        await pilot.pause(0.1)
        assert_inert(app, SEEN)


def test_no_byte_of_theirs_controls_the_terminal(home: Home, agent_name: str, model: ModelServer) -> None:
    """Through engine and pseudo-terminal: said, thought, called, returned and waiting, in fragments; links neither."""
    model.script(
        scripted.call("core_memory_append", heartbeat=True, thought=HOSTILE, name="human", content=HOSTILE),
        scripted.call(HOSTILE[:40], heartbeat=True, query=HOSTILE),
        scripted.slow(f"{HOSTILE} and [a link](http://example.org/x) " * 8, 80),
    )
    program = Program(home)
    given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    try:
        shown.shows("idle")
        shown.type("Hello\r")
        shown.shows("a link", "http://example.org/x")
        sending = threading.Thread(
            target=program, args=("send", "--agent", agent_name, "-"), kwargs={"text": f"Waits {HOSTILE}"}
        )
        sending.start()
        shown.shows(f"queued: Waits {SEEN}")
        shown.shows(f"You said: Waits {SEEN}", "idle", "core_memory_append")
        sending.join()
        written = shown.bytes
        shown.type("\x11")
        assert shown.ended() == 0
    finally:
        shown.close()
    for theirs in (b"\x1b]52", b"cHduZWQ=\x07", b"\x1b]8;", "\x9b".encode(), b"\x1b_q", "\u202e".encode(), b"\x00"):
        assert theirs not in written, theirs


# --- a paste whose end was lost -------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(messages: Any) -> list[str]:
    """Keys by name, pastes with their text."""
    return [f"paste: {m.text}" if isinstance(m, textual_events.Paste) else getattr(m, "key", "?") for m in messages]


def test_keys_work_again_after_a_paste_without_an_end() -> None:
    clock = Clock()
    parser = PasteParser(clock=clock)
    assert told(parser.feed("a\x1b[200~pasted words")) == ["a"]
    clock.now += LOST_S - 1
    assert told(parser.feed(" and more words")) == [] and told(parser.tick()) == []
    clock.now += LOST_S - 1
    assert told(parser.feed("\x03")) == [] and told(parser.tick()) == [], "more of it may still come"
    clock.now += 1.5
    assert told(parser.tick()) == ["paste: pasted words and more words"]
    assert told(parser.feed("\x03x")) == ["ctrl+c", "x"]
    assert told(parser.feed("\x1b[201~")) == [], "the end that came too late is no key"
    assert told(parser.feed("\x1b[200~whole\x1b[201~y")) == ["paste: whole", "y"]
    clock.now += 9 * LOST_S
    assert told(parser.tick()) == []


@given(st.text(alphabet="ab\n\r\t\x1b[0;31m\x07é", max_size=40), st.lists(st.integers(1, 7), min_size=1, max_size=6))
def test_a_paste_is_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    data, parser, found, place, turn = f"\x1b[200~{text}\x1b[201~z", PasteParser(), [], 0, 0
    while place < len(data):
        found += told(parser.feed(data[place : place + cuts[turn % len(cuts)]]))
        place, turn = place + cuts[turn % len(cuts)], turn + 1
    assert found == told(PasteParser().feed(data))


# --- what libraries print -------------------------------------------------------------------------------------


def test_what_is_printed_to_stderr_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "memgpt.log"
    code = (
        "import os, subprocess, sys, pathlib; from tui.terminal import quiet_stderr\n"
        f"with quiet_stderr(pathlib.Path({str(log)!r})):\n"
        "    os.write(2, b'a library\\n'); subprocess.run(['sh', '-c', 'echo a child >&2'])\n"
        "    print('a warning', file=sys.stderr, flush=True)\n"
        "    sys.__stderr__.write('the picture'); sys.__stderr__.flush()\n"
        "print(' and after', file=sys.stderr)\n"
    )
    shown = Terminal([sys.executable, "-P", "-c", code], dict(os.environ), 80, 5)
    try:
        assert shown.ended() == 0
        assert shown.text.split("\n")[0].strip() == "the picture and after"
        assert log.read_text() == "a library\na child\na warning\n"
    finally:
        shown.close()
