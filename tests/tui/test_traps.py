"""What brings terminal apps down or makes them slow, and must not come in: found in the source, or seen as it runs."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest
import textual
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.strip import Strip

from memgpt import keyboard
from memgpt.home import Home
from tests.support import screens
from tui import theme
from tui.app import MemGPTApp
from tui.screens.browser import Browser
from tui.screens.dialogs import Body, Rows
from tui.screens.inspector import Inspector
from tui.screens.roster import Roster
from tui.view import Entry
from tui.widgets.context_map import ContextMap
from tui.widgets.entries import Drawn
from tui.widgets.markdown import closed_upto
from tui.widgets.marked_list import MarkedList
from tui.widgets.memory_pane import BlockEditor, Blocks
from tui.widgets.messages import Messages
from tui.widgets.painting import Painter
from tui.widgets.prompt import Prompt
from tui.widgets.reader import Reader
from tui.widgets.transcript import Transcript
from tui.widgets.walked import Monologue, Walked

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "tui").rglob("*.py"))

# --- in the source --------------------------------------------------------------------------------------------

BARRED = {
    "LoadingIndicator": "it repaints a pane all the time",
    "call_from_thread": "each call waits for the screen",
    "from_markup": "words of others would be markup",
    "get_stream": "it draws the whole of a growing text again and again",
    "open_links": "a click would open a browser on the machine that the program runs on",
    "webbrowser": "likewise",
    "mutate_reactive": "widgets hold no state of their own",
}


def faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What must not stand in a module of the screen, with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in BARRED:
            yield line, f"{name}: {BARRED[name]}"
        match node:
            case ast.Call():
                yield from ((line, fault) for fault in _of_call(node))
            case ast.Assign(targets=[ast.Attribute(attr="border_title" | "border_subtitle")], value=value):
                if not isinstance(value, ast.Constant | ast.Call | ast.BinOp):
                    yield line, "a title of other words than ours is markup unless it is Content"
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("compute_"):
                yield line, "it is worked out at every change of anything"
            case ast.ImportFrom(module="textual.widgets") if any(each.name == "Markdown" for each in node.names):
                yield line, "a widget for each block: thousands of them in a long conversation"
            case ast.AsyncFunctionDef() if _is_handler(node) and _waits_for_a_screen(node):
                yield line, "a handler that waits for a dialog keeps every other message waiting"


def _of_call(node: ast.Call) -> Iterator[str]:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = {each.arg: each.value for each in node.keywords}
    if called == "notify" and node.args:
        yield "a toast takes its words for markup"
    if called in ("Static", "Label") and "markup" not in given:
        yield "its words are markup without markup=False"
    if called == "Option" and not isinstance(node.args[0], ast.Call):
        yield "a row of words is markup unless it is Content"
    for name in ("recompose", "thread"):
        if isinstance(value := given.get(name), ast.Constant) and value.value is True:
            yield f"{name}=True"


def _is_handler(node: ast.AsyncFunctionDef) -> bool:
    decorated = any(isinstance(each, ast.Call) and getattr(each.func, "id", "") == "on" for each in node.decorator_list)
    return decorated or node.name.startswith(("on_", "_on_", "action_", "watch_"))


def _waits_for_a_screen(node: ast.AsyncFunctionDef) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr == "push_screen_wait" for each in ast.walk(node))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_of_that_stands_in_the_source(path: Path) -> None:
    assert not [*faults(ast.parse(path.read_text(encoding="utf-8")))]


@pytest.mark.parametrize(
    "line",
    [
        "app.notify(text)", "Static(text)", "Option(f'{text}')", "pane.border_title = f'[{text}]'", "box.border_subtitle = name",
        "LoadingIndicator()", "self.app.call_from_thread(draw)", "Content.from_markup(text)", "self.refresh(recompose=True)",
        "self.run_worker(work, thread=True)", "from textual.widgets import Markdown", "def compute_tokens(self): ...",
        "async def on_key(self): await self.app.push_screen_wait(Ask())", "@on(X)\nasync def _x(self): await self.push_screen_wait(y)",
    ],
)  # fmt: skip
def test_each_is_found(line: str) -> None:
    assert [*faults(ast.parse(line))]


def test_what_is_drawn_is_one_cell_wide() -> None:
    """No pictures among our own characters: terminals do not agree on how wide they are."""
    places = [*SOURCES, *(ROOT / "memgpt").rglob("*.py"), *(ROOT / "themes").glob("*.toml")]
    strange = {
        f"{path.name}: {character!r}"
        for path in places
        for character in set(path.read_text(encoding="utf-8"))
        if ord(character) > 0x7F
        and (cell_len(character) != 1 or character in "\ufe0f\u200d" or ord(character) > 0xFFFF)
    }
    assert not strange


def test_textual_is_pinned_to_what_is_tested() -> None:
    wanted = f"textual=={textual.__version__}"
    assert wanted in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert wanted in (ROOT / "constraints.txt").read_text().split()


@pytest.mark.parametrize("slow", [False, True])
def test_textual_is_imported_when_its_settings_are_made(slow: bool) -> None:
    code = (
        "import sys, tui.cli.main, tui.cli.run, tui.terminal\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'textual']\n"
        f"tui.terminal.prepare({slow})\n"
        "import tui.app, textual.constants as c\n"
        "print(c.MAX_FPS, c.TEXTUAL_ANIMATIONS, c.SMOOTH_SCROLL)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == f"{15 if slow else 120} none False\n", done.stderr


# --- keys -----------------------------------------------------------------------------------------------------

WHO: dict[str, list[type[Any]]] = {
    "app": [MemGPTApp], "prompt": [Prompt], "chat": [Messages], "walked": [Walked], "block": [Blocks],
    "block_editor": [BlockEditor], "monologue": [Monologue], "map": [ContextMap], "reader": [Transcript, Body, Reader],
    "list": [Rows, MarkedList], "roster": [Roster], "browser": [Browser], "inspector": [Inspector],
}  # fmt: skip


@pytest.mark.parametrize("action", keyboard.ACTIONS, ids=lambda action: f"{action.where}-{action.name}")
def test_whoever_has_a_key_can_do_it(action: keyboard.Action) -> None:
    """Textual passes over a binding whose method is not there."""
    method = action.runs.partition("(")[0]
    assert all(callable(getattr(who, f"action_{method}", None)) for who in WHO[action.where])
    assert all(any(action.name == getattr(each, "id", "") for each in who.BINDINGS) for who in WHO[action.where])


# --- as it runs -----------------------------------------------------------------------------------------------

BLOCKS = (
    "# A head", "Some *prose* of `words` that is long enough to be wrapped at forty columns or so, and on.", "- one\n- two\n  - three",
    "```py\ndef f():\n\n    return 1\n```", "| a | b |\n| --- | --- |\n| 1 | 2 |", "> said\n> so", "1. x\n2. y", "~~~\nopen [b]\n\n\nx", "***",
    "    indented", "[ref]: http://x/",
)  # fmt: skip
answers = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=7).map("\n\n".join)


class Counting(Painter):
    """A painter that knows how much it was given."""

    rendered = drawn = 0

    def markdown(self, text: str) -> list[Strip]:
        self.rendered += len(text)
        return super().markdown(text)

    def plain(self, text: str, *more: object, **named: object) -> list[Strip]:
        self.drawn += len(text)
        return super().plain(text, *more, **named)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> theme.Look:
    return theme.load(Home(tmp_path_factory.mktemp("home")), "dark")


@given(answers, st.lists(st.integers(1, 30), min_size=1, max_size=6))
@example("```py\n" + "value = 'a line of code'  # and why\n" * 300, [7])
@example("| a | b |\n| --- | --- |\n" + "| some words | and more |\n" * 300, [7])
@example("- a point with some words\n" * 300, [7])
def test_a_growing_answer_is_drawn_once(look: theme.Look, text: str, sizes: list[int]) -> None:
    """Whatever it holds: each closed block is rendered once, of the open one the last line alone is drawn again, and what
    stands above the open block stays as it is."""
    entry, painter = Entry("assistant", "", who="sam", open=True), Counting(look, 40)
    drawn, place, pieces, longest = Drawn(painter), 0, 0, max(map(len, text.split("\n")))
    for size in cycle(sizes):
        if place >= len(text):
            break
        place, pieces = place + size, pieces + 1
        entry.change(text=text[:place])
        above = 1 + len(drawn._blocks) if drawn.strips else 0
        assert drawn.update(entry) >= above
    rest = text[drawn._closed :]
    assert painter.rendered <= len(text) and not ("\n\n" in rest and closed_upto(rest)), "what is closed is Markdown"
    assert painter.drawn <= 2 * len(text) + pieces * (longest + max(sizes))
    said = [word for word in text.split() if word.isalpha()]
    shown = " ".join(strip.text for strip in drawn.strips)
    assert not [word for word in said if word not in shown]


async def test_draws_do_not_follow_tokens(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.calm(app)
        app.bridge.apply(screens.activity("answering"))
        await pilot.pause(0.3)
        take, taken = app.bridge.take, []

        def counted() -> set[str]:
            taken.append(time.monotonic())
            return take()

        app.bridge.take = counted  # type: ignore[method-assign]
        for number in range(300):
            app.bridge.apply(screens.event(19, "delta", of="assistant_message", text=f"word{number} "))
            await pilot.pause(0)
        await pilot.pause(0.3)
        assert "word299" in app.chat.entries[-1].text and taken
        assert all(later - earlier > 0.05 for earlier, later in pairwise(taken[:-1])), "at most ten times a second"


async def test_a_long_conversation_has_no_more_widgets(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 150)) as pilot:
        screens.calm(app)
        await pilot.pause(0.2)
        before = len(app.query("*"))
        told = [
            screens.event(2 * n + k, kind, text=f"**message** {n}")
            for n in range(1000)
            for k, kind in enumerate(("user_message", "assistant_message"))
        ]
        app.bridge.show(screens.snapshot(events=told, step=2000))
        await pilot.pause(0.3)
        for _ in range(8):
            await pilot.press("pageup")
        assert len(app.chat.entries) == 2000 and app.chat.read_place[0] < 1700
        assert len(app.query("*")) == before
        assert len(app.chat._drawn) <= 200, "what is far from view is not kept"
