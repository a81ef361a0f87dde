"""A call that waits for the user's word, on the screen and line by line."""

from __future__ import annotations

from memgpt import config
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer
from tests.tui.test_app import app_of, opened, pane, says, until, write
from tui.app import MemGPTApp
from tui.cli.plain import spoken
from tui.options import RunOptions

NOTING = scripted.call("core_memory_append", heartbeat=True, name="human", content="Keeps bees.")


async def test_keys_that_are_being_typed_answer_nothing_and_those_for_it_do(
    home: Home, agent_name: str, model: ModelServer
) -> None:
    model.script(NOTING, scripted.say("Then not."), NOTING, scripted.say("Noted."))
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        await app.connection.ask("configure_agent", agent=agent_name, changes={"approve": "memory"})
        await write(pilot, "I keep bees.")
        await says(pilot, "wants to call core_memory_append(name='human', content='Keeps bees.')", "/allow", "/deny")
        await pilot.press("y", "n", "enter")  # a message that was begun before the question came: it waits
        await until(pilot, lambda: app.bridge.view.queued == ["yn"] and app.bridge.view.stage == "asking")
        assert "Alt+Y allow" in " ".join(str(each.border_subtitle) for each in app.base.query("Pane"))
        await write(pilot, "/deny They are wasps.")
        await says(pilot, "Then not.")
        assert "They are wasps." in " ".join(pane(pilot, "monologue").split()) and "Keeps bees." not in pane(
            pilot, "memory"
        )
        await until(pilot, lambda: app.bridge.view.stage == "asking")
        await pilot.press("alt+y")
        await says(pilot, "Noted.")
        assert "Keeps bees." in pane(pilot, "memory")


async def test_whoever_comes_later_is_asked_too(home: Home, agent_name: str, model: ModelServer) -> None:
    model.script(NOTING, scripted.say("Noted."))
    async with opened(home, agent_name, model) as pilot:
        app = app_of(pilot)
        await app.connection.ask("configure_agent", agent=agent_name, changes={"approve": "memory"})
        await write(pilot, "I keep bees.")
        await until(pilot, lambda: app.bridge.view.stage == "asking")
        beside = MemGPTApp(home, RunOptions(agent_name, greet=False), config.load(home), [])
        async with beside.run_test(size=(120, 40)) as other:
            await says(other, "wants to call core_memory_append")
            await other.press("alt+y")
            await says(other, "Noted.")
        await says(pilot, "Noted.")


def test_it_is_read_aloud() -> None:
    event = {"type": "question", "call_id": "c1", "text": "Ada wants to call archival_memory_insert(content='x')"}
    assert spoken(event, "ada") == f"{event['text']}. /allow lets it, /deny and why keeps it from that."
    assert spoken({**event, "call_id": "budget"}, "ada") == ""
