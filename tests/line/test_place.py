"""Where a long conversation is read: any page, any day, and the same place after the line was dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from memgpt.home import Home
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S
from tests.support.program import Program
from tests.support.terminal import Terminal
from tests.tui.test_app import app_of, chat, opened, says, until

COUNT = 160
PAGE_UP, CTRL_Q = "\x1b[5~", "\x11"
Open = Callable[..., Terminal]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def agent_name(home: Home, model: ModelServer) -> str:
    """The agent with which the long conversation was had; the tests only read in it."""
    given = ("--create", "--model", "openai/scripted", "--model-endpoint", model.url, "--context-window", "8192")
    text = "\n".join(f"message <{n}>" for n in range(COUNT))
    Program(home).good("send", "--agent", "talk", *given, "--lines", text=text)
    return "talk"


async def test_pages_come_and_go_and_nothing_is_missing(home: Home, agent_name: str, model: ModelServer) -> None:
    """From the end to the beginning and back, with fewer entries held than there are: each message is seen in its order."""
    from tui import past

    most, past.MOST = past.MOST, 150
    try:
        async with opened(home, agent_name, model, overrides={}) as pilot:
            app = app_of(pilot)
            for key, edge in (("pageup", "message <0>"), ("pagedown", f"You said: message <{COUNT - 1}>")):
                seen: list[int] = []
                for _ in range(400):
                    seen += [n for n in range(COUNT) if f"said: message <{n}>" in chat(pilot) and n not in seen]
                    if edge in chat(pilot):
                        break
                    await pilot.press(key)
                    await pilot.pause(0.05)
                assert sorted(seen) == list(range(COUNT))
                assert len(app.chat.entries) < COUNT * 2, "what was read is let go of"
            assert app.room.past.joined
    finally:
        past.MOST = most


async def test_to_a_step_a_day_and_back(home: Home, agent_name: str, model: ModelServer, program: Program) -> None:
    rows = program.good("show", "messages", "--agent", agent_name, "--json").json
    step = next(row["step"] for row in rows if row["text"] == "message <20>")
    async with opened(home, agent_name, model, overrides={}) as pilot:
        app_of(pilot).run_command(f"/go {step}")
        await says(pilot, "message <20>", "message <21>")
        await until(pilot, lambda: f"message <{COUNT - 1}>" not in chat(pilot))
        app_of(pilot).run_command("/go")
        await says(pilot, f"You said: message <{COUNT - 1}>")
        app_of(pilot).run_command("/go today")
        await says(pilot, "message <0>")
        for wrong, words in (("2990-01-01", "Nothing was said"), ("the ides of March", "is not a day")):
            app_of(pilot).run_command(f"/go {wrong}")
            app_of(pilot).run_command("/go")
            await says(pilot, words)


async def test_a_day_where_nothing_was_said_yet(home: Home, model: ModelServer) -> None:
    async with opened(home, "silent", model) as pilot:
        app_of(pilot).run_command("/go today")
        await says(pilot, "Nothing was said from today on. Choose an earlier day.")


def test_the_same_place_after_a_dropped_line(terminal: Open) -> None:
    shown = terminal()
    shown.shows("idle", f"message <{COUNT - 1}>")
    for _ in range(8):
        shown.type(PAGE_UP)
        shown.read(0.3)
    shown.until(lambda: f"message <{COUNT - 1}>" not in shown.text)
    shown.type("half a thought")
    shown.shows("half a thought")
    shown.read(1.0)
    lines = [line[:74] for line in shown.text.split("\n")[1:20]]
    shown.hang_up()
    shown.process.wait(LONGEST_S)
    again = terminal()
    again.shows("half a thought", *(line.strip("│ ▁▂▃▄▅▆▇█").strip() for line in lines[3:9]))
    other = terminal()
    other.shows("idle", f"message <{COUNT - 1}>")
    assert "half a thought" not in other.text, "a second terminal has its own place and draft"
    again.type(CTRL_Q)
    assert again.ended() == 0
