"""Changing the settings of one agent: checked, journalled, and taken up at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import fitting
from core.llm import catalog
from core.session import Session
from core.store.journal import Draft
from memgpt import config
from memgpt import events as e
from memgpt.home import UserError

WINDOW_OF = ("model", "model_endpoint", "context_window")  # settings by which a window is chosen


async def change_settings(session: Session, changes: Mapping[str, Any], keys: Mapping[str, str] | None = None) -> str:
    """Journals settings of this agent; a new model sees the queue in its own packaging and counts anew. What is too much for
    its window leaves main context first; what is said of that is the result.

    Raises:
        UserError: a setting is unknown, not an agent's, or of the wrong type.
    """
    good = {name: config.checked(name, value) for name, value in changes.items()}
    if strange := [name for name in good if name not in config.AGENT_KEYS]:
        raise UserError(f"{strange[0]} is not a setting of an agent.", "Set it without --agent.", status=2)
    good = {name: value for name, value in good.items() if session.state.settings.get(name) != value}
    told = ", ".join(f"{name} = {value}" for name, value in good.items())
    if {"model", "model_endpoint"} & set(changes) and session.state.settings.get("standing_in"):
        good["standing_in"] = None  # whoever names a model means that one
    if set(WINDOW_OF) & set(changes) and session.state.settings.get("learnt_window"):
        good["learnt_window"] = None  # its server may run it with another one by now
    if not good:
        return ""
    if good.get("embedding_model"):
        await session.corpus.embedder.check(good["embedding_model"])
    new_model = bool({"model", "model_endpoint", "protocol", "standing_in"} & set(good))
    anew = new_model or "context_window" in good
    before = await fitting.summariser(session, keys) if anew else None
    if "model" in good:
        await catalog.check_provider(good["model"], session.gateway)
    (step,) = await session.journal.append(Draft("settings", {"changes": good, "forget_factor": new_model}))
    if new_model:
        await session.rerender()
    if told:
        session.tell(e.Notice(step=step.id, at=step.at, text=told))
    agent = await session.agent(keys)
    words = await fitting.fitted(session, agent, before) if anew else ""
    await session.tell_context()
    return words
