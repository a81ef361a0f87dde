"""Several terminals on one agent: a new name reaches all of them, and who looks on changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from memgpt.home import LOOKING_ON, Home, UserError
from memgpt.link import Link
from tests.support.model_server import ModelServer
from tests.support.program import Program
from tests.tui.test_app import app_of, chat, opened, says, until, write


async def test_a_new_name_reaches_every_terminal(home: Home, agent_name: str, model: ModelServer) -> None:
    new = f"{agent_name} anew"
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        await write(pilot, "Before")
        await says(pilot, "You said: Before")
        app.prompt.fill("half a thought")
        await pilot.pause(0.6)
        link = await Link.open(home)
        await link.ask("rename_agent", agent=agent_name, name=new)
        await link.close()
        await until(pilot, lambda: app.room.agent == new and f"{new} now" in chat(pilot))
        assert app.bridge.view.agent == new and agent_name not in app.status.render_line(0).text.replace(new, "")
        assert app.prompt.text == "half a thought"
        kept = json.loads((home.path / f"writing.{os.getpid()}.json").read_text())
        assert kept[new]["text"] == "half a thought" and agent_name not in kept, "the draft goes with the name"
        app.prompt.text = ""
        await write(pilot, "After")
        await says(pilot, "You said: After")
        await write(pilot, f"/rename {agent_name} once more")
        await until(pilot, lambda: app.room.agent == f"{agent_name} once more")
        await write(pilot, "And again")
        await says(pilot, "You said: And again")
        assert chat(pilot).count("once more now") == 1


CHANGING: list[tuple[str, dict[str, Any]]] = [
    ("send", {"text": "Hi"}),
    ("cancel", {}),
    ("command", {"line": "/pop"}),
    ("command", {"line": "/persona I am another."}),
    ("rename_agent", {"name": "other"}),
    ("delete_agent", {"name": "other"}),
    ("forget", {"text": "Hello", "confirmed": True}),
    ("import_messages", {"path": "/nowhere.jsonl"}),
    ("cancel_job", {"job": "j1"}),
    ("attach", {"create": True}),
    ("attach", {"model": "openai/other"}),
    ("edit_block", {"label": "human", "text": "x"}),
    ("stop_all", {}),
]


async def test_a_link_that_looks_on_is_refused_every_change(
    home: Home, agent_name: str, model: ModelServer, program: Program
) -> None:
    more = ("--create", "--model", "openai/scripted", "--model-endpoint", model.url)
    program.good("send", "--agent", agent_name, *more, "Hello")
    before = program.good("show", "messages", "--agent", agent_name, "--json").json
    link = await Link.open(home, read_only=True)
    try:
        for op, given in CHANGING:
            with pytest.raises(UserError) as refused:
                await link.ask(op, agent=agent_name, **given)
            assert str(refused.value) == " ".join(LOOKING_ON), op
        snapshot = (await link.attach(agent_name)).snapshot
        assert snapshot["agent"] == agent_name
        assert (await link.ask("command", agent=agent_name, line="/memory"))["text"]
    finally:
        await link.close()
    assert program.good("show", "messages", "--agent", agent_name, "--json").json == before


async def test_who_looks_on_is_told_so(home: Home, agent_name: str, model: ModelServer, program: Program) -> None:
    more = ("--create", "--model", "openai/scripted", "--model-endpoint", model.url)
    program.good("send", "--agent", agent_name, *more, "Hello")
    async with opened(home, agent_name, model, read_only=True) as pilot:
        app = app_of(pilot)
        assert "looking on" in app.status.render_line(0).text
        for command in ("/new other", "/forget Hello", "/rename other", "/retry", "/import /nowhere.jsonl", "/attach"):
            app.run_command(command)
            await until(pilot, lambda: LOOKING_ON[0] in chat(pilot))
            app.bridge.view.chat.clear()
            app.bridge.note("")
            await pilot.pause(0.1)
        app.run_command("/memory")
        await says(pilot, "characters")
    async with opened(home, agent_name, model) as pilot:
        await says(pilot, "You said: Hello")


async def test_nobody_to_look_on_at(home: Home, agent_name: str, model: ModelServer, program: Program) -> None:
    done = program("run", "--plain", "--agent", agent_name, "--read-only", text="Hello\n")
    assert done.status == 1 and "no agent" in done.err
    assert agent_name not in home.agent_names()


async def test_the_requests_own_id_cannot_be_taken(home: Home, program: Program) -> None:
    link = await Link.open(home)
    try:
        with pytest.raises(TypeError):
            await link.ask("agents", id=7)
        assert isinstance(await link.ask("agents"), list)
    finally:
        await link.close()


async def test_embedding_in_the_background_is_seen_and_cancelled(
    fresh_home: Home, model: ModelServer, tmp_path: Path
) -> None:
    """Alt+C pauses it; what is done stays, and it goes on where it was."""
    talk = tmp_path / "talk.jsonl"
    talk.write_text(
        "".join(f'{{"role": "user", "text": "the {n}th word about bees and boats"}}\n' for n in range(3000))
    )
    program = Program(fresh_home)
    await asyncio.to_thread(program.good, "import", "messages", str(talk), "--agent", "ada", "--no-embed")
    async with opened(fresh_home, "ada", model) as pilot:
        app = app_of(pilot)
        await until(pilot, lambda: any("embedding: vectors" in each for each in app.status.work))
        await pilot.press("alt+c")
        await says(pilot, "Embedding is paused")
        await until(pilot, lambda: not app.status.work)
        app.run_command("/embedding")
        await says(pilot, "(paused)")
        app.run_command("/embedding resume")
        await until(pilot, lambda: any("embedding: vectors" in each for each in app.status.work))
