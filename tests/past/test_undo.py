"""Every change of memory by whomever is undone and made again, whatever is taken back or gone over to in between."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.memory.search import Query
from core.session import Session
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.agents import make_session, open_roster, run, turn
from tests.support.model_server import ModelServer

ACTIONS = ("model core", "model archival", "user core", "user add", "user edit", "user delete", "undo", "redo", "pop", "say")  # fmt: skip
Memory = tuple[tuple[str, ...], frozenset[str]]


async def remembered(session: Session) -> Memory:
    """Core memory, and the words of every passage that can be found."""
    blocks = tuple(block.text for block in session.state.blocks.values())
    return blocks, frozenset(hit.text for hit in await passages(session))


async def passages(session: Session) -> list[Any]:
    agent = await session.agent()
    found = (await agent.external.find(Query("passage", "archival", "text", limit=100))).hits
    assert session.state.archival == len(found), "the number that the model is told is that of those it can find"
    return sorted(found, key=lambda hit: hit.key)


@dataclass
class Model:
    """What undo and redo have to come to: the changes that were made, as memory before and after each."""

    done: list[Memory] = field(default_factory=list)
    undone: list[Memory] = field(default_factory=list)


class Acting:
    """Carries out one action and says what memory should be; None where that is for the caller to take as it is."""

    def __init__(self, session: Session, server: ModelServer) -> None:
        self.session, self.server, self.number = session, server, 0
        self.model = Model()

    async def act(self, action: str) -> None:
        self.number += 1
        before = await remembered(self.session)
        match action:
            case "undo" | "redo":
                await self._step(action, before)
            case "say":
                await turn(self.session, f"Message {self.number}.")
                assert await remembered(self.session) == before
            case "pop":
                await self._pop()
            case _:
                await self._change(action)
                if await remembered(self.session) != before:
                    self.model.done.append(before)
                    self.model.undone.clear()

    async def _change(self, action: str) -> None:
        number = self.number
        match action:
            case "model core":
                self.server.script(
                    scripted.call("core_memory_append", heartbeat=True, name="human", content=f"Fact {number}."),
                    scripted.say("OK."),
                )
                await turn(self.session, f"Remember {number}.")
            case "model archival":
                self.server.script(
                    scripted.call("archival_memory_insert", heartbeat=True, content=f"Passage {number} of the model."),
                    scripted.say("OK."),
                )
                await turn(self.session, f"Store {number}.")
            case "user core":
                await run(self.session, f"/human User {number}.")
            case "user add":
                await run(self.session, f"/passage add Passage {number} of the user.")
            case _:
                if found := await passages(self.session):
                    verb = action.removeprefix("user ")
                    words = f" Passage {number} reworded." if verb == "edit" else ""
                    await run(self.session, f"/passage {verb} {found[0].key}{words}", True)

    async def _step(self, action: str, before: Memory) -> None:
        come, go = (self.model.done, self.model.undone) if action == "undo" else (self.model.undone, self.model.done)
        if not come:
            try:
                await run(self.session, f"/{action}")
            except UserError:
                assert await remembered(self.session) == before
                return
            raise AssertionError(f"there was nothing to {action}")
        await run(self.session, f"/{action}")
        wanted = come.pop()
        go.append(before)
        assert await remembered(self.session) == wanted

    async def _pop(self) -> None:
        """Takes the last turn back; what the user did stays. What can be undone then is learnt by undoing all of it."""
        try:
            await run(self.session, "/pop 5")
        except UserError:
            return
        undone, done = await self._walked("redo", "undo"), await self._walked("undo", "redo")
        self.model = Model(done[::-1], undone[::-1])

    async def _walked(self, action: str, back: str) -> list[Memory]:
        """What memory comes to with each further step in one direction; gone back the same way."""
        found = [await remembered(self.session)]
        while True:
            try:
                await run(self.session, f"/{action}")
            except UserError:
                break
            found.append(await remembered(self.session))
        for wanted in reversed(found[:-1]):
            await run(self.session, f"/{back}")
            assert await remembered(self.session) == wanted, f"{back} goes back the way that {action} went"
        return found[1:]


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(ACTIONS), min_size=4, max_size=14))
@example(["model archival", "user edit", "model core", "pop", "pop"])
def test_undo_and_redo_over_every_change(actions: list[str]) -> None:
    asyncio.run(carried_out(actions))


async def carried_out(actions: list[str]) -> None:
    with ModelServer() as server, tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder) / "home") as roster:
            acting = Acting(await make_session(roster, server, 16384), server)
            for action in actions:
                await acting.act(action)


async def test_what_the_user_did_survives_a_pop_and_can_be_undone_after_it(
    session: Session, server: ModelServer
) -> None:
    """The user's edit stood over that of the model: taking it back must not bring the model's of the answer that went."""
    before = session.state.blocks["human"].text
    acting = Acting(session, server)
    await acting.act("model core")
    first = session.state.blocks["human"].text
    await acting.act("model core")
    await run(session, "/human By hand.")
    await run(session, "/passage add Passage by hand.")
    await run(session, "/pop 5")
    assert session.state.blocks["human"].text == "By hand." and session.state.archival == 1
    await run(session, "/undo")
    assert session.state.archival == 0 and session.state.blocks["human"].text == "By hand."
    await run(session, "/undo")
    assert session.state.blocks["human"].text == first
    await run(session, "/undo")
    assert session.state.blocks["human"].text == before
    for _ in range(3):
        await run(session, "/redo")
    assert session.state.blocks["human"].text == "By hand." and session.state.archival == 1


async def test_an_undo_by_the_user_is_the_users_own_doing(session: Session, server: ModelServer) -> None:
    before = session.state.blocks["human"].text
    acting = Acting(session, server)
    await acting.act("model core")
    await acting.act("say")
    await run(session, "/undo")
    await run(session, "/pop 3")
    assert session.state.blocks["human"].text == before, "the fact was taken back by hand, and stays so"
    await run(session, "/redo")
    assert "Fact 1." in session.state.blocks["human"].text
