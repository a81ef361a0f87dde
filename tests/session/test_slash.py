"""Slash commands: what each does to the state, to what is stored, and to the next prompt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.roster import Roster
from core.session import Session
from core.slash import commands as slash
from memgpt import commands
from memgpt import events as e
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.agents import asked, run, turn
from tests.support.model_server import ModelServer


async def next_prompt(session: Session, server: ModelServer, text: str = "And now?") -> str:
    """What the model is sent with the next message."""
    await turn(session, text)
    return json.dumps(server.requests[-1]["messages"], ensure_ascii=False)


async def shown(session: Session) -> list[str]:
    return [event.text for event in await log(session) if isinstance(event, e.UserMessage | e.AssistantMessage)]


async def log(session: Session) -> list[e.Event]:
    from core.transcript import transcript

    return transcript(await session.journal.steps())


def human(session: Session) -> str:
    return session.state.blocks["human"].text


def learns(server: ModelServer, fact: str) -> None:
    server.script(scripted.call("core_memory_append", heartbeat=True, name="human", content=fact), scripted.say("OK."))


# --- going back -----------------------------------------------------------------------------------------------


async def test_pop_undoes_a_turn_with_what_it_did_to_memory(session: Session, server: ModelServer) -> None:
    await turn(session, "First.")
    before = human(session)
    learns(server, "Keeps bees.")
    await turn(session, "I keep bees.")
    assert "Keeps bees." in human(session)
    outcome = await run(session, "/pop 5")
    assert outcome.data == {"taken": 5}, "question, call, result, answer and its result"
    assert human(session) == before and await shown(session) == ["First.", "You said: First."]
    sent = await next_prompt(session, server)
    assert "bees" not in sent and "First." in sent
    assert (await agent_finds(session, "bees")) == []


async def agent_finds(session: Session, query: str) -> list[str]:
    from core.memory.search import Query

    agent = await session.agent()
    return [hit.text for hit in (await agent.external.find(Query(query, "recall", "text"))).hits]


async def test_pop_never_parts_a_call_from_its_result(session: Session, server: ModelServer) -> None:
    learns(server, "Keeps bees.")
    await turn(session, "I keep bees.")
    assert (await run(session, "/pop 1")).data == {"taken": 2}
    assert (await run(session, "/pop 1")).data == {"taken": 2}
    assert (await run(session, "/pop")).data == {"taken": 1}
    with pytest.raises(UserError, match="nothing to take back"):
        await run(session, "/pop")
    with pytest.raises(UserError, match="whole number"):
        await run(session, "/pop many")


async def test_pop_keeps_settings_sources_and_the_users_own_doing(session: Session, server: ModelServer) -> None:
    await turn(session, "First.")
    await turn(session, "Second.")
    await slash.change_settings(session, {"search_page_size": 7})
    await run(session, "/pop 3")
    assert session.state.settings["search_page_size"] == 7
    assert await shown(session) == ["First.", "You said: First."]


async def test_pop_across_an_eviction_restores_the_queue(session: Session, server: ModelServer) -> None:
    for number in range(4):
        await turn(session, f"Message {number}.")
    whole = session.state.queue
    await run(session, "/summarize")
    assert session.state.summary and len(session.state.queue) < len(whole)
    await turn(session, "After.")
    await run(session, "/pop 100")
    after = await session.journal.folded()
    assert (after.summary, after.queue) == (None, whole[:9]), "all but the turn that had stayed"


async def test_retry_asks_again_and_keeps_the_alternative(session: Session, server: ModelServer) -> None:
    server.script(scripted.say("Bad answer."))
    await turn(session, "Question?")
    server.script(scripted.say("Good answer."))
    outcome = await run(session, "/retry")
    assert [event.text for event in outcome.data if isinstance(event, e.AssistantMessage)] == ["Good answer."]
    assert await shown(session) == ["Question?", "Good answer."]
    assert "Bad answer." not in await next_prompt(session, server)
    kept = await session.journal.read(
        lambda c: c.execute("SELECT count(*) FROM text WHERE body = 'Bad answer.'").fetchone()
    )
    assert kept == (1,), "nothing is deleted"


async def test_retry_after_an_error_loses_nothing(session: Session, server: ModelServer) -> None:
    server.script(scripted.error(400, "odd"))
    await turn(session, "Question?")
    outcome = await run(session, "/retry")
    assert [event.text for event in outcome.data if isinstance(event, e.AssistantMessage)] == ["You said: Question?"]
    assert await shown(session) == ["Question?", "You said: Question?"]


async def test_rewrite_and_rethink(session: Session, roster: Roster, server: ModelServer) -> None:
    """Everywhere, and once: a reply may say something by several calls."""
    server.script(replace(scripted.calls(scripted.say("Wrong one."), scripted.say("Wrong two.")), thought="Wrong."))
    await turn(session, "Question?")
    await run(session, "/rewrite Right words.")
    await run(session, "/rethink Right thought.")
    assert await shown(session) == ["Question?", "Right words."]
    assert [row["last_words"] for row in await asked(roster, "agents")] == ["Right words."]
    sent = await next_prompt(session, server)
    assert sent.count("Right words.") == 1 and "Right thought." in sent and "Wrong" not in sent
    found = await slash.run(session, "/recall Right words", False, {})
    assert any("Right words." in hit["text"] for hit in found.data)
    assert not any("Wrong" in hit["text"] for hit in (await slash.run(session, "/recall Wrong words", False, {})).data)
    assert "I said: Right words." in (await run(session, "/summarize")).text
    assert "I said: Right words." in str(server.requests[-1]["messages"]), "what the summary is made of"


async def test_save_and_restore(session: Session, server: ModelServer) -> None:
    await turn(session, "Before.")
    assert "'here'" in (await run(session, "/save here")).text
    learns(server, "Moved away.")
    await turn(session, "After.")
    await slash.change_settings(session, {"search_page_size": 9})
    asked = await run(session, "/restore here")
    assert asked.ask and "search_page_size = 9" in asked.text and "After." in await shown(session), "it asks first"
    await run(session, "/restore here", confirmed=True)
    assert await shown(session) == ["Before.", "You said: Before."]
    assert "Moved away." not in human(session) and session.state.settings["search_page_size"] == 5
    assert "After." not in await next_prompt(session, server)
    with pytest.raises(UserError, match="no checkpoint"):
        await run(session, "/restore nowhere")


async def test_undo_and_redo_step_through_changes_of_memory(session: Session, server: ModelServer) -> None:
    start = human(session)
    for fact in ("One.", "Two."):
        learns(server, fact)
        await turn(session, fact)
    server.script(scripted.call("archival_memory_insert", heartbeat=True, content="Three."), scripted.say("OK."))
    await turn(session, "Three.")
    messages = await shown(session)
    assert (await run(session, "/undo")).text == "Undone: a passage of archival memory."
    assert session.state.archival == 0 and not (await slash.run(session, "/archival Three", False, {})).data
    await run(session, "/undo")
    assert human(session) == f"{start}\nOne."
    await run(session, "/undo")
    assert human(session) == start
    with pytest.raises(UserError, match="no change of memory"):
        await run(session, "/undo")
    await run(session, "/redo")
    await run(session, "/redo")
    assert human(session) == f"{start}\nOne.\nTwo."
    await run(session, "/redo")
    assert session.state.archival == 1 and (await slash.run(session, "/archival Three", False, {})).data
    await run(session, "/undo")
    learns(server, "Four.")
    await turn(session, "Four.")
    with pytest.raises(UserError, match="nothing to redo"):
        await run(session, "/redo")
    assert (await shown(session))[: len(messages)] == messages, "undo touches no message"
    assert "Two." in await next_prompt(session, server)


# --- looking --------------------------------------------------------------------------------------------------


async def test_dump_dumpraw_and_memory(session: Session, server: ModelServer) -> None:
    server.script(scripted.say("Hello.", thought="Greet."))
    await turn(session, "Hi.")
    assert (await run(session, "/dump")).text.splitlines() == ["user: Hi.", "thought: Greet.", "assistant: Hello."]
    assert (await run(session, "/dump 1")).text == "assistant: Hello."
    raw = (await run(session, "/dumpraw")).data
    await turn(session, "More.")
    assert server.requests[-1]["messages"][: len(raw)] == [
        {name: value for name, value in message.items() if value is not None} for message in raw
    ]
    assert len((await run(session, "/dumpraw 2")).data) == 2
    text = (await run(session, "/memory")).text
    assert all(block.text in text and f"of {block.limit} characters" in text for block in session.state.blocks.values())


async def test_recall_and_archival_show_what_the_agent_would_see(session: Session, server: ModelServer) -> None:
    server.script(
        scripted.call("archival_memory_insert", heartbeat=True, content="The attic key is under the fern."),
        scripted.say("OK."),
    )
    await turn(session, "The code is Quartz-4411.")
    outcome = await run(session, "/recall Quartz-4411")
    assert outcome.text.startswith("Showing ") and "Quartz-4411" in outcome.data[0]["text"]
    assert "fern" in (await run(session, "/archival attic key")).data[0]["text"]
    with pytest.raises(UserError, match="/undo takes nothing after it"):
        await run(session, "/undo 2")
    with pytest.raises(UserError, match="needs QUERY"):
        await run(session, "/recall")


# --- steering -------------------------------------------------------------------------------------------------


async def test_heartbeat_and_memorywarning_begin_a_turn(session: Session, server: ModelServer) -> None:
    await turn(session, "Hi.")
    server.script(scripted.say("Still here."))
    outcome = await run(session, "/heartbeat")
    assert [event.kind for event in outcome.data if isinstance(event, e.Happened)] == ["heartbeat"]
    assert '"type": "heartbeat"' in server.requests[-1]["messages"][-1]["content"]
    server.script(scripted.call("core_memory_append", name="human", content="Saved in time."))
    await run(session, "/memorywarning")
    assert session.state.warned and "Saved in time." in human(session)
    assert "Memory pressure" in json.dumps(server.requests[-1]["messages"])


async def test_summarize_evicts_all_but_the_last_turn(session: Session, server: ModelServer) -> None:
    with pytest.raises(UserError, match="nothing to summarise"):
        await run(session, "/summarize")
    for number in range(3):
        await turn(session, f"Message {number}.")
    server.script(scripted.plain("They counted to two."))
    outcome = await run(session, "/summarize")
    assert "They counted to two." in outcome.text
    sent = await next_prompt(session, server)
    assert "They counted to two." in sent
    contents = [str(message.get("content")) for message in server.requests[-1]["messages"]]
    holding = [text for text in contents if "Message 0." in text or "Message 2." in text]
    assert "They counted" in holding[0] and "Message 2." in holding[1], "the first is in the summary alone"
    assert all("Message 0." not in text for text in holding[1:])
    hits = (await slash.run(session, "/recall Message 0", False, {})).data
    assert any("Message 0." in hit["text"] for hit in hits), "it stays in recall"


async def test_model_shows_and_changes(session: Session, server: ModelServer) -> None:
    learns(server, "Sings.")
    await turn(session, "I sing.")
    assert "openai/scripted" in (await run(session, "/model")).text
    await run(session, "/model openai/other")
    assert session.state.settings["model"] == "openai/other"
    sent = await next_prompt(session, server)
    assert server.requests[-1]["model"] == "other" and "I sing." in sent and "Sings." in sent


async def test_model_goes_to_another_server_and_to_the_provider_itself(session: Session, server: ModelServer) -> None:
    other = f"{server.url}/"
    await run(session, f"/model openai/other@{other}")
    assert (session.state.settings["model"], session.state.settings["model_endpoint"]) == ("openai/other", other)
    assert "/model anthropic/claude@ asks anthropic itself" in (await run(session, "/model anthropic/claude")).text
    assert session.state.settings["model_endpoint"] == other
    assert (await session.context()).model == "anthropic/claude"
    told = (await run(session, "/model anthropic/claude@")).text
    assert told.startswith("The model is anthropic/claude from now on.")
    assert (session.state.settings["model"], session.state.settings["model_endpoint"]) == ("anthropic/claude", "")


async def test_systemswap_asks_and_replaces(session: Session, server: ModelServer, tmp_path: Path) -> None:
    await turn(session, "Hi.")
    file = tmp_path / "system.txt"
    file.write_text("You are a pirate with a memory.")
    asked = await run(session, f"/systemswap {file}")
    assert asked.ask and "+You are a pirate" in asked.text
    assert "pirate" not in await next_prompt(session, server)
    await run(session, f"/systemswap {file}", confirmed=True)
    for line in ("/retry", "/pop 4"):
        await run(session, line)
        assert "You are a pirate with a memory." in await next_prompt(session, server), "it comes along"
    with pytest.raises(UserError, match="cannot be read"):
        await run(session, "/systemswap /nowhere")


async def test_settings_of_memory_edits_append(session: Session, server: ModelServer) -> None:
    await slash.change_settings(session, {"paging.memory_edits": "append"})
    await turn(session, "Hi.")
    first = server.requests[-1]["messages"][0]
    learns(server, "Skates.")
    await turn(session, "I skate.")
    sent = await next_prompt(session, server)
    assert server.requests[-1]["messages"][0] == first, "the prefix stays until the next eviction"
    assert "Skates." in sent
    await run(session, "/summarize")
    await turn(session, "And now?")
    assert "Skates." in server.requests[-1]["messages"][0]["content"]


async def test_what_the_user_changed_is_told_where_memory_edits_are_appended(
    session: Session, server: ModelServer
) -> None:
    """Also in the middle of a turn, where nothing may stand between a call and its result, and after going back."""
    await slash.change_settings(session, {"paging.memory_edits": "append"})
    await turn(session, "Hi.")
    first = server.requests[-1]["messages"]
    await run(session, "/human Likes kites.\nLives in Ulm.")
    sent = await next_prompt(session, server)
    assert server.requests[-1]["messages"][: len(first)] == first and '\\"added\\": \\"Likes kites.' in sent
    learns(server, "Skates.")
    await turn(session, "I skate.")
    await run(session, "/undo")
    assert '\\"removed\\": \\"Skates.\\"' in await next_prompt(session, server)
    await slash.change_settings(session, {"approve": "all"})
    session.listen(lambda event: None, answers=True)
    learns(server, "Sings.")
    async for event in session.submit("I sing.", {}):
        if isinstance(event, e.Question):
            await run(session, "/human Likes tea.")
            await slash.run(session, "/allow", False, {})
    told = [str(message.get("content")) for message in server.requests[-1]["messages"]]
    assert any('"added": "Likes tea."' in text for text in told), "and the server takes no call without its result"
    assert server.requests[-1]["messages"][: len(first)] == first
    await run(session, "/human Likes rain.")
    await run(session, "/retry")
    assert "Likes rain." in server.requests[-1]["messages"][0]["content"], "what comes along is part of the new line"
    await run(session, "/human Likes snow.")
    await slash.change_settings(session, {"paging.memory_edits": "rebuild"})
    await next_prompt(session, server)
    assert "Likes snow." in server.requests[-1]["messages"][0]["content"]


async def test_what_is_no_command_and_what_has_to_wait(session: Session, server: ModelServer) -> None:
    with pytest.raises(UserError, match=r"Unknown command: /memry\. Did you mean /memory\?"):
        await run(session, "/memry")
    server.script(scripted.hang())
    running = session.submit("Hang.", {})
    await anext(running)
    for line in ("/pop", "/retry", "/summarize", "/undo", "/model x"):
        with pytest.raises(UserError, match="has to wait"):
            await slash.run(session, line, False, {})
    assert (await slash.run(session, "/memory", False, {})).text
    session.turns.cancel()
    assert [event async for event in running][-1].type == "turn_end"


def test_every_command_of_the_table_has_someone_to_do_it() -> None:
    from tui.actions.commands import _OWN

    roster_commands = {"attach", "detach", "load", "sources"}
    for command in commands.COMMANDS:
        there = command.name in (_OWN if command.where == "front" or command.name == "forget" else slash._HANDLERS)
        assert there or command.name in roster_commands, command.name
    for name in ("exit", "save", "restore", "attach", "dump", "dumpraw", "memory", "model", "pop", "retry", "rethink",
                 "rewrite", "heartbeat", "memorywarning", "summarize", "systemswap", "undo", "redo", "recall",
                 "archival", "context", "agents", "new", "forget", "theme", "help"):  # fmt: skip
        assert commands.find(name) is not None
