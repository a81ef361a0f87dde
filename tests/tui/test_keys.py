"""Keys: one table behind bindings, footer, palette and help; jumping, arranging, the cursor on messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rich.style import Style
from textual.widgets import Input, OptionList, Static

from memgpt import config, keyboard
from memgpt.commands import COMMANDS
from memgpt.home import Home, UserError, texts
from memgpt.link import Link
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.tui.test_app import app_of, chat, opened, says, until, write
from tui import keymap
from tui.actions import keys as actions
from tui.app import MemGPTApp
from tui.cli import front
from tui.options import RunOptions
from tui.palette import SlashCommands
from tui.screens.dialogs import Ask, Pick
from tui.screens.help import help_screen
from tui.widgets.messages import Messages
from tui.widgets.pane import Pane


def hints(app: MemGPTApp) -> str:
    return " ".join(str(pane.border_subtitle or "") for pane in app.base.query(Pane))


def test_the_table_holds_together() -> None:
    names = [action.name for action in keyboard.ACTIONS]
    assert len(names) == len(set(names))
    assert {action.name for action in keyboard.ACTIONS if action.where == "app" and not action.method} == set(
        actions._DOES
    )
    for action in keyboard.ACTIONS:
        keys = action.keys.split(",")
        assert not all(key in keyboard.UNSAFE for key in keys), f"{action.name} has no key that every terminal sends"
        keyboard.check({f"keys.{action.name}": action.keys}, {})  # no action has another's key in its place
    assert not {"ctrl+a", "ctrl+b"} & {key for action in keyboard.ACTIONS for key in action.keys.split(",")}


async def test_all_actions_and_commands_are_in_help_and_those_of_the_app_in_the_palette(tmp_path: Path) -> None:
    laid = help_screen({})._text
    assert callable(laid)
    shown = laid(400).plain
    told = [*(action.help for action in keyboard.ACTIONS), *(command.help for command in COMMANDS)]
    assert not [each for each in told if each not in shown]
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)):
        rows = {help_ for _, help_, _ in SlashCommands(app.screen)._rows()}
    own = [f"{keymap.shown_keys(a.name, {})}: {a.help}" for a in keyboard.ACTIONS if a.where == "app" and not a.method]
    assert not [each for each in (*own, *(command.help for command in COMMANDS)) if each not in rows]


async def test_the_palette_finds_keys_by_what_they_do(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)):
        provider = SlashCommands(app.screen)
        rows = {name: help_ for name, help_, _ in provider._rows()}
        assert rows["zoom"].startswith("F8: ") and "/keys" in rows and rows["message: fork"].startswith("f in the chat")


async def test_a_command_of_the_palette_that_needs_more_comes_into_the_prompt(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.prompt.insert("half a thought")
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"rename")  # found in names and, lower, in what they do
        hits = app.screen.query_one(OptionList)
        await until(pilot, lambda: 1 < hits.option_count < 20)
        await pilot.press("enter")
        await until(pilot, lambda: app.prompt.text == "/rename " and app.focused is app.prompt)
        assert app.prompt.past[-1] == "half a thought"


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("zoom", "ctrl+i", "arrives as Tab"),
        ("zoom", "shift+enter", "arrives as Enter"),
        ("zoom", "f1", "taken by keys.help"),
        ("zoom", "x", "needed for writing"),
        ("nothing", "f12", "no key action"),
        ("zoom", "shift", "is not a key"),
    ],
)
def test_keys_that_cannot_be_are_refused(name: str, key: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        keyboard.check({f"keys.{name}": key}, {})


def test_a_key_of_an_action_whose_own_are_refused_is_a_clash_too() -> None:
    """It keeps the keys that it had."""
    good, wrong = keyboard.usable({"keys.drawer": "f8", "keys.zoom": "f1", "keys.copy": "Y"})
    assert good == {"copy": "Y"}
    assert ["taken by keys.zoom" in wrong[0], "taken by keys.help" in wrong[1], len(wrong)] == [True, True, 2]
    swapped = {"keys.drawer": "f8", "keys.zoom": "ctrl+o"}
    assert keyboard.usable(swapped) == ({"drawer": "f8", "zoom": "ctrl+o"}, [])
    assert len(keyboard.usable({**swapped, "keys.help": "f8"})[1]) == 3


async def test_enter_makes_a_line_where_another_key_sends(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'enter' is taken by keys.send"):
        keyboard.check({"keys.newline": "enter"}, {})
    for send, newline in (("ctrl+s", "enter"), ("ctrl+j", "enter,alt+enter")):
        app = screens.still(tmp_path / send)
        app = screens.StillApp(app.home, app.options, {**app.settings, "keys.send": send, "keys.newline": newline}, [])
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press(*"one", "enter", *"two")
            assert app.prompt.text == "one\ntwo"
            await pilot.press(send)
            assert app.prompt.text == "" and app.prompt.past == ["one\ntwo"]
            await pilot.press(*"/keys zoom", "enter")
            assert app.prompt.text == "/keys zoom\n"
            await pilot.press("backspace", send)
            await until(pilot, lambda app=app: not app.base.query_one("#side").display)  # type: ignore[misc]


async def test_keys_are_rebound_and_clashes_named_at_the_start(home: Home, agent_name: str, model: ModelServer) -> None:
    settings = {**config.load(home), "keys.help": "f12", "keys.zoom": "f2", "keys.copy": "Y"}
    overrides = {"model": "openai/scripted", "model_endpoint": model.url, "context_window": 8192}
    app = MemGPTApp(home, RunOptions(agent_name, greet=False, overrides=overrides), settings, [])
    async with app.run_test(size=(120, 40)) as pilot:
        await says(pilot, "keys.zoom = 'f2' in config.toml is not used.", "taken by keys.inspect")
        await pilot.press("f1")
        await pilot.pause(0.2)
        assert len(app.screen_stack) == 1
        await pilot.press("f12")
        await until(pilot, lambda: len(app.screen_stack) == 2)


async def test_the_footer_says_what_works_where_the_focus_is(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(140, 40)) as pilot:
        screens.calm(app)
        await pilot.pause(0.3)
        assert "Enter send · Ctrl+J line" in hints(app) and "y copy" not in hints(app)
        await pilot.press("slash")
        await pilot.pause(0.2)
        assert "Tab complete" in hints(app)
        await pilot.press("escape", "backspace")
        app.chat.focus()
        await pilot.pause(0.2)
        assert "y copy" in hints(app) and "c code" in hints(app) and "Enter send" not in hints(app)
        app.base.query_one("#memory").focus()
        await pilot.pause(0.2)
        assert "Enter edit" in hints(app) and "y copy" not in hints(app)
        screens.streaming(app)
        app.prompt.focus()
        await pilot.pause(0.4)
        assert "Enter queue" in hints(app) and "Esc stop" in hints(app)


async def test_a_small_screen_says_it_in_its_last_line(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(40, 12)) as pilot:
        screens.calm(app)
        app.chat.focus()
        await pilot.pause(0.3)
        assert "y copy" in app.status.render_line(0).text


async def test_jumping_to_panes_and_messages(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        await pilot.pause(0.3)
        for letter, place in (("m", "memory"), ("i", "monologue"), ("x", "map"), ("p", "prompt"), ("h", "chat")):
            await pilot.press("ctrl+g")
            await pilot.pause(0.1)
            await pilot.press(letter)
            await pilot.pause(0.1)
            assert app.focused is not None and app.focused.id == place
        await pilot.press("ctrl+g")
        await pilot.pause(0.1)
        await pilot.press("s")
        await pilot.pause(0.1)
        assert app.chat.marked is not None and app.chat.marked.text.startswith("I was!"), "the last but one"
        await pilot.press("ctrl+g")
        await pilot.pause(0.1)
        await pilot.press("escape")
        await pilot.pause(0.1)
        assert len(app.screen_stack) == 1


def shown(app: MemGPTApp) -> list[str]:
    """The panes that are on the screen."""
    return [str(pane.id) for pane in app.base.query(Pane) if pane.is_on_screen and pane.size.width]


async def test_panes_are_arranged_by_keys_and_stay_so(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        side, memory = app.base.query_one("#side"), app.base.query_one("#memory-pane")
        await pilot.press("alt+left", "alt+left")
        await pilot.pause(0.1)
        assert side.size.width == 53
        app.base.query_one("#memory").focus()
        before = memory.size.height
        await pilot.press("alt+up", "alt+up")
        await pilot.pause(0.1)
        assert memory.size.height > before
        await pilot.press("f8")
        await pilot.pause(0.1)
        assert memory.size.width > 100 and shown(app) == ["memory-pane"]
        await pilot.press("f8")
        await pilot.pause(0.1)
        assert len(shown(app)) == 4 and side.size.width == 53
        await pilot.press("f7")
        await pilot.pause(0.2)
        assert "memory-pane" not in shown(app) and app.focused is app.prompt
        await until(pilot, lambda: front.read(app.home).get("layout", {}).get("hidden") == ["memory-pane"])
    again = screens.still(tmp_path)
    async with again.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        assert "memory-pane" not in shown(again) and again.base.query_one("#side").size.width == 53
        await pilot.press("alt+0")
        await pilot.pause(0.2)
        assert "memory-pane" in shown(again) and again.base.query_one("#side").size.width == 45
        await pilot.press("f7")
        await pilot.pause(0.2)
        assert shown(again) == ["chat-pane"]
        await pilot.press("f7")
        await pilot.pause(0.2)
        assert len(shown(again)) == 4


async def test_the_cursor_walks_finds_and_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        await pilot.pause(0.3)
        app.chat.focus()
        await pilot.pause(0.1)

        def marked() -> str:
            return app.chat.marked.text if app.chat.marked else ""

        assert marked().startswith("The launch moved")
        await pilot.press("k", "k")
        assert marked().startswith("You beat Tomas")
        await pilot.press("g")
        assert marked().startswith("Hi Sam")
        await pilot.press("G", "c")
        await until(pilot, lambda: (app.home.path / "copied.txt").exists())
        assert (app.home.path / "copied.txt").read_text() == "left = (date(2025, 3, 14) - date.today()).days"
        await pilot.press("slash")
        await pilot.pause(0.2)
        await pilot.press(*"bishop", "enter")
        await pilot.pause(0.2)
        assert isinstance(app.focused, Messages) and "bishop" in marked()
        await pilot.press("w")
        await pilot.pause(0.2)
        assert app.prompt.text == "" and "Only the last answer" in app.bridge.view.chat[-1].text
        await pilot.press("slash")
        await pilot.pause(0.2)
        await pilot.press(*"launch", "enter")
        await pilot.pause(0.2)
        places = []
        for key in ("n", "N"):
            places.append(marked())
            await pilot.press(key)
        assert places[0] == marked() != places[1] and all("launch" in place for place in places)


async def test_one_of_several_blocks_of_code_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMUX", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    app = screens.still(tmp_path)
    text = "First:\n\n```sh\nls\n```\n\nthen:\n\n~~~py\nfor each in (1, 2):\n    print('two', each)\n~~~"
    async with app.run_test(size=(120, 40)) as pilot:
        app.bridge.show(screens.snapshot(events=[screens.event(3, "assistant_message", text=text)]))
        await pilot.pause(0.2)
        rows = [list(app.chat.render_line(y)) for y in range(app.chat.size.height)]

        def style(line: str, word: str) -> Style:
            row = next(row for row in rows if line in "".join(segment.text for segment in row))
            return next(segment.style for segment in row if word in segment.text and segment.style)

        assert style("for each", "for").bold and not style("for each", "each").bold, "code is highlighted"
        assert style("'two'", "two").color == app.look.style("success").color != style("'two'", "each").color
        app.chat.focus()
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("j", "enter")
        await until(pilot, lambda: (app.home.path / "copied.txt").exists())
        assert (app.home.path / "copied.txt").read_text() == "for each in (1, 2):\n    print('two', each)"


async def test_panes_are_gone_round_and_made_smaller(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)
        seen = []
        for key in ("f6",) * 5 + ("shift+f6",) * 5:
            await pilot.press(key)
            seen.append(app.focused.id if app.focused else "")
        assert seen[:5] == ["map", "memory", "monologue", "chat", "prompt"]
        assert seen[5:] == [*reversed(seen[:4]), "prompt"]
        await pilot.press("alt+right")
        await pilot.pause(0.1)
        assert app.base.query_one("#side").size.width == 41
        app.base.query_one("#memory").focus()
        before = app.base.query_one("#memory-pane").size.height
        await pilot.press("alt+down")
        await pilot.pause(0.1)
        assert app.base.query_one("#memory-pane").size.height < before


async def test_a_dialog_has_its_keys_to_itself(tmp_path: Path) -> None:
    """Those of the app that come first elsewhere too: none moves a pane or the chat under it."""
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 24)) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)
        place, panes = app.chat.scroll_offset.y, shown(app)
        await pilot.press("f1")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        body = app.screen.query_one("#body")
        await pilot.press("pagedown", "j")
        assert body.scroll_offset.y > 10
        before = body.scroll_offset.y
        await pilot.press("pageup")
        assert body.scroll_offset.y < before
        await pilot.press("f7", "f8", "ctrl+o", "alt+left", "ctrl+t", "f2", "ctrl+g", "alt+n")
        await until(pilot, lambda: len(app.screen_stack) == 1)  # F2 closes what is read
        assert shown(app) == panes and app.chat.scroll_offset.y == place
        ask = Ask("A name")
        app.push_screen(ask)
        await pilot.pause(0.2)
        await pilot.press(*"jkgGyqcz", "slash", "space", "pageup", "ctrl+end", "1")
        assert ask.query_one(Input).value == "jkgGyqcz/ 1" and app.chat.scroll_offset.y == place
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.focused is app.prompt


async def test_the_list_of_themes(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await write(pilot, "/theme")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("G", "enter")
        last = list(texts(app.home, "themes"))[-1]
        await until(pilot, lambda: app.theme == last)
        assert config.load(app.home)["theme"] == last != "dark"


async def _read(events: AsyncIterator[Any]) -> None:
    async for _ in events:
        pass


async def test_edit_retry_and_pop_from_a_message(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        for text in ("First question", "Second question"):
            await write(pilot, text)
            await says(pilot, f"You said: {text}")
        app.prompt.insert("a draft")
        app.chat.focus()
        await pilot.press("g", "j", "k")
        while app.chat.marked and app.chat.marked.text != "First question":
            await pilot.press("j")
        await pilot.press("e")
        await until(pilot, lambda: app.prompt.text == "First question")
        await pilot.press("escape")
        assert app.prompt.text == "a draft" and app.prompt.instead_of == 0
        app.prompt.fill("")
        await write(pilot, "/edit 2")
        await until(pilot, lambda: app.prompt.text == "First question")
        model.script(scripted.slow("elsewhere " * 400, 20))
        link = await Link.open(home)
        turn = asyncio.create_task(_read(link.stream("send", agent=agent_name, text="From another shell")))
        await says(pilot, "From another shell", "elsewhere elsewhere")
        app.prompt.fill("Better question")
        await pilot.press("enter")
        await says(pilot, "has to wait until the model is done")
        assert app.prompt.text == "Better question" and app.prompt.instead_of, "it still replaces the old one"
        await link.ask("cancel", agent=agent_name)
        await turn
        await link.close()
        await until(pilot, lambda: not app.busy)
        await pilot.press("enter")
        await says(pilot, "You said: Better question")
        assert "From another shell" not in chat(pilot)
        await until(pilot, lambda: "Second question" not in chat(pilot) and "First question" not in chat(pilot))
        model.script(scripted.say("Another answer."))
        app.chat.focus()
        await pilot.press("G", "r")
        await until(pilot, lambda: "Another answer." in chat(pilot) and "You said: Better" not in chat(pilot))
        app.chat.focus()
        await pilot.press("G", "k", "p")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "Another answer." not in chat(pilot) and "Better question" in chat(pilot))


async def test_several_agents_are_open_and_switched_by_a_key(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        await write(pilot, "I am the first.")
        await says(pilot, "You said: I am the first.")
        more = ("--create", "--model", "openai/scripted", "--model-endpoint", model.url, "--context-window", "8192")
        await asyncio.to_thread(Program(home).good, "send", "--agent", f"{agent_name}b", *more, "Hi")
        await write(pilot, f"/agents {agent_name}b")
        await until(pilot, lambda: app.bridge.view.agent == f"{agent_name}b" and app.bridge.view.phase == "idle")
        model.script(scripted.slow("slowly " * 40, 20))
        await write(pilot, "Second")
        await says(pilot, "slowly slowly")
        app.prompt.insert("a draft for b")
        await pilot.press("alt+n")
        await until(pilot, lambda: "You said: I am the first." in chat(pilot))
        assert app.prompt.text == "" and app.room.agent == agent_name
        assert f"{agent_name}b …" in app.status.render_line(0).text, "it is marked as busy"
        await until(pilot, lambda: f"{agent_name}b *" in app.status.render_line(0).text)
        await pilot.press("alt+p")
        await until(pilot, lambda: app.room.agent == f"{agent_name}b" and "slowly slowly" in chat(pilot))
        assert app.prompt.text == "a draft for b"
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")


async def test_copy_edit_keys_and_log_at_the_prompt(
    home: Home, agent_name: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TMUX", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    model.script(scripted.say("Take this:\n\n```sh\nls -l\n```"))
    copied = home.path / "copied.txt"
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        await write(pilot, "How?")
        await says(pilot, "ls -l")
        for line, words in (
            ("/copy", "Take this:\n\n```sh\nls -l\n```"),
            ("/copy code", "ls -l"),
            ("/copy all", f"you: How?\n\n{agent_name}: Take this:\n\n```sh\nls -l\n```"),
        ):
            await write(pilot, line)
            await until(pilot, lambda words=words: copied.exists() and copied.read_text() == words)  # type: ignore[misc]
        await write(pilot, "/copy 7")
        await says(pilot, "There is no such answer here.")
        await write(pilot, "/edit")
        await until(pilot, lambda: app.prompt.text == "How?")
        await pilot.press("escape")
        with home.log.open("a") as log:
            log.write("what went wrong\nand where\n")
        for line, title, words in (("/keys", "Keys", "jump: jump"), ("/log 5", "memgpt.log", "what went wrong")):
            await write(pilot, line)
            await until(pilot, lambda: len(app.screen_stack) == 2)
            assert title in str(app.screen.query_one("#box").border_title)
            assert words in str(app.screen.query_one("#text").render())
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
        await write(pilot, "/keys zoom")
        await until(pilot, lambda: not app.base.query_one("#side").display)


async def test_agents_are_made_and_deleted_from_their_list(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        app.prompt.insert("a draft")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("n")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        await pilot.press(*f"{agent_name}z", "enter")
        await until(pilot, lambda: f"{agent_name}z" in home.agent_names() and len(app.screen_stack) == 2)
        await until(pilot, lambda: "is made" in str(app.screen.query_one("#said", Static).render()))
        await pilot.press("d")
        await until(pilot, lambda: f"{agent_name}z" not in home.agent_names())
        await pilot.press("d")
        await until(pilot, lambda: "talking to" in str(app.screen.query_one("#said", Static).render()))
        await pilot.press("escape")
        assert agent_name in home.agent_names() and app.prompt.text == "a draft"
