"""The context inspector over a real engine: every call along a line, its blocks, what changed, and searching in them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from textual.screen import Screen
from textual.widgets import Static

from memgpt.home import Home
from memgpt.link import Link
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.tui.test_app import Pilots, opened, says, until, write
from tui.context.inspecting import Block, compared
from tui.screens.dialogs import Read
from tui.screens.inspector import BlockList, Inspector
from tui.widgets.key_line import KeyLine
from tui.widgets.pane import Pane
from tui.widgets.reader import Reader


def inspector(pilot: Pilots) -> Inspector:
    assert isinstance(pilot.app.screen, Inspector)
    return pilot.app.screen


def figure(pilot: Pilots) -> str:
    return str(inspector(pilot).query_one("#line-pane", Pane).border_title)


def key_line(pilot: Pilots) -> str:
    return str(inspector(pilot).query_one(KeyLine).render())


async def test_every_call_is_walked_with_its_blocks(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        model.script(
            scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees."),
            scripted.say("How many hives?"),
        )
        await write(pilot, "I keep bees.")
        await says(pilot, "How many hives?")
        await write(pilot, "Seven, near the orchard.")
        await says(pilot, "You said: Seven")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, Inspector) and inspector(pilot).shown)
        screen = inspector(pilot)
        assert len(screen.calls) == len(model.requests) == 3 and screen.place == 3 and "now" in figure(pilot)
        assert screen.shown is not None and sum(block.tokens for block in screen.shown.blocks) == screen.shown.total
        await pilot.press("left")
        await until(pilot, lambda: "step" in figure(pilot))
        assert screen.shown.total == screen.calls[2].total and screen.shown.source == "provider"
        added = [block for block in screen.blocks if block.mark == "+"]
        assert any("Seven, near the orchard." in block.text for block in added)
        await pilot.press("left")
        await until(pilot, lambda: screen.place == 1 and screen.shown and screen.shown.step <= screen.calls[1].step)
        (human,) = [block for block in screen.blocks if block.section == "core_memory.human"]
        assert human.mark == "~" and "Keeps bees." in human.text and "Keeps bees." not in human.before
        await pilot.press("slash", *"bees", "enter")
        await until(pilot, lambda: screen.sought.places)
        assert all("bees" in screen.blocks[place].words for place in screen.sought.places)
        before = screen.query_one("#blocks").highlighted  # type: ignore[attr-defined]
        await pilot.press("n")
        assert screen.query_one("#blocks").highlighted in screen.sought.places  # type: ignore[attr-defined]
        assert len(screen.sought.places) == 1 or screen.query_one("#blocks").highlighted != before  # type: ignore[attr-defined]
        await pilot.press("home")
        await until(pilot, lambda: screen.place == 0)
        await pilot.press("enter")
        assert isinstance(pilot.app.focused, Reader)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


async def test_what_is_erased_elsewhere_is_shown_no_longer(home: Home, agent_name: str, model: ModelServer) -> None:
    """Neither in the blocks of the call nor where one is read over them; the call stays marked."""

    def words(screen: Screen[Any]) -> str:
        return str(screen.query_one("#text", Static).render())

    async with opened(home, agent_name, model, size=(56, 30)) as pilot:
        for text in ("The banana is ripe.", "And now?"):
            await write(pilot, text)
            await says(pilot, f"You said: {text}")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, Inspector) and inspector(pilot).shown)
        screen = inspector(pilot)
        await pilot.press("left")
        await until(pilot, lambda: screen.shown and screen.place == len(screen.calls) - 1)
        listed = screen.query_one(BlockList)
        listed.highlighted = next(n for n, block in enumerate(screen.blocks) if "banana" in block.text)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Read) and "banana" in words(pilot.app.screen))
        link = await Link.open(home)
        await link.ask("forget", agent=agent_name, text="banana", confirmed=True)
        await link.close()
        await until(pilot, lambda: "banana" not in words(pilot.app.screen))
        await pilot.press("escape")
        await until(pilot, lambda: screen.blocks and not any("banana" in block.words for block in screen.blocks))
        assert screen.place == len(screen.calls) - 1 and "step" in figure(pilot)


async def test_it_opens_at_a_step(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        for text in ("One.", "Two."):
            await write(pilot, text)
            await says(pilot, f"You said: {text}")
        await write(pilot, "/context 4")
        await until(pilot, lambda: isinstance(pilot.app.screen, Inspector) and inspector(pilot).shown)
        assert "step" in figure(pilot) and inspector(pilot).place == 0
        left = inspector(pilot).calls[1].step
        await pilot.press("escape")
        await write(pilot, "/pop 3")
        await says(pilot, "Took back 3 messages.")
        await write(pilot, f"/context {left + 1}")
        await until(pilot, lambda: isinstance(pilot.app.screen, Inspector) and inspector(pilot).shown)
        assert f"step {left}" in figure(pilot) and f"led to step {left + 1}" in key_line(pilot)
        assert any("Two." in block.text for block in inspector(pilot).blocks), "a call that was left"
        await pilot.press("escape")
        await write(pilot, "/context 9999")
        await until(pilot, lambda: isinstance(pilot.app.screen, Inspector) and inspector(pilot).shown)
        assert "now" in figure(pilot) and "There is no step 9999." in key_line(pilot)
        await pilot.press("escape")
        await write(pilot, "/context four")
        await says(pilot, "'four' is not a step.")


blocks = st.lists(
    st.builds(
        Block,
        section=st.sampled_from(["instructions", "summary", "messages"]), role=st.just("user"), step=st.integers(0, 6),
        tokens=st.integers(1, 9), recalled=st.just(0), text=st.sampled_from(["a", "b"]),
    ),
    max_size=8,
)  # fmt: skip


@given(blocks, blocks)
def test_a_difference_holds_both_sides(now: list[Block], before: list[Block]) -> None:
    """Everything that is there now is shown in its order, and nothing that was there before is lost."""
    found = compared(now, before)
    assert [block.text for block in found if block.mark != "-"] == [block.text for block in now]
    kept = [block for block in found if block.mark in " ~"]
    assert len(kept) + sum(block.mark == "-" for block in found) == len(before)
    assert all(not block.text and block.before for block in found if block.mark == "-")
