"""Money: what calls cost is counted over all agents, and past a budget the user is asked."""

from __future__ import annotations

import json

import pytest

from core.roster import Roster
from core.session import Session
from core.settings import change_settings
from core.slash import commands as slash
from core.slash.cost import cost
from memgpt import events as e
from memgpt.config import AgentConfig
from memgpt.home import UserError
from tests.models.conftest import error
from tests.support import model_server as scripted
from tests.support.agents import ended, of, run, said
from tests.support.dialects import Ollama
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def priced(roster: Roster, name: str, server: ModelServer, **settings: float) -> tuple[Session, dict[str, str]]:
    """An agent on a model that litellm has a price of, whose provider's address is the scripted server."""
    session = await roster.session(await roster.create(AgentConfig(name=name, model="openai/gpt-4o")))
    await change_settings(session, {name.replace("_", "."): value for name, value in settings.items()})
    return session, {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.url}


async def told(session: Session, keys: dict[str, str], text: str) -> list[e.Event]:
    return [event async for event in session.submit(text, keys)]


async def let_go(session: Session, keys: dict[str, str]) -> list[e.Event]:
    outcome = await slash.run(session, "/budget go", False, keys)
    assert outcome.turn
    return [event async for event in outcome.turn]


async def test_a_turn_over_its_budget_asks(home_of_models: Roster, agent_name: str, model: ModelServer) -> None:
    session, keys = await priced(home_of_models, agent_name, model, budget_turn=0.001)
    model.fallback = lambda request: scripted.call("conversation_search", heartbeat=True, query="x")
    events = await told(session, keys, "Search and search.")
    (question,) = of(events, e.Question)
    assert ended(events) == "error" and "its budget is $0.0010" in question.text and "/budget go" in error(events)
    first = len(model.requests)
    assert first == 1 and of(events, e.Usage)[0].cost_usd > 0.001
    model.fallback = lambda request: scripted.say("Found nothing.")
    events = await let_go(session, keys)
    assert said(events) == "Found nothing." and ended(events) == "done"


async def test_a_day_over_its_budget_asks_before_it_spends(
    home_of_models: Roster, agent_name: str, model: ModelServer
) -> None:
    session, keys = await priced(home_of_models, agent_name, model)
    await told(session, keys, "Hi")
    spent = home_of_models.gateway.purse.spent
    assert spent > 0 and json.loads(home_of_models.home.spending.read_text())["usd"] == pytest.approx(spent)
    assert oct(home_of_models.home.spending.stat().st_mode)[-3:] == "600"
    shown = await run(session, f"/budget day {spent:.6f}")
    assert "a day" in shown.text and shown.data["today"] == spent
    await run(session, "/budget day 0.0001")
    before = len(model.requests)
    events = await told(session, keys, "And this?")
    assert ended(events) == "error" and of(events, e.Question) and len(model.requests) == before
    assert of(events, e.UserMessage), "what was written is kept"
    model.script(scripted.say("Answered after all."))
    events = await let_go(session, keys)
    assert said(events) == "Answered after all."
    await run(session, "/budget day 0")
    assert said(await told(session, keys, "Free again")) == "You said: Free again"
    for wrong in ("/budget turn much", "/budget turn -1", "/budget week 3"):
        with pytest.raises(UserError):
            await run(session, wrong)


async def test_a_used_up_budget_stops_no_model_that_costs_nothing(
    home_of_models: Roster, agent_name: str, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, keys = await priced(home_of_models, agent_name, model)
    await told(session, keys, "Hi")
    await run(session, "/budget day 0.0001")
    assert "the day's budget" in error(await told(session, keys, "And this?"))
    await run(session, f"/model openai/scripted@{model.url}")
    assert said(await told(session, keys, "And here?")) == "You said: And here?"
    with Ollama() as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.base.removeprefix("http://"))
        await run(session, "/model ollama_chat/scripted@")
        assert said(await told(session, keys, "And there?")) == "You said: And there?"
    await run(session, "/model builtin")
    assert ended(await told(session, keys, "And offline?")) == "done"
    await run(session, "/model openai/gpt-4o@")
    assert "the day's budget" in error(await told(session, keys, "And this again?"))


async def test_all_that_is_paid_counts(home_of_models: Roster, agent_name: str, model: ModelServer) -> None:
    """A reply that could not be used, one that was stopped, a summary, the model before the one that stands in: the purse,
    the turn's end and /cost say the same, whatever is taken back."""
    session, keys = await priced(home_of_models, agent_name, model)
    fallback = "openai/gpt-4o-2024-08-06"
    await change_settings(session, {"retries": 0, "context_window": 4096, "fallbacks": fallback, "protocol": "text"})
    purse, paid = home_of_models.gateway.purse, 0.0

    async def counted(text: str, stopped: bool = False) -> list[e.Event]:
        nonlocal paid
        before, events = purse.spent, []
        async for event in session.submit(text, keys):
            events.append(event)
            if stopped and isinstance(event, e.Delta):
                session.turns.cancel()
        end = events[-1]
        assert isinstance(end, e.TurnEnd) and end.cost_usd
        assert end.cost_usd == pytest.approx(purse.spent - before)
        told = (await cost(session))["turn"]
        assert (told["cost_usd"], told["prompt_tokens"]) == (pytest.approx(end.cost_usd), end.prompt_tokens)
        paid += end.cost_usd
        return events

    model.script(scripted.plain('{"name": "send_massage", "arguments": {}}'), scripted.say("Right."))
    events = await counted("Hi")
    assert said(events) == "Right." and len(of(events, e.Usage)) == 2
    assert sum(event.prompt_tokens for event in of(events, e.Usage)) == sum(r["prompt_tokens"] for r in model.requests)
    model.script(scripted.slow("word " * 60, 40))
    assert ended(await counted("At length.", stopped=True)) == "cancelled"
    await change_settings(session, {"protocol": "auto"})
    model.fallback = lambda request: (
        scripted.say("Yes.") if "tools" in request else scripted.plain("A summary of what was said.")
    )
    while not of(events, e.Evicted):
        events = await counted("It went on about the harbour and its boats. " * 40)
    assert session.state.summary_text and session.state.summary_text.body.startswith("A summary")
    model.script(scripted.call("conversation_search", heartbeat=True, query="x"), scripted.error(500, "boom"))
    events = await counted("Search.")
    assert said(events) == "Yes." and of(events, e.Notice) and events[-1].to_json()["steps"] == 2
    await run(session, "/pop 9")
    assert (await run(session, "/budget")).data["agent"] == pytest.approx(paid)
