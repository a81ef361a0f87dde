"""Memory changed and looked through by hand: blocks, many passages at once, pages without a query, neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.operations.caller import Caller
from core.operations.table import operate
from core.roster import Roster
from core.slash import commands as slash
from memgpt import events as e
from memgpt.home import UserError
from tests.support import agents
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer


async def ask(roster: Roster, op: str, **given: Any) -> Any:
    caller = Caller(object(), "test", {}, lambda agent, event: None)
    return [part async for part in operate(roster, op, {"agent": "ada", **given}, caller)][-1][1]


async def test_a_block_is_edited_told_and_undone(tmp_path: Path, model: ModelServer) -> None:
    async with agents.open_roster(tmp_path) as roster:
        session = await agents.make_session(roster, model)
        told: list[e.Event] = []
        session.listen(told.append)
        old = session.state.blocks["human"].text
        assert (await ask(roster, "edit_block", label="human", text="Keeps bees.", expected=old))["changed"]
        (change,) = [event for event in told if isinstance(event, e.CoreMemory)]
        assert (change.before, change.after, change.cause) == (old, "Keeps bees.", "user")
        await agents.turn(session, "Hello")
        assert "Keeps bees." in str(model.requests[-1]["messages"][0]), "the model reads the new words"
        await slash.run(session, "/undo", False, {})
        assert session.state.blocks["human"].text == old
        await slash.run(session, "/human Keeps a dog.", False, {})
        assert session.state.blocks["human"].text == "Keeps a dog."
        assert await session.journal.folded() == session.state


@pytest.mark.parametrize(
    ("label", "text", "expected", "words"),
    [
        ("human", "New.", "not what it says", "changed meanwhile"),
        ("human", "x" * 5000, None, "may have"),
        ("nobody", "New.", None, "no core memory block"),
    ],
)
async def test_a_refused_edit_changes_nothing(
    tmp_path: Path, model: ModelServer, label: str, text: str, expected: str | None, words: str
) -> None:
    async with agents.open_roster(tmp_path) as roster:
        session = await agents.make_session(roster, model)
        before = session.state
        with pytest.raises(UserError, match=words):
            await ask(roster, "edit_block", label=label, text=text, expected=expected)
        assert session.state == before


async def test_many_passages_are_changed_and_come_back_together(tmp_path: Path, model: ModelServer) -> None:
    async with agents.open_roster(tmp_path) as roster:
        session = await agents.make_session(roster, model)
        keys = [
            (await slash.run(session, f"/passage add The {thing} is in the shed.", False, {})).data["id"]
            for thing in ("ladder", "saw", "rope")
        ]
        newest = await ask(roster, "newest", kind="archival", limit=2, page=0)
        assert [hit["id"] for hit in newest["results"]] == [keys[2], keys[1]] and newest["total"] == 3
        await ask(roster, "change_passages", action="tag", ids=keys[:2], texts=["tools, shed", "tools"])
        found = (await ask(roster, "newest", kind="archival"))["results"]
        assert [hit.get("tags") for hit in found] == [None, ["tools"], ["tools", "shed"]]
        gone = await ask(roster, "change_passages", action="delete", ids=keys[1:])
        assert [hit["id"] for hit in (await ask(roster, "newest", kind="archival"))["results"]] == keys[:1]
        await ask(roster, "change_passages", action="undo", ids=gone["steps"])
        back = (await ask(roster, "newest", kind="archival"))["results"]
        assert {hit["id"] for hit in back} == set(keys)
        with pytest.raises(UserError, match="undone already"):
            await ask(roster, "change_passages", action="undo", ids=gone["steps"])
        with pytest.raises(UserError, match="no passage"):
            await ask(roster, "change_passages", action="delete", ids=[keys[0], "m999999"])
        assert len((await ask(roster, "newest", kind="archival"))["results"]) == 3, "all of them or none"


async def test_a_message_is_shown_among_its_neighbours(tmp_path: Path, model: ModelServer) -> None:
    async with agents.open_roster(tmp_path) as roster:
        session = await agents.make_session(roster, model)
        for number in range(4):
            model.script(scripted.say(f"Answer {number}."))
            await agents.turn(session, f"Question {number}.")
        newest = (await ask(roster, "newest", kind="recall"))["results"]
        assert [hit["text"] for hit in newest[:2]] == ["Answer 3.", "Question 3."]
        middle = next(hit for hit in newest if hit["text"] == "Answer 1.")
        shown = await ask(roster, "neighbours", kind="recall", key=middle["id"], count=2)
        assert [hit["text"] for hit in shown] == ["Answer 0.", "Question 1.", "Answer 1.", "Question 2.", "Answer 2."]
        with pytest.raises(UserError, match="nothing with the id"):
            await ask(roster, "neighbours", kind="recall", key="m999999")


async def test_a_tag_is_forgotten_however_its_case_was_written(tmp_path: Path, model: ModelServer) -> None:
    """Tags are stored in one case: in the documents, in the journal, and in what a search told the model."""
    model.script(
        scripted.call("archival_memory_insert", heartbeat=True, content="She sleeps.", tags=["Tibbles", "Pets"]),
        scripted.call("archival_memory_search", heartbeat=True, query="sleeps"),
        scripted.say("I know."),
    )
    async with agents.open_roster(tmp_path) as roster:
        session = await agents.make_session(roster, model)
        await agents.turn(session, "Remember that tibbled is a word.")
        added = await slash.run(session, "/passage add The dog barks.", False, {})
        await slash.run(session, f'/passage tag {added.data["id"]} Old "Tibbles" here,dogs', False, {})
        for words in ('Old  "Tibbles"', "Tibbles"):
            found = (await ask(roster, "forget", text=words, confirmed=False))["found"]
            assert [row["text"] for row in found if row["where"] == "tags" and "tibbles" in row["text"]], words
            await ask(roster, "forget", text=words, confirmed=True)
        with pytest.raises(UserError, match="Nothing like that"):
            await ask(roster, "forget", text="Tibbles", confirmed=False)
        session = await roster.session("ada")
        assert await session.journal.folded() == session.state
        hits = (await ask(roster, "search", kind="archival", query="sleeps", mode="text"))["results"]
        assert "pets" in hits[0]["tags"]
        path = session.journal.database.path
    data = path.read_bytes()
    assert b"tibbled" in data and not [word for word in (b"tibbles", b"Tibbles", b'old "', b'old \\"') if word in data]
