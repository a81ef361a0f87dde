"""The prompt: nothing typed is lost, big pastes are folded, what may follow is offered, files go along."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from textual.drivers.headless_driver import HeadlessDriver
from textual.events import Key, Paste

from memgpt.erasable import Wording
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.pictures import shown as on_screen
from tests.support.program import Program
from tests.support.terminal import Terminal
from tests.tui.test_app import app_of, chat, opened, says, until, write
from tui.cli import front, writing
from tui.palette import matching
from tui.prompting.completion import choices
from tui.prompting.mentions import with_files
from tui.screens.inspector import Inspector

ENTER, CTRL_C, CTRL_Q, F4 = "\r", "\x03", "\x11", "\x1bOS"


async def test_a_big_paste_is_folded_and_sent_in_full(home: Home, agent_name: str, model: ModelServer) -> None:
    big = "\n".join(f"line {n}" for n in range(40))
    async with opened(home, agent_name, model) as pilot:
        prompt = app_of(pilot).prompt
        prompt.insert("Look: ")
        prompt.post_message(Paste(big))
        await until(pilot, lambda: prompt.text == "Look: [paste 1: 40 lines]")
        await pilot.press("backspace")
        assert prompt.text == "Look: ", "a token goes as a whole"
        prompt.undo()
        await pilot.press("enter")
        await until(pilot, lambda: model.requests and scripted.last_user_text(model.requests[-1]) == f"Look: {big}")
        await pilot.press("up")
        assert prompt.text == f"Look: {big}", "the history has it in full"


async def test_the_history_is_searched_by_any_of_its_words(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    app.history += ["the bishop went to e5", "what about the launch?", "a line\nand another"]
    async with app.run_test(size=(100, 30)) as pilot:
        app.prompt.insert("half a thought")
        await pilot.press("ctrl+r")
        await pilot.pause(0.2)
        await pilot.press(*"e5 bishop")
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.prompt.text == "the bishop went to e5"
        await pilot.press("up")
        assert app.prompt.text == "half a thought", "what was being written is in the history"
        await pilot.press("ctrl+r", "escape")
        await pilot.pause(0.2)
        assert app.prompt.text == "half a thought"
        known = [*dict.fromkeys(reversed(app.prompt.past))]
        for pressed, found in ((("ctrl+r", "ctrl+r"), known[2]), (("w", "t", "l", "n"), "what about the launch?")):
            app.prompt.fill("")
            await pilot.press("ctrl+r")
            await pilot.pause(0.2)
            await pilot.press(*pressed, "enter")
            await pilot.pause(0.2)
            assert app.prompt.text == found
        await pilot.press("ctrl+r")
        await pilot.pause(0.2)
        await pilot.press(*"qqq")
        await until(pilot, lambda: "nothing found" in on_screen(app))
        await pilot.press("down", "enter")
        await pilot.pause(0.2)
        assert app.prompt.text == found, "what is written stays"


@pytest.mark.parametrize(
    ("typed", "name"), [("/smrz", "summarize"), ("/hb", "heartbeat"), ("/MEM", "memory"), ("/x", None), ("/zmm", None)]
)
async def test_commands_are_found_by_letters_in_order(tmp_path: Path, typed: str, name: str | None) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press(*typed)
        await pilot.pause(0.2)
        assert (app.menu.marked.name if app.menu.marked else None) == name


@pytest.mark.parametrize("newline", ["ctrl+j", "alt+enter"])
async def test_keys_that_come_at_once_keep_their_order(tmp_path: Path, newline: str) -> None:
    """As over a slow line, which brings what was typed in one piece."""
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        for key in [*"one", newline, *"two", newline, *"three", "enter", *"next"]:
            app.post_message(Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.prompt.text == "next")
        assert app.prompt.past[-1] == "one\ntwo\nthree"


async def test_what_was_written_is_there_in_the_next_run(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.prompt.fill("/keys zoom")
        await pilot.press("enter")
        await until(pilot, lambda: front.history(app.home))
    again = screens.StillApp(app.home, app.options, app.settings, front.history(app.home))
    async with again.run_test(size=(100, 30)) as pilot:
        await pilot.press("up")
        assert again.prompt.text == "/keys zoom"


async def test_up_goes_on_past_a_command(tmp_path: Path) -> None:
    """Until it is edited, a command of the history opens no menu, which would have the arrows."""
    app = screens.still(tmp_path)
    app.history += ["/sources", "/cost"]
    async with app.run_test(size=(100, 30)) as pilot:
        for key, found in (("up", "/cost"), ("up", "/sources"), ("up", "earlier words"), ("down", "/sources")):
            await pilot.press(key)
            await pilot.pause(0.2)
            assert app.prompt.text == found and not app.menu.is_open
        await pilot.press("backspace")
        await pilot.pause(0.2)
        assert app.menu.is_open
        await pilot.press("down")
        assert app.prompt.text == "/source"


async def test_what_was_typed_right_before_leaving_is_kept(tmp_path: Path) -> None:
    """As over a slow line, or from a script, which bring the words and the key in one piece."""
    for folder, keys in (("q", [*"unsaved", "ctrl+q"]), ("c", ["ctrl+c", *"unsaved", "ctrl+c"])):
        app = screens.still(tmp_path / folder)
        async with app.run_test(size=(100, 30)):
            for key in keys:
                app.post_message(Key(key, key if len(key) == 1 else None))
            while app.is_running:
                await asyncio.sleep(0.02)
        assert writing.texts(app.home) == ["unsaved"], keys


async def test_an_editor_that_cannot_be_had_leaves_what_is_written(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.prompt.insert("half a thought")
        await pilot.press("f4")
        await until(pilot, lambda: "cannot be handed to an editor" in chat(pilot))
        assert app.prompt.text == "half a thought"


async def test_after_an_editor_that_fails_the_screen_and_what_is_written_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HeadlessDriver, "can_suspend", True)
    monkeypatch.delenv("VISUAL", raising=False)
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        away: list[bool] = []
        app.app_suspend_signal.subscribe(app.prompt, lambda _: away.append(True), immediate=True)
        app.app_resume_signal.subscribe(app.prompt, lambda _: away.remove(True), immediate=True)
        app.prompt.insert("half a thought")
        for editor, words in (
            ("/nonexistent/ed", "/nonexistent/ed cannot be started: No such file"),
            ("rm", "rm left nothing that can be read"),
            ("vim '", "vim ' is not a command: No closing quotation"),
        ):
            monkeypatch.setenv("EDITOR", editor)
            await pilot.press("f4")
            await until(pilot, lambda words=words: words in chat(pilot))  # type: ignore[misc]
            assert not away and app.prompt.text == "half a thought"


async def test_what_ctrl_c_clears_comes_back(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.prompt.insert("not so fast")
        await pilot.press("ctrl+c")
        assert app.prompt.text == ""
        await pilot.press("up")
        assert app.prompt.text == "not so fast"


async def test_arguments_and_files_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.md").write_text("kept")
    (tmp_path / ".hidden").write_text("")
    monkeypatch.chdir(tmp_path)
    app = screens.still(tmp_path / "x")
    (app.home.sources / "papers.duckdb").write_bytes(b"")
    async with app.run_test(size=(100, 30)) as pilot:
        screens.calm(app)

        def names(text: str) -> list[str]:
            return [choice.name for choice in choices(app, text, len(text))]

        assert names("/theme hi") == ["high-contrast"]
        assert names("/attach p") == ["papers"]
        assert "builtin" in names("/model ")
        assert names("/context ")[0] == "15" and "10" in names("/context ")
        assert names("/load no") == ["notes/", "notes.md"]
        assert names("see @no") == ["notes/", "notes.md"] and names("me@no") == []
        assert ".hidden" not in names("see @") and names("see @.h") == [".hidden"]
        assert "zoom" in names("/keys zo")
        app.prompt.insert("see @notes.")
        await pilot.pause(0.2)
        await pilot.press("tab")
        assert app.prompt.text == "see @notes.md "
        app.prompt.fill("/theme ligh")
        await pilot.pause(0.2)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.theme == "dark", "Enter sends what is written, not what is offered"
        app.prompt.fill("/theme ligh")
        await pilot.pause(0.2)
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.theme == "light")


async def test_a_command_is_chosen_with_the_arrows_and_a_slash_alone_is_none(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:

        async def chosen(*keys: str) -> str:
            app.prompt.fill("")
            await pilot.press(*keys[:-1])
            await pilot.pause(0.2)
            await pilot.press(keys[-1])
            return app.prompt.text

        assert [await chosen("/", "t", "tab"), await chosen("/", "t", "down", "tab")] == ["/theme ", "/tour "]
        assert [command.name for command in matching("/co")] == ["cost", "context", "copy"]
        await chosen("/", "c", "o", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Inspector))
        await pilot.press("escape")
        await chosen("/", "enter")
        await until(pilot, lambda: "Unknown command: /." in chat(pilot))  # and it has not left
    assert matching("/e")[0].name != "exit" != matching("/q")[0].name and matching("/quit")[0].name == "exit"


async def test_files_with_gaps_are_completed_in_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my dir").mkdir()
    (tmp_path / "my dir" / "note two.txt").write_text("Two.")
    (tmp_path / "note one.txt").write_text("One.")
    (tmp_path / 'no "way.txt').write_text("")
    monkeypatch.chdir(tmp_path)
    app = screens.still(tmp_path / "x")
    async with app.run_test(size=(100, 30)) as pilot:

        async def completed(begun: str, times: int = 1) -> str:
            app.prompt.fill(begun)
            for _ in range(times):
                await pilot.pause(0.2)
                await pilot.press("tab")
                assert app.focused is app.prompt
            return app.prompt.text

        assert await completed("see @no") == 'see @"note one.txt" '
        assert await completed('see @"note') == 'see @"note one.txt" '
        assert await completed("see @my") == 'see @"my dir/"'
        assert await completed("see @my", 2) == 'see @"my dir/note two.txt" '
        for text, body in (("@no", "One."), ("@my", "Two.")):
            assert body in with_files(await completed(text, 1 if text == "@no" else 2), 8192)[0]
        assert choices(app, 'see @"note one.txt" ', 20) == [] == choices(app, 'see @"note one.txt"', 19)
        rest = choices(app, 'a @"no" b', 6)
        assert [(each.text, each.cursor) for each in rest] == [('a @"note one.txt"  b', 18)]


async def test_a_file_goes_with_the_message(home: Home, agent_name: str, model: ModelServer, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("The bees are in hive 7.")
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\xff\xfe")
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, f"Read @{note}, please")
        await says(pilot, "goes with the message: 23 characters.", "You said: Read")
        sent = scripted.last_user_text(model.requests[-1])
        assert "[file note.txt]\nThe bees are in hive 7.\n[end of note.txt]" in sent
        await write(pilot, f"And @{picture}")
        await says(pilot, "is not text, and was not sent.")
        assert app_of(pilot).prompt.text == f"And @{picture}" and len(model.requests) >= 1


def test_files_of_a_message_are_cut_to_what_the_window_can_spare(tmp_path: Path) -> None:
    long, short = tmp_path / "long.txt", tmp_path / "short.txt"
    long.write_text("x" * 50_000)
    short.write_text("short")
    text, said = with_files(f"@{long} @{short} @nobody me@there.org", 8192)
    assert len(text) < 8192 * 3 * 0.25 + 500
    assert "of 50,000 characters go with the message" in said[0] and "[file long.txt, the first" in text
    assert with_files("@nobody here", 8192) == ("@nobody here", [])


def test_a_file_that_is_not_there_is_said() -> None:
    text, said = with_files("See @notes/nothere.md, @none.txt. and ask @ada", 8192)
    assert text == "See @notes/nothere.md, @none.txt. and ask @ada"
    assert said == [
        f"There is no file {name}; your message goes without it." for name in ("notes/nothere.md", "none.txt")
    ]
    for name in ("x" * 300, "~no-such-user/none.txt"):
        assert with_files(f"@{name}", 8192)[0] == f"@{name}"


async def test_what_waits_is_shown_and_taken_back_one_by_one(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(scripted.slow("word " * 300, 40))
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "Talk")
        await says(pilot, "word word")
        await write(pilot, "First waits")
        await write(pilot, "Second waits")
        await says(pilot, "queued: First waits", "queued: Second waits")
        app_of(pilot).prompt.insert("being written")
        await pilot.press("f9")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("j", "enter")
        await until(pilot, lambda: app_of(pilot).prompt.text == "Second waits\nbeing written")
        await until(pilot, lambda: "queued: Second waits" not in chat(pilot))
        assert "queued: First waits" in chat(pilot) and app_of(pilot).busy
        await pilot.press("escape")
        await until(pilot, lambda: not app_of(pilot).busy)
        assert app_of(pilot).prompt.text == "First waits\nSecond waits\nbeing written"


def test_a_draft_survives_a_killed_screen_and_is_offered_once(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    try:
        shown.shows("idle")
        shown.type("half a sentence\nand more")
        shown.shows("half a sentence", "and more")
        shown.until(lambda: any("half a sentence" in text for text in writing.texts(home)))
    finally:
        shown.close()  # kill -9
    again = Terminal(program.command(*given), program.environment())
    try:
        again.shows("half a sentence", "and more", "idle")
        other = Terminal(program.command(*given), program.environment())
        try:
            other.shows("idle")
            other.read(1)
            assert "half a sentence" not in other.text, "another terminal has a draft of its own"
        finally:
            other.close()
        again.type(ENTER)
        again.shows("You said: half a sentence")
        again.read(0.8)
        again.type(CTRL_Q)
        assert again.ended() == 0
    finally:
        again.close()
    assert not any("half a sentence" in text for text in writing.texts(home))


def test_each_agent_has_its_own_draft(fresh_home: Home) -> None:
    writing.keep(fresh_home, "ada", {"text": "to ada", "pastes": {}})
    writing.keep(fresh_home, "bob", {"text": "to bob", "pastes": {"[paste 1: 9 lines]": "secret"}})
    assert writing.left(fresh_home, "ada") == [], "its writer is alive"
    mine = fresh_home.path / f"writing.{os.getpid()}.json"
    gone = mine.rename(fresh_home.path / "writing.999999999.json")
    assert [draft["text"] for draft in writing.left(fresh_home, "ada")] == ["to ada"]
    assert "to bob" in gone.read_text() and "to ada" not in gone.read_text() and "to ada" in mine.read_text()
    writing.release(fresh_home)
    assert [draft["text"] for draft in writing.left(fresh_home, "ada")] == ["to ada"], "it was left on purpose"
    writing.erase(fresh_home, [Wording("secret")])
    assert writing.texts(fresh_home) == ["to ada"]


def test_a_draft_that_is_taken_up_does_not_replace_what_is_written_already(fresh_home: Home) -> None:
    """As where what the engine lost came into the prompt first."""
    writing.keep(fresh_home, "ada", {"text": "left behind", "pastes": {}})
    writing.release(fresh_home)
    writing.keep(fresh_home, "ada", {"text": "never came", "pastes": {}})
    assert [draft["text"] for draft in writing.left(fresh_home, "ada")] == ["left behind"]
    assert writing.texts(fresh_home) == ["left behind\nnever came"]


async def test_what_never_came_goes_to_the_draft_of_its_own_agent(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.prompt.insert("to sam")
        await app.writing.give_back("ada", ["never came"])
        await app.writing.give_back("sam", ["nor this"])
        await pilot.pause()
        assert app.prompt.text == "nor this\nto sam"
        assert writing.texts(app.home) == ["never came", "nor this\nto sam"], "kept before it is forgotten elsewhere"


async def test_a_draft_that_replaces_a_message_does_so_after_a_kill_too(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)
        app.chat.focus()
        app.chat.mark(next(entry for entry in app.bridge.view.chat if entry.step == 10))
        await pilot.press("e")
        await until(pilot, lambda: app.prompt.instead_of == 10)
        app.writing.keep_now()
        writing.release(app.home)
        app.prompt.fill("")
        app.writing.replaces(0)
        await app.writing.take_up("sam")
        assert app.prompt.text.startswith("I was!") and app.prompt.instead_of == 10
        assert "in place of the old one" in str(app.base.query_one("#chat-pane").border_subtitle)
        await app.writing.give_back("sam", ["never came"])
        assert app.prompt.text.startswith("never came\nI was!") and not app.prompt.instead_of, "it is more than that"
        assert "in place" not in app.status.render_line(0).text


async def test_a_draft_comes_back_where_an_edit_is_left(tmp_path: Path) -> None:
    """The one from before the first of several edits, with its pastes; one that was sent leaves none behind."""
    big = "\n".join(f"line {n}" for n in range(40))
    app = screens.still(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)

        async def edit(step: int) -> None:
            app.chat.focus()
            app.chat.mark(next(entry for entry in app.bridge.view.chat if entry.step == step))
            await pilot.press("e")
            await until(pilot, lambda: app.prompt.instead_of == step)

        first, second = [entry.step for entry in app.bridge.view.chat if entry.kind == "user"][-2:]
        app.prompt.insert("my unsent draft")
        app.prompt.post_message(Paste(big))
        await until(pilot, lambda: "paste 1" in app.prompt.text)
        draft = app.prompt.text
        for steps in ((first,), (first, second)):
            for step in steps:
                await edit(step)
            await pilot.press(*"??", "escape")
            assert app.prompt.text == draft and app.prompt.whole.endswith(big) and not app.prompt.instead_of
            await pilot.press("up")
            assert app.prompt.text.endswith("??"), "the words of the edit are in the history"
            await pilot.press("down")
        await edit(first)
        await pilot.press("ctrl+c")
        await edit(second)
        await pilot.press("escape")
        assert app.prompt.text == ""


def test_the_editor_writes_and_the_screen_comes_back(
    home: Home, agent_name: str, model: ModelServer, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\nsleep 0.3\ngrep -q fail "$1" && exit 3\nprintf "%s, as the editor has it" "$(cat "$1")" > "$1"\n'
    )
    editor.chmod(0o700)
    program = Program(home)
    given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), {**program.environment(), "EDITOR": str(editor), "VISUAL": ""})
    try:
        shown.shows("idle")
        shown.type("to fail")
        shown.shows("to fail")
        shown.type(F4)
        shown.shows("ended with status 3; nothing was changed.", "│ to fail", "idle")
        shown.type(CTRL_C)
        shown.until(lambda: "│ to fail" not in shown.text)
        shown.type("Begun here")
        shown.shows("Begun here")
        shown.type(F4)
        shown.shows("Begun here, as the editor has it", "idle")
        shown.type(ENTER)
        shown.shows("You said: Begun here, as the editor has it")
        shown.type(CTRL_Q)
        assert shown.ended() == 0
    finally:
        shown.close()
