"""What a person does to agents, models and files with nothing but the keyboard."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input, Static

from memgpt.home import Home
from memgpt.keyboard import PLACES
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.pictures import AGENTS, shown
from tests.support.program import Program
from tests.support.terminal import Terminal
from tests.tui.test_app import Pilots, app_of, chat, in_prompt, opened, pane, says, until, write
from tui.screens.browser import Browser
from tui.screens.dialogs import Ask, Confirm, Pick, Read
from tui.screens.finding import Find
from tui.screens.queue import Queue
from tui.screens.rewording import Reword
from tui.screens.roster import Roster


def said_by(pilot: Pilots) -> str:
    """What the list of agents says above its rows."""
    said = pilot.app.screen.query_one("#said", Static)
    return str(said.render()) if said.display else ""


async def answered(pilot: Pilots, key: str, text: str) -> None:
    """A key of the list that asks for a name, and the answer in place of what it proposes."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
    await pilot.press("end", "ctrl+u", *text, "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Roster))


async def test_agents_are_renamed_forked_and_put_away(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I keep bees.")
        await says(pilot, "You said: I keep bees.")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, Roster))
        await answered(pilot, "f", f"{agent_name}f")
        await until(pilot, lambda: "goes on from where" in said_by(pilot))
        await answered(pilot, "r", f"{agent_name}g")
        await until(pilot, lambda: f"is {agent_name}g now" in said_by(pilot))
        await pilot.press("a")
        await until(pilot, lambda: "put away" in said_by(pilot))
        await until(pilot, lambda: "archived" in shown(pilot.app))
        await pilot.press("a")
        await until(pilot, lambda: "here again" in said_by(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: app_of(pilot).room.agent == f"{agent_name}g" and not app_of(pilot).busy)
        await says(pilot, "You said: I keep bees.")
        assert in_prompt(pilot)
    assert {agent_name, f"{agent_name}g"} <= set(home.agent_names())


@pytest.mark.parametrize("size", [(40, 12)], ids=["40x12"])
async def test_a_name_that_is_refused_is_not_lost_and_the_reason_is_read(
    home: Home, agent_name: str, model: ModelServer, size: tuple[int, int]
) -> None:
    async with opened(home, agent_name, model, size) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, Roster))
        for key, name, words in (("n", "a/b", "'a/b'"), ("n", agent_name, f"already an agent '{agent_name}'")):
            await answered(pilot, key, name)
            await until(pilot, lambda: said_by(pilot))
            assert words in said_by(pilot)
            missing = [word for word in said_by(pilot).split() if word not in shown(pilot.app)]
            assert not missing, shown(pilot.app)
            assert "Esc close · F1 keys" in shown(pilot.app)
            await pilot.press("n")
            await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
            assert pilot.app.screen.query_one(Input).value == name
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, Roster))
            assert not said_by(pilot)


async def test_the_list_of_agents_says_that_one_only_looks_on(home: Home, agent_name: str, model: ModelServer) -> None:
    Program(home).good(
        "send", "--agent", agent_name, "--create", "--model", "openai/scripted", "--model-endpoint", model.url, "Hi"
    )
    async with opened(home, agent_name, model, (40, 12), read_only=True, overrides={}) as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, Roster))
        for key in ("d", "n"):
            await pilot.press(key)
            await until(pilot, lambda: "looking on" in said_by(pilot))
            await pilot.press("j")
            await until(pilot, lambda: not said_by(pilot))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: pilot.app.screen.query_one("#box").outer_size.width > 80)
        assert "Enter go · Esc close" in shown(pilot.app)


@pytest.mark.parametrize("size", [(120, 40), (40, 12)], ids=["120x40", "40x12"])
async def test_every_screen_says_how_it_is_left_and_f1_lists_its_keys(tmp_path: Path, size: tuple[int, int]) -> None:
    app: Any = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        for place, opening in (
            ("inspector", screens.inspecting), ("browser", screens.browsing), ("roster", _listing),
        ):  # fmt: skip
            await opening(app)
            await pilot.pause(0.4)
            screen = app.screen
            assert "Esc close · F1 keys" in shown(app), shown(app)
            await pilot.press("f1")
            await until_read(pilot)
            assert PLACES[place] in shown(app) and "Esc closes" in shown(app)
            await pilot.press("f1")
            await pilot.pause(0.2)
            assert app.screen is screen
            app.pop_screen()
            await pilot.pause(0.2)


