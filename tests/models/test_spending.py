"""Money: what calls cost is counted over all agents, and past a budget the user is asked."""

from __future__ import annotations

import json

import pytest

from core.roster import Roster
from core.session import Session
from core.settings import change_settings
from core.slash import commands as slash
from memgpt import events as e
from memgpt.config import AgentConfig
from memgpt.home import UserError
from tests.models.conftest import error
from tests.support import model_server as scripted
from tests.support.agents import ended, of, run, said
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
