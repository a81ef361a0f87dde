"""Themes that can be read by everybody, a clipboard that tells the truth, notices of what took long, progress."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest
from textual.color import Color

from memgpt.home import Home, shipped, texts
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.support.terminal import Terminal
from tests.tui.test_app import app_of, chat, opened, says, until, write
from tui import clipboard, notices, theme
from tui.actions.jobs import Work, shown_seconds

THEMES = sorted(path.stem for path in shipped("themes").glob("*.toml"))
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.1, level AA: text, and what is told by shapes
WORDS = ("foreground", "muted", "accent", "warning", "error", "success")


def drawn_pairs(look: theme.Look) -> list[tuple[str, str, str, float]]:
    """What is drawn on what: a name, both colours, and the contrast that it needs."""
    colors = look.colors
    grounds = {name: colors[name] for name in ("background", "surface", "panel")}
    pairs = [
        (f"{word} on {ground}", colors[word], place, TEXT)
        for (ground, place), word in itertools.product(grounds.items(), WORDS)
    ]
    pairs += [("a jump letter", colors["background"], colors["accent"], TEXT)]
    pairs += [(f"map: {name}", color, colors["background"], GRAPHIC) for name, color in look.sections.items()]
    return pairs


@pytest.mark.parametrize("name", THEMES)
def test_every_pair_that_is_drawn_can_be_read(name: str, tmp_path: Path) -> None:
    look = theme.load(Home(tmp_path), name)
    if look.ansi:  # the terminal's own colours: only that nothing is drawn on itself
        assert all(color == theme.NO_COLOR or color != look.colors["background"] for color in look.colors.values())
        assert look.colors["background"] == theme.NO_COLOR
        return
    least = 7.0 if name == "high-contrast" else None
    for what, front, ground, needed in drawn_pairs(look):
        ratio = _ratio(front, ground)
        wanted = least if least and needed == TEXT else needed
        assert ratio >= wanted, f"{name}: {what} is {ratio:.2f} : 1, not {wanted}"


def _ratio(front: str, ground: str) -> float:
    def luminance(color: str) -> float:
        parts = [value / 255 for value in Color.parse(color).rgb]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(front), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_shipped_themes() -> None:
    assert {"dark", "light", "high-contrast", "ansi16", "no-colour"} <= set(THEMES)
    assert theme.wanted("dark", {"NO_COLOR": "1"}) == "no-colour"
    assert theme.wanted("light", {"NO_COLOR": "1"}) == "light" and theme.wanted("dark", {"NO_COLOR": ""}) == "dark"


def test_without_colour_nothing_of_ours_is_coloured(home: Home, agent_name: str, model: ModelServer) -> None:
    program = Program(home)
    program.good("configure", "--set", "theme=dark")  # the default, which other tests of this home have changed
    given = ("run", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    model.script(scripted.say("**Bold** and `code`"))
    shown = Terminal(program.command(*given), {**program.environment(), "NO_COLOR": "1"})
    try:
        shown.shows("idle")
        shown.type("Hello\r")
        shown.shows("Bold and code")
        coloured = [cell for row in shown.screen.buffer.values() for cell in row.values() if cell.fg != "default"]
        assert not coloured
        shown.type("\x11")
        assert shown.ended() == 0
    finally:
        shown.close()


async def test_a_theme_is_drawn_with_as_soon_as_its_file_changes(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    mine = app.home.path / "themes" / "mine.toml"
    mine.parent.mkdir()
    source = (shipped("themes") / "dark.toml").read_text()
    mine.write_text(source)
    app = screens.still(tmp_path, "mine")
    async with app.run_test(size=(100, 30)) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)
        before = app.theme_variables["accent"]
        mine.write_text(source.replace('accent = "#6cb6d9"', 'accent = "#ff8800"'))
        await until(pilot, lambda: app.look.colors["accent"] == "#ff8800")
        assert app.theme_variables["accent"] != before, "the style sheet has it too"
        mine.write_text("colors = 3")
        await until(pilot, lambda: any("cannot be used" in entry.text for entry in app.bridge.view.chat))
        assert app.look.colors["accent"] == "#ff8800", "it stays as it was"
        await pilot.pause(1.2)
        assert sum("cannot be used" in entry.text for entry in app.bridge.view.chat) == 1
    assert set(texts(app.home, "themes")) > {"mine"}


# --- the clipboard --------------------------------------------------------------------------------------------


def _program(folder: Path, name: str, body: str) -> dict[str, str]:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_copying_says_where_the_text_went(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    written: list[str] = []
    home.create()
    alone = {"PATH": "/nowhere"}
    said = clipboard.copy("héllo", home, written.append, alone)
    assert base64.b64decode(written[0].removeprefix("\x1b]52;c;").removesuffix("\a")).decode() == "héllo"
    assert "does not say whether" in said and str(home.path / "copied.txt") in said
    assert (home.path / "copied.txt").read_text() == "héllo"
    assert (home.path / "copied.txt").stat().st_mode & 0o077 == 0

    written.clear()
    assert "No clipboard" in clipboard.copy("x" * 100_000, home, written.append, alone) and not written

    tmux = {**_program(tmp_path, "tmux", f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/buffer'), "TMUX": "/x"}
    said = clipboard.copy("to tmux", home, written.append, tmux)
    assert "tmux's buffer" in said and (tmp_path / "buffer").read_text() == "to tmux" and not written
    assert (tmp_path / "arguments").read_text() == "load-buffer -w -\n"

    desktop = {**_program(tmp_path, "xclip", f"cat > {tmp_path}/clip"), "DISPLAY": ":0"}
    assert clipboard.copy("to x", home, written.append, desktop) == "Copied 4 characters to the clipboard (xclip)."
    assert (tmp_path / "clip").read_text() == "to x"
    assert "(xclip)" not in clipboard.copy("far", home, written.append, {**desktop, "SSH_TTY": "/dev/pts/1"})

    broken = {**_program(tmp_path, "xclip", "exit 1"), "DISPLAY": ":0"}
    assert "does not say whether" in clipboard.copy("z", home, written.append, broken)


# --- notices --------------------------------------------------------------------------------------------------


def test_the_end_of_a_long_turn_is_announced() -> None:
    wanted: dict[str, Any] = {"notify.after": 20.0, "notify.bell": True, "notify.desktop": True}
    assert notices.ended("ada", 5, "done", wanted, {}) == ""
    assert notices.ended("ada", 25, "cancelled", wanted, {}) == "", "whoever stopped it is here"
    assert notices.ended("ada", 25, "done", wanted, {}) == "\a\x1b]9;ada has answered after 25 s\a"
    assert "777;notify;MemGPT;ada failed" in notices.ended("ada", 25, "error", wanted, {"TERM": "foot"})
    assert notices.ended("ada", 25, "done", wanted, {"TMUX": "x"}).startswith("\a\x1bPtmux;\x1b\x1b]9;")
    assert (
        notices.ended("a\x1b]0;x\ab", 25, "done", {**wanted, "notify.bell": False}, {})
        == "\x1b]9;ab has answered after 25 s\a"
    )
    assert notices.ended("ada", 25, "done", {"notify.after": 0}, {}) == ""


def test_bell_and_title_reach_the_terminal(fresh_home: Home, model: ModelServer) -> None:
    fresh_home.config.write_text("[notify]\nafter = 0\ndesktop = true\n")
    program = Program(fresh_home)
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    shown = Terminal(program.command(*given), program.environment())
    try:
        shown.shows("idle")
        shown.type("Hello\r")
        shown.shows("You said: Hello")
        shown.until(lambda: b"\x1b]9;ada has answered" in shown.bytes)
        assert b"\x1b]2;ada - MemGPT\x07" in shown.bytes
        shown.type("\x11")
        assert shown.ended() == 0
    finally:
        shown.close()


def test_the_mouse_can_be_left_to_the_terminal(fresh_home: Home, model: ModelServer) -> None:
    given = ("run", "--agent", "ada", "--model", "openai/scripted", "--model-endpoint", model.url, "--first")
    for setting, arguments, taken in (("", (), True), ("", ("--no-mouse",), False), ("mouse = false\n", (), False)):
        fresh_home.config.write_text(setting)
        program = Program(fresh_home)
        shown = Terminal(program.command(*given, *arguments), program.environment())
        try:
            shown.shows("idle")
            assert (b"\x1b[?1000h" in shown.bytes) is taken
            shown.type("\x11")
            assert shown.ended() == 0
        finally:
            shown.close()


# --- progress -------------------------------------------------------------------------------------------------


def test_how_far_how_fast_how_long() -> None:
    async def nothing() -> None: ...

    work = Work("loading 'notes'", nothing)
    assert work.lines(0)[0] == "loading 'notes' …"
    work.told("reading", 10, 100)
    work.told("reading", 40, 100)
    assert work.lines(work.began + 10)[0] == "loading 'notes': reading 40 / 100 · 3.0/s · 20 s left"
    work.told("embedding", 50, 500)
    assert "left" not in work.lines(work.began + 10)[0], "a rate is that of its phase"
    assert [shown_seconds(s) for s in (5, 300, 7500)] == ["5 s", "5 min", "2 h 5 min"]


async def test_a_wait_counts_down(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        waits = {"attempt": 1, "of": 5, "wait_s": 30.0, "reason": "It is busy."}
        for event in (screens.activity("thinking"), screens.event(17, "retry", **waits)):
            app.bridge.apply(event)
        await until(pilot, lambda: "try 1 of 5 in 30 s · It is busy." in app.status.render_line(0).text)
        app.status.clock = lambda: 1012.0
        assert "try 1 of 5 in 18 s" in app.status.render_line(0).text


async def test_a_load_is_seen_and_cancelled_from_the_screen(
    home: Home, agent_name: str, model: ModelServer, tmp_path: Path
) -> None:
    folder = tmp_path / f"many-{agent_name}"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number}.md").write_text(f"# Note {number}\n\n" + f"Sentence {number} about bees. " * 120)
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        await write(pilot, f"/load {folder}")
        await until(pilot, lambda: "Alt+C cancels" in app.status.render_line(0).text)
        assert "loading" in app.status.render_line(0).text
        await pilot.press("alt+c")
        await says(pilot, "Stopped loading", "goes on from there")
        await until(pilot, lambda: "Alt+C cancels" not in app.status.render_line(0).text)
        await pilot.press("alt+c")
        assert "nothing long" in app.status.render_line(0).text
        assert "is loaded and attached" not in chat(pilot)