async def test_f1_opens_the_help_over_every_dialog_and_goes_back_to_it(tmp_path: Path) -> None:
    app: Any = screens.still(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screens.calm(app)
        for dialog in (
            Confirm("Really?"), Pick("One of", [("a", "")]), Ask("Its name", "ada"), Find("Of", ["one"]), Queue(["one"]),
            Reword("ada", "m1", "words"),
        ):  # fmt: skip
            app.push_screen(dialog)
            await pilot.pause(0.1)
            await pilot.press("f1")
            await until_read(pilot)
            await pilot.press("f1")
            await until(pilot, functools.partial(_on_top, app, dialog))
            app.pop_screen()


@pytest.mark.parametrize("size", [(80, 24), (40, 12)], ids=["80x24", "40x12"])
async def test_the_last_row_of_a_long_list_comes_into_view(tmp_path: Path, size: tuple[int, int]) -> None:
    app: Any = screens.still(tmp_path)
    many = [f"row {number}" for number in range(60)]
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        for dialog, keys in (
            (Find("Of", many), ["down"] * 59), (Pick("One of", [(name, "") for name in many]), ["end"]),
            (Queue(many), ["end"]), (Roster(app, [{**AGENTS[0], "name": name} for name in many]), ["end"]),
        ):  # fmt: skip
            app.push_screen(dialog)
            await pilot.pause(0.2)
            await pilot.press(*keys)
            await until(pilot, lambda: "row 59" in shown(app))
            app.pop_screen()


def _on_top(app: Any, screen: Screen[Any]) -> bool:
    return app.screen is screen


async def _listing(app: Any) -> None:
    await app.push_screen(Roster(app, AGENTS))


async def until_read(pilot: Any) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, Read))
    await pilot.pause(0.3)


async def test_the_keys_of_a_screen_come_back_after_what_it_says(tmp_path: Path) -> None:
    app: Any = screens.still(tmp_path)
    async with app.run_test(size=(60, 20)) as pilot:
        await screens.inspecting(app)
        await pilot.pause(0.4)
        for pressed, said, then in (
            (("d",), "the words as they are sent", "down"),
            (("slash", *"launch", "enter"), "blocks", "n"),
            (("d",), "the difference to the call before", "left"),
        ):
            await pilot.press(*pressed)
            await pilot.pause(0.2)
            assert said in last_line(app)
            await pilot.press(then)
            await pilot.pause(0.2)
            assert "←→ call" in last_line(app) and "F1 keys" in last_line(app)


def last_line(app: Any) -> str:
    return str(app.screen.query_one("#keys").render())


async def test_the_same_by_commands_and_a_deletion_comes_back(home: Home, agent_name: str, model: ModelServer) -> None:
    fork = f"{agent_name}f"
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I keep bees.")
        await says(pilot, "You said: I keep bees.")
        await write(pilot, "And boats.")
        await says(pilot, "You said: And boats.")
        step = next(entry.step for entry in app_of(pilot).bridge.view.chat if entry.text == "You said: I keep bees.")
        await write(pilot, f"/fork {fork} at {step}")
        await until(pilot, lambda: app_of(pilot).room.agent == fork and not app_of(pilot).busy)
        await says(pilot, "You said: I keep bees.")
        assert "And boats." not in shown(pilot.app)
        for said in ("put away", "here again"):
            await write(pilot, "/archive")
            await says(pilot, f"{fork} is {said}")
        await write(pilot, f"/agents {agent_name}")
        await until(pilot, lambda: app_of(pilot).room.agent == agent_name)
        await write(pilot, "/delete nobody")
        await says(pilot, "There is no agent 'nobody'.")
        for key, there in (("n", True), ("y", False)):
            await write(pilot, f"/delete {fork}")
            await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
            await pilot.press(key)
            await says(pilot, "Nothing was deleted." if there else f"{fork} is deleted.")
            assert (fork in home.agent_names()) is there
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(pilot.app.screen, Roster))
        await pilot.press("u")
        await until(pilot, lambda: f"{fork} is back" in said_by(pilot))
        assert fork in home.agent_names()


async def test_going_back_takes_memory_back_too(home: Home, agent_name: str, model: ModelServer) -> None:
    """On the screen as in the journal: the pane is as it was before the turn."""
    model.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."), scripted.say("Noted.")
    )
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I keep bees.")
        await says(pilot, "Noted.")
        assert "Keeps bees." in pane(pilot, "memory")
        full = app_of(pilot).bridge.view.context
        await write(pilot, "/pop 4")
        await until(pilot, lambda: "Noted." not in chat(pilot) and "Keeps bees." not in pane(pilot, "memory"))
        await until(pilot, lambda: full and (now := app_of(pilot).bridge.view.context) and now.total < full.total)
        await write(pilot, "/alternative next")
        await until(pilot, lambda: "Noted." in chat(pilot) and "Keeps bees." in pane(pilot, "memory"))


async def test_another_answer_is_chosen_by_a_key(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        model.script(scripted.say("The first answer."), scripted.say("The second answer."))
        await write(pilot, "Well?")
        await says(pilot, "The first answer.")
        await write(pilot, "/retry")
        await until(pilot, lambda: "The second answer." in chat(pilot) and "The first answer." not in chat(pilot))
        app_of(pilot).chat.focus()
        await pilot.press("end", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Pick))
        assert "now: The second answer." in shown(pilot.app)
        await pilot.press("g", "enter")
        await until(pilot, lambda: "The first answer." in chat(pilot) and "The second answer." not in chat(pilot))
        await pilot.press("ctrl+f")
        await until(pilot, lambda: isinstance(pilot.app.screen, Browser))
        assert isinstance(pilot.app.screen, Browser) and pilot.app.screen.place.name == "recall"
        await pilot.press("tab", "shift+tab", "shift+tab")
        assert pilot.app.screen.place == pilot.app.screen.places[-1]


