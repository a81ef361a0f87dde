"""What `memgpt show` and the inspector tell of an agent: its context, memory, messages and history at any step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.messages import Step
from core.past.sent import context, line_to
from core.session import Session
from core.store import rows
from core.transcript import events_of, transcript
from memgpt import events as e
from memgpt.events import rfc3339
from memgpt.home import UserError

if TYPE_CHECKING:
    import duckdb


async def show(session: Session, what: str, at: int | None, last: int | None) -> Any:
    """One of `context`, `memory`, `messages`, `history`, as the contract's JSON.

    Raises:
        UserError: there is no such thing or step.
    """
    match what:
        case "context":
            return await context(session, at)
        case "memory":
            return await memory(session, at)
        case "messages":
            return await messages(session, at, last)
        case "history":
            return await history(session, at, last)
    raise UserError(
        f"There is nothing called {what!r} to show.", "Show context, memory, messages or history.", status=2
    )


async def memory(session: Session, at: int | None) -> list[dict[str, Any]]:
    """Core memory, now or just after a step."""
    state = session.state
    if at is not None:
        await session.journal.read(lambda connection: line_to(connection, at))
        state = await session.journal.state_at(at)
    return [
        {"label": block.label, "text": block.text, "characters": len(block.text), "limit": block.limit}
        for block in state.blocks.values()
    ]


async def messages(session: Session, at: int | None, last: int | None) -> list[dict[str, Any]]:
    """The log of this agent's own conversation, oldest first."""
    found = [row for event in transcript(await _steps(session, at)) if (row := _message(event))]
    return found[-last:] if last else found


async def _steps(session: Session, at: int | None, kinds: Sequence[str] = ()) -> list[Step]:
    """The steps that led to one, which may have been left since, or to the present.

    Raises:
        UserError: there is no such step.
    """
    if at is None:
        return await session.journal.steps(kinds=kinds)

    def work(connection: duckdb.DuckDBPyConnection) -> list[Step]:
        return rows.steps(connection, line_to(connection, at), 0, None, kinds, 1 << 31)

    found: list[Step] = await session.journal.read(work)
    return found


def _message(event: e.Event) -> dict[str, Any] | None:
    common = {"step": event.step, "at": rfc3339(event.at)}
    match event:
        case e.UserMessage(text=text):
            return {**common, "role": "user", "text": text}
        case e.AssistantMessage(text=text, interrupted=interrupted):
            return {**common, "role": "assistant", "text": text, **({"interrupted": True} if interrupted else {})}
        case e.InternalMonologue(text=text):
            return {**common, "role": "inner_monologue", "text": text}
        case e.FunctionCall(call_id=call_id, name=name, arguments=arguments):
            text = f"{name}({json.dumps(arguments, ensure_ascii=False)})"
            return {
                **common,
                "role": "function_call",
                "text": text,
                "call_id": call_id,
                "name": name,
                "arguments": arguments,
            }
        case e.FunctionReturn(call_id=call_id, name=name, status=status, text=text):
            return {**common, "role": "function", "text": text, "call_id": call_id, "name": name, "status": status}
        case e.Happened(kind=kind):
            return {**common, "role": "event", "text": kind}
    return None


async def history(session: Session, at: int | None, last: int | None) -> list[dict[str, Any]]:
    """Every change of core memory and what made it, oldest first."""
    steps = await _steps(session, at, ("return", "edit", "undo", "redo"))
    found = [
        {
            "step": event.step,
            "at": rfc3339(event.at),
            "label": event.label,
            "before": event.before,
            "after": event.after,
            "cause": event.cause,
        }
        for step in steps
        for event in events_of(step)
        if isinstance(event, e.CoreMemory)
    ]
    return found[-last:] if last else found
