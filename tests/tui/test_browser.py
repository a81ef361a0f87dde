"""The memory browser over a real engine: searched as one types, followed, and memory changed by it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.widgets import Input, TextArea

from memgpt.home import Home
from memgpt.link import Link
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.tui.test_ahead import burst
from tests.tui.test_app import Pilots, app_of, opened, says, until, write
from tui.cli import front
from tui.prompting import block_drafts
from tui.screens.browser import Browser
from tui.widgets.hits import HitList
from tui.widgets.reader import Reader


def browser(pilot: Pilots) -> Browser:
    assert isinstance(pilot.app.screen, Browser)
    return pilot.app.screen


def focused(pilot: Pilots) -> str | None:
    return pilot.app.focused.id if pilot.app.focused else None


def texts(pilot: Pilots) -> list[str]:
    return [hit.text for hit in browser(pilot).query_one(HitList).hits]


def keys_line(pilot: Pilots) -> str:
    return str(browser(pilot).query_one("#keys").render())


def reading(pilot: Pilots) -> str:
    return browser(pilot).query_one(Reader).text.plain


async def browse(pilot: Pilots, where: str = "") -> None:
    await write(pilot, f"/browse {where}".strip())
    await until(pilot, lambda: isinstance(pilot.app.screen, Browser) and len(pilot.app.screen.query(HitList)))


async def test_recall_is_searched_as_one_types_and_followed(home: Home, agent_name: str, model: ModelServer) -> None:
    async with opened(home, agent_name, model) as pilot:
        for text in ("The ferry leaves at nine.", "I bought a red bicycle.", "Monday is for the dentist."):
            await write(pilot, text)
            await says(pilot, f"You said: {text}")
        await browse(pilot)
        await until(
            pilot, lambda: texts(pilot)[:2] == ["You said: Monday is for the dentist.", "Monday is for the dentist."]
        )
        assert focused(pilot) == "search"
        await pilot.press(*"bicycle")
        await until(pilot, lambda: texts(pilot) and "red bicycle" in texts(pilot)[0])
        assert "words 1" in reading(pilot)
        for _ in range(40):  # it has a rank by meaning once it is embedded
            if "meaning 1" in reading(pilot) or "meaning 2" in reading(pilot):
                break
            await pilot.press("backspace")
            await pilot.pause(0.5)
            await pilot.press("e")
            await pilot.pause(0.5)
        assert "meaning 1" in reading(pilot) or "meaning 2" in reading(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "ferry leaves" in reading(pilot) and "dentist" in reading(pilot))
        assert "▌ you" in reading(pilot) or "▌ agent" in reading(pilot)
        await pilot.press("escape")
        assert focused(pilot) == "hits"
        await pilot.press("e")
        await until(pilot, lambda: "stands as it was said" in keys_line(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)


def tags(pilot: Pilots) -> list[tuple[str, ...]]:
    return [hit.tags for hit in browser(pilot).query_one(HitList).hits]


async def asked(pilot: Pilots, *keys: str) -> None:
    """Keys of the browser that open a dialog over it."""
    await pilot.press(*keys)
    await until(pilot, lambda: len(pilot.app.screen_stack) == 3)


async def test_passages_are_selected_tagged_edited_deleted_and_brought_back(
    home: Home, agent_name: str, model: ModelServer
) -> None:
    async with opened(home, agent_name, model) as pilot:
        for thing in ("ladder", "saw", "rope"):
            await write(pilot, f"/passage add The {thing} is in the shed.")
            await says(pilot, "Archival passage")
        await until(pilot, lambda: sum("Archival passage" in e.text for e in app_of(pilot).bridge.view.chat) == 3)
        await browse(pilot, "archival")
        await until(pilot, lambda: len(texts(pilot)) == 3)
        await asked(pilot, "down", "space", "space", "t")
        await pilot.press(*"shed", "enter")
        await until(pilot, lambda: tags(pilot) == [("shed",), ("shed",), ()])
        await pilot.press("g")
        assert "selected" not in keys_line(pilot)
        await asked(pilot, "a", "t")
        assert pilot.app.screen.query_one(Input).value == "", "no tag is on all of them"
        await pilot.press(*"tools", "enter")
        await until(pilot, lambda: tags(pilot) == [("shed", "tools"), ("shed", "tools"), ("tools",)])
        await asked(pilot, "a", "t")
        assert pilot.app.screen.query_one(Input).value == "tools"
        await pilot.press("ctrl+u", "enter")
        await until(pilot, lambda: tags(pilot) == [("shed",), ("shed",), ()])
        await asked(pilot, "e")
        await pilot.press("enter", *"Or", "escape")
        await until(pilot, lambda: "what you wrote is kept" in keys_line(pilot))
        assert not any("Or" in text for text in texts(pilot))
        await asked(pilot, "e")
        burst(app_of(pilot), "end", *" was.", "ctrl+s")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await until(pilot, lambda: any(text.endswith("shed.\nOr was.") for text in texts(pilot)))
        await pilot.press("u")
        await until(pilot, lambda: not any("Or was." in text for text in texts(pilot)))
        await asked(pilot, "e")
        await pilot.press("end", *" No.", "escape")
        await asked(pilot, "a", "d")
        assert "ladder" in str(pilot.app.screen.query_one("#text").render())
        await pilot.press("n")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        assert len(texts(pilot)) == 3, "nothing goes without a yes"
        await pilot.press("d")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 3)
        await pilot.press("y")
        await until(pilot, lambda: texts(pilot) == [])
        await pilot.press("u")
        await until(pilot, lambda: len(texts(pilot)) == 3)
        await pilot.press("u", "u", "u")
        await until(pilot, lambda: not any(tags(pilot)))
        key = browser(pilot).hits.hits[0].id
        await asked(pilot, "g", "e")
        assert pilot.app.screen.query_one(TextArea).text.endswith("shed. No.")
        await pilot.press(*"!")
    assert str(block_drafts.of(home, agent_name, key)).endswith("shed. No.!"), "it is kept when the program ends, too"


async def test_a_source_is_browsed_but_not_changed(
    home: Home, agent_name: str, model: ModelServer, tmp_path: Path
) -> None:
    program = Program(home)
    (tmp_path / "notes.txt").write_text("The lighthouse keeper counts ships.\n")
    name = f"s{agent_name}"
    async with opened(home, agent_name, model) as pilot:
        await asyncio.to_thread(program.good, "load", "file", name, str(tmp_path / "notes.txt"))
        await asyncio.to_thread(program.good, "attach", name, "--agent", agent_name)
        await browse(pilot, name)
        await until(pilot, lambda: texts(pilot) == ["The lighthouse keeper counts ships."])
        await pilot.press("down", "d")
        await until(pilot, lambda: "changed in its files" in keys_line(pilot))
        assert len(texts(pilot)) == 1
        after = (
            len(browser(pilot).places) - browser(pilot).at
        )  # with other agents in the home, theirs come before recall
        await pilot.press(*["tab"] * after)
        await until(pilot, lambda: "You said" not in reading(pilot) and browser(pilot).place.name == "recall")


async def test_more_is_found_where_the_list_ends(
    home: Home, agent_name: str, model: ModelServer, tmp_path: Path
) -> None:
    program = Program(home)
    lines = (
        f'{{"text": "message {n}", "role": "user", "created_at": "2025-01-01T00:{n // 60:02}:{n % 60:02}Z"}}'
        for n in range(150)
    )
    (tmp_path / "talk.jsonl").write_text("\n".join(lines))
    front.entered(home, "message 149")
    async with opened(home, agent_name, model) as pilot:
        given = ("import", "messages", str(tmp_path / "talk.jsonl"), "--agent", agent_name, "--no-embed")
        await asyncio.to_thread(program.good, *given)
        await browse(pilot)
        await until(pilot, lambda: len(texts(pilot)) == 60 and texts(pilot)[0] == "message 149")
        await pilot.press("down", "G")
        await until(pilot, lambda: len(texts(pilot)) == 120)
        await pilot.press("G")
        await until(pilot, lambda: len(texts(pilot)) == 150 and texts(pilot)[-1] == "message 0")
        await pilot.press("G", "enter")
        await until(pilot, lambda: "message 12" in reading(pilot) and "▌ message 0" in reading(pilot))
        await pilot.press("escape", "g", "space", "slash", *"42")
        await until(pilot, lambda: texts(pilot)[:1] == ["message 42"])
        await pilot.press("enter")
        assert "1 selected" in keys_line(pilot), "it is not on show, and selected all the same"
        await asked(pilot, "space", "d")
        about = str(pilot.app.screen.query_one("#text").render())
        assert {"message 149", "message 42"} <= {line.partition(": ")[2] for line in about.splitlines()}
        assert "the prompt's history: message 149" in about, "it was typed here"
        await pilot.press("y")
        await until(pilot, lambda: "message 42" not in texts(pilot))
        assert app_of(pilot).prompt.past == front.history(home) and "message 149" not in front.history(home)
        assert "selected" not in keys_line(pilot)
        await pilot.press("slash", "backspace", "backspace")
        await until(pilot, lambda: texts(pilot)[:2] == ["[forgotten]", "message 148"])


async def test_what_was_said_to_any_agent_is_found(
    home: Home, agent_name: str, model: ModelServer, program: Program
) -> None:
    other = f"{agent_name}o"
    program.good(
        "send",
        "--agent",
        other,
        "--create",
        "--model",
        "openai/scripted",
        "--model-endpoint",
        model.url,
        "The zeppelin lands on Sunday.",
    )
    async with opened(home, agent_name, model) as pilot:
        await browse(pilot, "all agents")
        await pilot.press(*"zeppelin")
        await until(pilot, lambda: "The zeppelin lands on Sunday." in texts(pilot))
        await pilot.press("down")
        await until(pilot, lambda: focused(pilot) == "hits")
        assert {hit.agent for hit in browser(pilot).query_one(HitList).hits} == {other}
        await pilot.press("d")
        await until(pilot, lambda: "/agents goes there" in keys_line(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "You said: The zeppelin lands" in reading(pilot))


async def test_what_is_erased_elsewhere_is_shown_no_longer(home: Home, agent_name: str, model: ModelServer) -> None:
    """Neither among the results nor where it is read, nor in what the program had said of it."""
    async with opened(home, agent_name, model) as pilot:
        await write(pilot, "The banana is ripe.")
        await says(pilot, "You said: The banana is ripe.")
        await write(pilot, "/recall banana")
        await until(pilot, lambda: app_of(pilot).bridge.view.chat[-1].kind == "note")
        await browse(pilot)
        await pilot.press(*"ripe")
        await until(pilot, lambda: len(texts(pilot)) == 2)
        await pilot.press("down", "space", "enter")
        await until(pilot, lambda: "▌ The banana" in reading(pilot) or "▌ You said: The banana" in reading(pilot))
        link = await Link.open(home)
        await link.ask("forget", agent=agent_name, text="banana", confirmed=True)
        await link.close()
        await until(pilot, lambda: len(texts(pilot)) == 2 and not any("banana" in text for text in texts(pilot)))
        assert "banana" not in reading(pilot) and "selected" not in keys_line(pilot)
        await until(pilot, lambda: not any("banana" in entry.text for entry in app_of(pilot).bridge.view.chat))
        assert focused(pilot) == "hits"