async def test_a_message_becomes_an_agent_that_goes_on_from_there(
    home: Home, agent_name: str, model: ModelServer
) -> None:
    async with opened(home, agent_name, model) as pilot:
        for text in ("First.", "Second."):
            await write(pilot, text)
            await says(pilot, f"You said: {text}")
        app_of(pilot).chat.focus()
        await pilot.press("home", "down", "f")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("enter")
        await until(pilot, lambda: app_of(pilot).room.agent != agent_name)
        await says(pilot, "First.")
        assert "Second." not in shown(pilot.app)


async def test_the_model_is_changed_in_mid_conversation(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "Hello")
        await says(pilot, "You said: Hello")
        await write(pilot, "/model openai/another")
        await says(pilot, "openai/another")
        await until(pilot, lambda: "openai/another" in app_of(pilot).status.render_line(0).text)
        await write(pilot, "And now?")
        await says(pilot, "You said: And now?")
    assert [request["model"] for request in (model.requests[0], model.requests[-1])] == ["scripted", "another"]


async def test_the_conversation_is_written_as_markdown_and_json(
    home: Home, agent_name: str, model: ModelServer, tmp_path: Path
) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I keep bees.")
        await says(pilot, "You said: I keep bees.")
        for ending in ("md", "json"):
            path = tmp_path / f"talk.{ending}"
            await write(pilot, f"/export {path}")
            await until(pilot, lambda path=path: path.exists() and path.stat().st_size)  # type: ignore[misc]
    assert "I keep bees." in (tmp_path / "talk.md").read_text()
    assert "I keep bees." in json.dumps(json.loads((tmp_path / "talk.json").read_text()))


@pytest.mark.parametrize(
    ("size", "pressed", "words"),
    [
        ((120, 40), (), ("3,000 / 8,192", "40 tokens · $0.0123")),
        ((120, 40), ("f7",), ("3,000 / 8,192", "40 tokens · $0.0123")),
        ((120, 40), ("f8",), ("3,000 / 8,192", "40 tokens · $0.0123")),
        ((80, 24), (), ("3,000 / 8,192", "$0.0123", "openai/gpt-4o-mini")),
        ((60, 20), (), ("37 %", "$0.0123")),
        ((40, 12), (), ("37 %", "$0.0123")),
    ],
)
async def test_tokens_and_cost_are_always_in_view(
    tmp_path: Path, size: tuple[int, int], pressed: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Also where the map is hidden, or another pane stands alone."""
    app: Any = screens.still(tmp_path)
    async with app.run_test(size=size) as pilot:
        screens.calm(app)
        app.bridge.apply(screens.event(18, "usage", prompt_tokens=3100, cached_tokens=2900, completion_tokens=40,
                                       cost_usd=0.0123, first_token_ms=300, total_ms=900))  # fmt: skip
        app.bridge.apply(screens.event(19, "turn_end", reason="done", steps=1, prompt_tokens=3100, completion_tokens=40,
                                       cost_usd=0.0123, total_ms=900))  # fmt: skip
        await pilot.press(*pressed)
        await pilot.pause(0.3)
        text = shown(app)
        assert not [each for each in words if each not in text], text


def test_run_alone_goes_to_the_last_agent_with_its_history(fresh_home: Home, model: ModelServer) -> None:
    program = Program(fresh_home)
    more = ("--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    for agent in ("ada", "bob"):
        program.good("send", "--agent", agent, "--create", *more[:-1], f"I am {agent}'s.")
    for given, types in ((("--agent", "bob"), "Hello, Bob"), ((), "")):
        screen = Terminal(program.command("run", *given, *more), program.environment())
        try:
            screen.shows("You said: I am bob's.", "idle")
            if types:
                screen.type(f"{types}\r")
                screen.shows(f"You said: {types}", "idle")
            else:
                screen.type("\x1b[A")
                screen.shows("│ Hello, Bob")
            screen.type("\x11")
            assert screen.ended() == 0
        finally:
            screen.close()


def test_a_shell_completes_what_is_typed(program: Program, tmp_path: Path) -> None:
    script = tmp_path / "memgpt.bash"
    script.write_text(program.good("completion", "bash").out)
    shell = Terminal(["bash", "--norc", "--noprofile", "-i"], {"PS1": "ready> ", "PATH": "/usr/bin:/bin"}, 80, 10)
    try:
        shell.shows("ready>")
        shell.type(f"source {script}; memgpt() {{ echo would run: $*; }}\n")
        shell.type("memgpt exp\tada x.md\n")
        shell.shows("would run: export ada x.md")
        shell.type("memgpt list ag\t\n")
        shell.shows("would run: list agents")
    finally:
        shell.close()
