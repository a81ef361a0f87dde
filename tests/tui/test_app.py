"""The app with a real engine behind it, by Pilot: what is typed reaches the model, what happens is seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.command import Command, CommandList
from textual.pilot import Pilot

from memgpt import config
from memgpt.home import Home
from tests.conftest import processes_of
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S, SOON_S
from tests.support.program import Program
from tests.tui.test_snapshots import rows
from tui import footer
from tui.app import MemGPTApp
from tui.options import RunOptions
from tui.screens.dialogs import Ask, Confirm
from tui.widgets.context_map import ContextMap
from tui.widgets.transcript import Transcript

Pilots = Pilot[None]


@asynccontextmanager
async def opened(
    home: Home, agent: str, model: ModelServer, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Pilots]:
    """The app on an agent of the scripted server, ready."""
    overrides = {"model": "openai/scripted", "model_endpoint": model.url, "context_window": 8192}
    options = {"greet": False, "overrides": overrides, **options}
    app = MemGPTApp(home, RunOptions(agent, **options), config.load(home), [])
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.bridge.view.phase == "idle" and app.bridge.view.context)
        yield pilot


async def until(pilot: Pilots, true: Callable[[], Any]) -> None:
    """Waits for as long as a busy machine may take."""
    deadline = time.monotonic() + LONGEST_S
    while not true():
        assert time.monotonic() < deadline, f"it did not come true; the chat shows:\n{chat(pilot)}"
        await pilot.pause(0.05)
    await pilot.pause(0.15)


def app_of(pilot: Pilots) -> MemGPTApp:
    assert isinstance(pilot.app, MemGPTApp)
    return pilot.app


def chat(pilot: Pilots) -> str:
    return rows(app_of(pilot).chat)


def pane(pilot: Pilots, name: str) -> str:
    return rows(app_of(pilot).screen_stack[0].query_one(f"#{name}", Transcript))


async def write(pilot: Pilots, text: str) -> None:
    app_of(pilot).prompt.insert(text)
    await pilot.pause(0.05)
    await pilot.press("enter")


async def says(pilot: Pilots, *words: str) -> None:
    await until(pilot, lambda: all(word in " ".join(chat(pilot).split()) for word in words))


def in_prompt(pilot: Pilots) -> bool:
    return pilot.app.focused is app_of(pilot).prompt


async def test_a_turn_is_seen_in_all_four_panes(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(
        scripted.call(
            "core_memory_append", heartbeat=True, thought="Worth keeping.", name="human", content="Keeps bees."
        ),
        scripted.say("How many hives?"),
    )
    async with opened(home, agent_name, model) as pilot:
        before = app_of(pilot).bridge.view.context
        await write(pilot, "I keep bees.")
        await says(pilot, "I keep bees.", "How many hives?")
        assert "Worth keeping." in pane(pilot, "monologue") and "core_memory_append" in pane(pilot, "monologue")
        assert "Keeps bees." in pane(pilot, "memory")
        now = app_of(pilot).bridge.view.context
        assert before and now and now.total > before.total and now.source == "provider"
        figure = str(app_of(pilot).query_one("#context-pane").border_title) + str(
            app_of(pilot).query_one("#context-pane").border_subtitle
        )
        assert in_prompt(pilot) and figure


async def test_markup_and_escapes_are_text(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(scripted.say("[bold red]no[/] \x1b[31mred\x1b[0m \x07 [link=x]y[/link]"))
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "[b]mine[/b]")
        await says(pilot, "[b]mine[/b]", "[bold red]no[/] red", "[link=x]y[/link]")


async def test_nothing_that_a_model_says_vanishes(home: Home, agent_name: str, model: ModelServer) -> None:
    said = (
        "Use List<String> here.\n\n<div>\nblock content\n</div>\n\n<script>alert(1)</script>\n\n![img](http://u/p.png)\n\n"
        '[to](http://x/y "its title") and [ref]\n\n[ref]: http://kept/\n\n<!-- a comment -->'
    )
    model.script(scripted.slow(said, 100))
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "Show me")
        await says(pilot, "List<String>", "<div> block content </div>", "<script>alert(1)</script>", "![img](http://u/p.png)",
                   "http://x/y", "its title", "[ref]: http://kept/", "<!-- a comment -->")  # fmt: skip
        assert not any(ord(character) > 0x1F000 for character in chat(pilot))


async def test_an_answer_is_markdown_as_it_arrives(tmp_path: Path) -> None:
    """What is closed is drawn, what may still change stands as it was written."""
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        app.bridge.show(screens.snapshot(events=[screens.event(3, "user_message", text="When?")]))
        said = "The **14th**.\n\n- one\n- two\n\n```py\nx = 1\n```\n\nAnd **on"
        for place in range(0, len(said), 5):
            app.bridge.apply(screens.event(5, "delta", of="assistant_message", text=said[place : place + 5]))
            await pilot.pause(0.01)
        await pilot.pause(0.3)
        lines = [line.strip() for line in rows(app.chat).split("\n") if line.strip()]
        assert lines[-5:] == ["The 14th.", "• one", "• two", "x = 1", "And **on"]
        app.bridge.apply(screens.event(5, "assistant_message", text=f"{said}**."))
        await pilot.pause(0.3)
        assert rows(app.chat).strip().endswith("And on.")


async def test_a_send_that_is_stopped_in_the_app_says_so(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(scripted.slow("word " * 400, 40))
    async with opened(home, agent_name, model) as pilot:
        program = Program(home)
        sending = asyncio.create_task(asyncio.to_thread(program, "send", "--agent", agent_name, "From a shell"))
        await says(pilot, "From a shell", "word word")
        waiting = asyncio.create_task(asyncio.to_thread(program, "send", "--agent", agent_name, "Waits"))
        await says(pilot, "queued: Waits")
        await pilot.press("escape")
        stopped, dropped = await sending, await waiting
        assert stopped.status == 1 and stopped.err == "memgpt: Stopped. What was shown is kept.\n"
        assert dropped.status == 1 and dropped.out == "" and "taken back" in dropped.err


async def test_whoever_writes_first_cancels_the_greeting(home: Home, agent_name: str, model: ModelServer) -> None:
    overrides = {"model": "openai/scripted", "model_endpoint": model.url, "context_window": 8192}
    app = MemGPTApp(home, RunOptions(agent_name, overrides=overrides), config.load(home), [])
    async with app.run_test(size=(120, 40)) as pilot:
        app.prompt.insert("I am first")
        await pilot.press("enter")
        await says(pilot, "You said: I am first")
        await pilot.pause(1.5)
    shown = Program(home).good("show", "messages", "--agent", agent_name, "--json").json
    assert [row["role"] for row in shown if row["role"] in ("event", "user", "assistant")] == [
        "event", "user", "assistant"], shown  # fmt: skip
    app = MemGPTApp(home, RunOptions(f"{agent_name}b", overrides=overrides), config.load(home), [])
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: f"{agent_name}b" in chat(pilot) and not app.busy)
        await pilot.pause(1)
    shown = Program(home).good("show", "messages", "--agent", f"{agent_name}b", "--json").json
    assert [row["text"] for row in shown if row["role"] == "event"] == ["login"]


async def test_what_is_sent_while_busy_waits_and_is_shown(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(scripted.slow("first answer " * 40, 30))
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "First")
        await until(pilot, lambda: app_of(pilot).busy)
        await write(pilot, "Second")
        await says(pilot, "queued: Second")
        await says(pilot, "You said: Second")
        assert "queued" not in chat(pilot)


async def test_escape_stops_and_gives_what_waited_back(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(scripted.slow("word " * 400, 40))
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "Talk")
        await says(pilot, "word word")
        await write(pilot, "Waiting")
        await says(pilot, "queued: Waiting")
        await pilot.press("escape")
        await until(pilot, lambda: not app_of(pilot).busy)
        await says(pilot, "interrupted", "Stopped.")
        assert app_of(pilot).prompt.text == "Waiting"
        assert model.closed_early.wait(SOON_S)


async def test_ctrl_c_stops_clears_then_quits(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app_of(pilot).prompt.insert("typed")
        await pilot.press("ctrl+c")
        assert app_of(pilot).prompt.text == "" and app_of(pilot).is_running
        await pilot.press("ctrl+c")
        assert "again quits" in app_of(pilot).status.render_line(0).text
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app_of(pilot)._exit)


async def test_new_lines_history_and_paste(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await pilot.press("o", "n", "e", "ctrl+j", "t", "w", "o", "alt+enter", "3", "shift+enter", "4", "enter")
        await says(pilot, "You said: one two 3 4")
        assert scripted.last_user_text(model.requests[-1]) == "one\ntwo\n3\n4"
        await pilot.press("up")
        assert app_of(pilot).prompt.text == "one\ntwo\n3\n4"
        await pilot.press("down")
        assert app_of(pilot).prompt.text == ""
        from textual.events import Paste

        app_of(pilot).prompt.post_message(Paste("pasted\r\n\x1b[31mlines"))
        await until(
            pilot, lambda: app_of(pilot).prompt.text == "pasted\nlines" or "pasted" in app_of(pilot).prompt.text
        )
        assert "\x1b" not in app_of(pilot).prompt.text


async def test_the_slash_palette(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await pilot.press("slash")
        menu = app_of(pilot).menu
        assert menu.option_count > 20
        await pilot.press("m", "e", "m", "o", "r", "y")
        assert menu.marked is not None and menu.marked.name == "memory"
        await pilot.press("enter")
        await says(pilot, "human (", "of 2000 characters")
        assert in_prompt(pilot) and app_of(pilot).prompt.text == "" and not menu.is_open
        await pilot.press("slash", "r", "e", "c", "a", "tab")
        assert app_of(pilot).prompt.text == "/recall "
        await pilot.press("escape")
        app_of(pilot).prompt.text = ""
        await write(pilot, "/memxry")
        await says(pilot, "Unknown command: /memxry. Did you mean /memory?")
        await write(pilot, "/x")
        await says(pilot, "Unknown command: /x")
        await write(pilot, "/recall")
        assert app_of(pilot).prompt.text == "/recall ", "not complete: it waits for its argument"
        await pilot.press("enter")
        await says(pilot, "/recall needs QUERY.")


async def test_quick_hands_are_ahead_of_the_palette(home: Home, agent_name: str, model: ModelServer) -> None:
    """Enter in the same burst as an argument sends, though the palette is still drawn."""
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        app.prompt.fill("/rec")
        await until(pilot, lambda: app.menu.is_open)
        app.prompt.fill("/recall zebra")
        app.prompt.action_send()
        app.prompt.insert("and on")
        await until(pilot, lambda: "Showing 0 of 0 results" in chat(pilot))
        assert app.prompt.text == "and on"


async def test_help_context_and_command_palette(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        for key, title in (("f1", "Help"), ("f2", ""), ("ctrl+p", "")):
            await pilot.press(key)
            await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
            if title:
                box = pilot.app.screen.query_one("#box")
                assert title in str(box.border_title)
            await pilot.press("escape")
            await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
            assert in_prompt(pilot)


async def test_the_map_is_walked_by_keys(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "Hello")
        await says(pilot, "You said: Hello")
        app_of(pilot).query_one(ContextMap).focus()
        for _ in range(4):
            await pilot.press("right")
        await until(pilot, lambda: "tokens" in app_of(pilot).query_one(ContextMap).render_line(9).text)
        await until(pilot, lambda: "Enter open" in str(app_of(pilot).query_one("#context-pane").border_subtitle))
        await pilot.press("enter")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        assert "in the system message" in str(pilot.app.screen.query_one("#box").border_title)
        await pilot.press("escape")


async def test_themes_change_at_once_and_stay(fresh_home: Home, model: ModelServer) -> None:
    async with opened(fresh_home, "ada", model) as pilot:
        await write(pilot, "/theme light")
        await until(pilot, lambda: pilot.app.theme == "light")
        assert config.load(fresh_home)["theme"] == "light"
        await write(pilot, "/theme nowhere")
        await says(pilot, "There is no theme 'nowhere'.")


async def test_agents_are_made_and_chosen(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I am the first.")
        await says(pilot, "You said: I am the first.")
        await write(pilot, f"/new {agent_name}b")
        await until(pilot, lambda: app_of(pilot).bridge.view.agent == f"{agent_name}b")
        assert "I am the first." not in chat(pilot)
        await write(pilot, f"/agents {agent_name}")
        await until(pilot, lambda: app_of(pilot).bridge.view.agent == agent_name)
        await says(pilot, "You said: I am the first.")
        await write(pilot, "/agents")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("escape")


async def test_retry_pop_and_rewrite_redraw_the_chat(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "Question")
        await says(pilot, "You said: Question")
        await write(pilot, "/rewrite Better words.")
        await until(pilot, lambda: "Better words." in chat(pilot) and "You said: Question" not in chat(pilot))
        model.script(scripted.say("Another answer."))
        await write(pilot, "/retry")
        await until(pilot, lambda: "Another answer." in chat(pilot) and "Better words." not in chat(pilot))
        await write(pilot, "/pop 3")
        await until(pilot, lambda: "Another answer." not in chat(pilot) and "Took back 3 messages" in chat(pilot))


async def test_forgetting_asks_with_what_would_go(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "My pin is 4711-XY.")
        await says(pilot, "You said: My pin")
        await write(pilot, "/forget 4711-XY")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        about = str(pilot.app.screen.query_one("#text").render())
        assert "My pin is 4711-XY." in about and "the prompt's history: /forget 4711-XY" in about
        await pilot.press("n")
        await says(pilot, "Nothing was erased.")
        await write(pilot, "/forget 4711-XY")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "My pin is" in chat(pilot) and "My pin is 4711-XY" not in chat(pilot))
        assert not [line for line in app_of(pilot).prompt.past if "4711-XY" in line]
        assert "4711-XY" not in home.front.read_text()
        await write(pilot, "/frobnicate 4711-XZ")  # typed, and said to nobody
        await write(pilot, "/forget 4711-XZ")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: "4711-XZ" not in home.front.read_text())


async def test_a_turn_from_another_shell_is_seen_as_it_happens(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    model.script(scripted.slow("slowly growing " * 20, 40))
    async with opened(home, agent_name, model) as pilot:
        sending = asyncio.create_task(asyncio.to_thread(program.good, "send", "--agent", agent_name, "From a shell"))
        await says(pilot, "From a shell", "slowly growing slowly")
        assert not sending.done(), "it is seen before it is over"
        assert (await sending).out.startswith("slowly growing")
        found = await asyncio.to_thread(program.good, "search", "recall", "shell", "--agent", agent_name, "--json")
        assert found.json["results"]


async def test_read_only_looks_on(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    async with opened(home, agent_name, model):
        pass
    async with opened(home, agent_name, model, read_only=True, overrides={}) as pilot:
        await pilot.press("h", "i", "enter")
        assert app_of(pilot).prompt.text == "" and not model.requests
        await asyncio.to_thread(program.good, "send", "--agent", agent_name, "Seen?")
        await says(pilot, "You said: Seen?")
        await asyncio.sleep(0)


async def test_a_killed_engine_is_started_again_under_the_open_app(fresh_home: Home, model: ModelServer) -> None:
    async with opened(fresh_home, "ada", model) as pilot:
        await write(pilot, "Before")
        await says(pilot, "You said: Before")
        (engine,) = processes_of(fresh_home, "core.engine")
        engine.kill()
        await until(pilot, lambda: not psutil.pid_exists(engine.pid) or engine.status() == psutil.STATUS_ZOMBIE)
        await write(pilot, "After")
        await says(pilot, "You said: Before", "You said: After")


async def test_a_home_that_is_moved_away_is_waited_for(fresh_home: Home, model: ModelServer) -> None:
    away = fresh_home.path.with_name("away")
    async with opened(fresh_home, "ada", model) as pilot:
        await write(pilot, "Before")
        await says(pilot, "You said: Before")
        fresh_home.path.rename(away)
        await until(pilot, lambda: "is gone; it is waited for" in app_of(pilot).status.render_line(0).text)
        assert not fresh_home.path.exists()
        away.rename(fresh_home.path)
        await write(pilot, "After")
        await says(pilot, "You said: Before", "You said: After")


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_narrow_screens_fold_the_panes_into_a_drawer(
    home: Home, agent_name: str, model: ModelServer, size: tuple[int, int]
) -> None:
    async with opened(home, agent_name, model, size) as pilot:

        def open_() -> bool:
            return bool(app_of(pilot).query_one("#side").display)

        assert not open_()
        await pilot.press("ctrl+o")
        assert open_()
        await pilot.press("escape")
        assert not open_() and in_prompt(pilot)
        await pilot.resize_terminal(120, 40)
        await pilot.pause(0.3)
        assert open_()
        await write(pilot, "Hello")
        await says(pilot, "You said: Hello")


async def test_long_histories_are_paged_in_from_the_top(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    more = ("--create", "--model", "openai/scripted", "--model-endpoint", model.url, "--context-window", "8192")
    text = "\n".join(f"message {n}" for n in range(60))
    await asyncio.to_thread(program.good, "send", "--agent", agent_name, *more, "--lines", text=text)
    async with opened(home, agent_name, model, overrides={}) as pilot:
        assert "You said: message 59" in chat(pilot)
        assert app_of(pilot).bridge.view.earlier
        for _ in range(60):
            await pilot.press("pageup")
            await pilot.pause(0.05)
            if not app_of(pilot).bridge.view.earlier and app_of(pilot).chat.scroll_offset.y == 0:
                break
        await says(pilot, "message 0")
        await pilot.press("ctrl+end")
        await says(pilot, "You said: message 59")


async def test_at_the_cap_of_a_turn_the_user_is_asked(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await app_of(pilot).connection.ask("configure_agent", agent=agent_name, changes={"max_steps": 2})
        searching = scripted.call("conversation_search", heartbeat=True, query="x")
        model.script(searching, searching, scripted.say("At last."))
        await write(pilot, "Go")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, Confirm))
        assert len(model.requests) == 2
        await pilot.press("y")
        await says(pilot, "At last.")


def offered_by(app: MemGPTApp) -> set[str]:
    """What the command palette lists."""
    rows = app.screen.query(CommandList)
    return {str(row.hit.text) for row in rows.first().options if isinstance(row, Command)} if rows else set()


async def test_who_looks_on_is_told_so_and_can_look_further(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I keep bees")
        await says(pilot, "You said: I keep bees")
    async with opened(home, agent_name, model, read_only=True, overrides={}) as pilot:
        app = app_of(pilot)
        await says(pilot, "You said: I keep bees")
        hints = [f"{key} {word}" for key, word in footer.hints(app)]
        assert "/ what can be looked at" in hints and not any("send" in hint for hint in hints)
        for place, there in (("#memory", {"changes"}), ("#chat", {"copy", "context"})):
            app.base.query_one(place).focus()
            await pilot.pause(0.1)
            words = {word for _, word in footer.hints(app)}
            assert there <= words and not words & {"edit", "undo", "redo", "retry", "fork", "pop to here", "other"}
        app.prompt.focus()
        await pilot.press("h")
        await until(pilot, lambda: "looking on" in app.status.render_line(0).text)
        assert app.prompt.text == ""
        await pilot.press("slash")
        await until(pilot, lambda: offered_by(app) >= {"/recall", "/sources", "/browse", "message: copy", "zoom"})
        assert not offered_by(app) & {"/pop", "/save", "/attach", "/persona", "queue", "allow", "message: retry"}
        await pilot.press(*"recall")
        await pilot.pause(0.5)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press(*"bees", "enter")
        await until(pilot, lambda: any(entry.kind == "note" for entry in app.bridge.view.chat))


async def test_going_to_an_agent_with_which_nothing_was_said(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app, other = app_of(pilot), f"{agent_name}b"
        await write(pilot, "Hello")
        await says(pilot, "You said: Hello")
        given = {"name": other, "model": "openai/scripted", "model_endpoint": model.url}
        await app.connection.ask("create_agent", **given)
        await write(pilot, f"/agents {other}")
        await until(pilot, lambda: app.room.agent == other and app.bridge.view.context)
        await pilot.pause(0.3)
        assert app.bridge.view.chat == []
