"""What the panes show of paging: what moves on the map and then rests, cells, folds, blocks edited in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt import events as e
from memgpt.erasable import Wording
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.tui.test_app import app_of, opened, pane, says, until, write
from tests.tui.test_snapshots import rows
from tui.context.mapping import EVICTION, GLYPHS, sparkline, squares
from tui.context.motion import frames
from tui.prompting import block_drafts
from tui.widgets.context_map import ContextMap
from tui.widgets.memory_pane import MemoryPane
from tui.widgets.walked import Monologue

CELLS = 82


def ledger(messages: list[tuple[int, int, int]], summary: int, warn: int = 5000, gone: int = 0) -> e.ContextChanged:
    """Main context with those messages: step, tokens, recalled among them."""
    recalled = sum(message[2] for message in messages)
    sections = {"instructions": 400, "functions": 600, "core_memory.human": 200, "summary": summary,
                "messages": sum(message[1] for message in messages) - recalled, "recalled": recalled}  # fmt: skip
    return e.ContextChanged(
        step=1, at=0, total=sum(sections.values()), window=8192, warn=warn, flush=7168, source="own", gone=gone,
        sections=[{"name": name, "tokens": tokens} for name, tokens in sections.items()],
        cells=[{"section": "messages", "tokens": tokens, "step": step, "role": "user", "recalled": recalled}
               for step, tokens, recalled in messages],
    )  # fmt: skip


contexts = st.builds(
    lambda first, sizes, summary: ledger(
        [(first + n, tokens, min(recalled, tokens)) for n, (tokens, recalled) in enumerate(sizes)], summary
    ),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(20, 900), st.sampled_from([0, 0, 0, 100])), max_size=9),
    st.sampled_from([0, 300]),
)


@given(contexts, contexts, st.booleans())
def test_what_moves_comes_to_rest_on_the_present(before: Any, after: Any, rewritten: bool) -> None:
    """Every frame is a whole map; the last is the present; a second and a half at most; cells only go or only come."""
    old, new = squares(before, CELLS), squares(after, CELLS)
    shown = frames(old, new, after, rewritten)
    assert shown[-1].squares == new and shown[-1].seconds == 0
    assert all(len(frame.squares) == CELLS for frame in shown)
    assert sum(frame.seconds for frame in shown) <= 1.5
    hollow = [sum(square.kind == "leaving" for square in frame.squares) for frame in shown]
    assert hollow == sorted(hollow, reverse=True) and hollow[-1] == 0


def test_a_map_that_stays_does_not_move() -> None:
    same = squares(ledger([(4, 500, 0), (5, 300, 100)], 300), CELLS)
    assert [frame.squares for frame in frames(same, same, ledger([], 0), False)] == [same]


def test_lines_are_seen_where_the_window_is_full_and_shades_stay() -> None:
    full = squares(ledger([(4, 3000, 0), (5, 3500, 0)], 300, warn=4000), CELLS)
    assert [(square.mark, bool(square.piece)) for square in full if square.mark] == [("warn", True), ("flush", True)]
    later = squares(ledger([(5, 3500, 0)], 300, gone=1), CELLS)
    shade = {square.kind for square in full if square.piece and square.piece.step == 5}
    assert {square.kind for square in later if square.piece and square.piece.step == 5} == shade


def test_the_cached_part_comes_first() -> None:
    cells = squares(ledger([(4, 900, 0)], 0), CELLS, cached=1000)
    cached = [square.cached for square in cells]
    assert cached[:10] == [True] * 10 and not any(cached[11:]) and sum(cached) == 10


def test_the_course_shows_evictions() -> None:
    assert sparkline([4096, 8192, -3, 2048], 10, 8192) == f"▅█{EVICTION}▃"
    assert sparkline([1, 2, 3], 0) == ""


async def test_an_eviction_is_seen_and_then_rests(tmp_path: Path) -> None:
    app = screens.still(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.pressure(app)
        await pilot.pause(2)
        shown = app.query_one(ContextMap)
        app.bridge.apply(screens.event(20, "evicted", messages=6, tokens=3120, summary="Chess."))
        app.bridge.apply(screens.context(26, 900, summary=210))
        await pilot.pause(0.2)
        assert shown.moving and GLYPHS["leaving"] in shown.render_line(0).text + shown.render_line(2).text
        await pilot.pause(2)
        assert app.query_one(ContextMap).moving is False
        assert GLYPHS["leaving"] not in shown.render_line(0).text + shown.render_line(2).text
        assert EVICTION in shown.render_line(8).text and "24" not in shown.render_line(9).text


async def test_nothing_moves_on_a_slow_line(tmp_path: Path) -> None:
    app = screens.still(tmp_path, low_bandwidth=True)
    async with app.run_test(size=(120, 40)) as pilot:
        screens.pressure(app)
        await pilot.pause(0.3)
        screens.evicted(app)
        await pilot.pause(0.2)
        assert not app.query_one(ContextMap).moving


@pytest.mark.parametrize("failed", [False, True])
async def test_a_call_unfolds_with_all_of_it(home: Home, agent_name: str, model: ModelServer, failed: bool) -> None:
    name = "nowhere" if failed else "human"
    model.script(
        scripted.call("core_memory_append", heartbeat=True, thought="First thought.\nSecond thought.", name=name, content="Keeps bees."),
        scripted.say("Noted."),
    )  # fmt: skip
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "I keep bees.")
        await says(pilot, "Noted.")
        shown = app_of(pilot).query_one(Monologue)
        assert ("× core_memory_append" in pane(pilot, "monologue")) is failed
        assert "content: Keeps bees." not in pane(pilot, "monologue")
        call = next(place for place, entry in enumerate(shown.entries) if entry.kind == "call")
        shown.focus()
        await pilot.press("home", *["down"] * call)
        await pilot.press(*["enter"] * (2 if failed else 1))
        await pilot.pause(0.2)
        text = pane(pilot, "monologue")
        assert "name: " + name in text and "content: Keeps bees." in text
        assert ("no core memory block" in " ".join(text.split())) is failed
        await pilot.press("z")
        await pilot.pause(0.2)
        assert "Second thought." not in pane(pilot, "monologue") and "content: Keeps bees." not in pane(
            pilot, "monologue"
        )
        await pilot.press("z")
        await pilot.pause(0.2)
        assert "Second thought." in pane(pilot, "monologue")


async def test_a_block_is_edited_where_it_stands(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        shown = app.query_one(MemoryPane)
        old = app.bridge.view.blocks["human"].text
        shown.blocks.focus()
        await pilot.press("enter")
        await until(pilot, lambda: shown.label == "human" and app.focused is shown.editor)
        assert shown.editor.size.height > 3 and not shown.blocks.display
        await pilot.press("enter", *"Bees")
        await pilot.press("escape")
        await until(pilot, lambda: block_drafts.of(home, agent_name, "human") == f"{old}\nBees")
        assert app.bridge.view.blocks["human"].text == old and app.focused is shown.blocks
        await pilot.press("enter")
        assert shown.editor.text == f"{old}\nBees", "what was written is there again"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.bridge.view.blocks["human"].text == f"{old}\nBees")
        await until(pilot, lambda: not shown.label and block_drafts.of(home, agent_name, "human") is None)
        text = rows(shown.blocks)
        assert "+Bees" in text and "changed by you" in text
        await pilot.press("u")
        await until(pilot, lambda: "Undone: core memory human; r makes it again" in app.status.render_line(0).text)
        assert app.bridge.view.blocks["human"].text == old
        await pilot.press("r")
        await until(pilot, lambda: "Made again: core memory human; u takes it back" in app.status.render_line(0).text)
        await pilot.press("u")
        await until(pilot, lambda: app.bridge.view.blocks["human"].text == old)
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        changes = str(app.screen.query_one("#text").render())
        assert "taken back" in changes and "changed by you" in changes and "+ Bees" in changes and "- Bees" in changes


async def test_what_changed_meanwhile_is_not_overwritten_unseen(
    home: Home, agent_name: str, model: ModelServer
) -> None:
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        shown = app.query_one(MemoryPane)
        await write(pilot, "/human")
        await until(pilot, lambda: shown.label == "human")
        app.prompt.focus()
        await write(pilot, "/human Somebody else.")
        await until(pilot, lambda: app.bridge.view.blocks["human"].text == "Somebody else.")
        shown.editor.focus()
        await pilot.press(*"Mine", "ctrl+s")
        await until(pilot, lambda: "changed meanwhile" in app.status.render_line(0).text)
        assert app.bridge.view.blocks["human"].text == "Somebody else." and "Mine" in shown.editor.text
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.bridge.view.blocks["human"].text.endswith("Mine"))
        app.prompt.focus()
        await write(pilot, "/persona I am brief.")
        await until(pilot, lambda: app.bridge.view.blocks["persona"].text == "I am brief.")


def test_drafts_of_blocks_are_forgotten_too(tmp_path: Path) -> None:
    from tui.cli import front

    home = Home(tmp_path / "home")
    home.create()
    block_drafts.keep(home, "ada", "human", "The pin is 4711.")
    block_drafts.keep(home, "ada", "persona", "Kind.")
    front.erase(home, [Wording("4711")])
    assert block_drafts.of(home, "ada", "human") is None and block_drafts.of(home, "ada", "persona") == "Kind."
