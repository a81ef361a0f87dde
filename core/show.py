"""What `memgpt show` and the inspector tell of an agent: its context, memory, messages and history at any step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.context.window import APART, MESSAGE_OVERHEAD, PRIMING, SECTION_OF, assemble, scaled
from core.messages import Step
from core.session import Session
from core.store import rows
from core.store.codec import expand
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
            return await (context_now(session) if at is None else context_at(session, at))
        case "memory":
            return await memory(session, at)
        case "messages":
            return await messages(session, at, last)
        case "history":
            return await history(session, at, last)
    raise UserError(
        f"There is nothing called {what!r} to show.", "Show context, memory, messages or history.", status=2
    )


async def context_now(session: Session) -> dict[str, Any]:
    """Main context as it would be sent now."""
    agent = await session.agent()
    ledger, fixed = await agent.ledger(), await agent.fixed()
    return {
        "step": session.state.head,
        "total": ledger.total,
        "window": ledger.window,
        "source": ledger.source,
        "sections": ledger.rows(),
        "messages": assemble(session.state, fixed).messages,
    }


async def context_at(session: Session, step: int) -> dict[str, Any]:
    """The prompt of the last model call at or before that step, byte for byte what was sent."""
    calls = await session.journal.steps(before=step + 1, kinds=("call",), limit=1)
    if not calls:
        raise UserError(f"No model was called up to step {step}.", "`memgpt show messages` lists the steps.")
    call = calls[0]
    replies = await session.journal.steps(after=call.id, kinds=("reply",))
    usage = replies[0].body.get("usage") if replies else None
    return await session.journal.database.read(lambda connection: _stored_context(connection, call, usage))


def _stored_context(connection: duckdb.DuckDBPyConnection, call: Step, usage: dict[str, Any] | None) -> dict[str, Any]:
    body = call.body
    parts = _parts(connection, [key for _, key in body["parts"]])
    items = rows.fetch_items(connection, [*expand(body["queue"]), *([body["summary"]] if body["summary"] else [])])
    queue = [items[number] for number in expand(body["queue"])]
    system = "\n\n".join(parts[key][1] for section, key in body["parts"] if section not in APART and parts[key][1])
    examples = [
        message for section, key in body["parts"] if section == "examples" for message in json.loads(parts[key][1])
    ]
    own: dict[str, int] = {}
    for section, key in body["parts"]:
        name = SECTION_OF.get(section, section)
        own[name] = own.get(name, 0) + parts[key][0]
    own["summary"] = items[body["summary"]].tokens if body["summary"] else 0
    own["messages"] = sum(item.tokens - item.recalled for item in queue)
    own["recalled"] = sum(item.recalled for item in queue)
    own["overhead"] = MESSAGE_OVERHEAD * (1 + len(queue) + bool(body["summary"])) + PRIMING
    total = usage["prompt_tokens"] if usage else sum(own.values())
    first = [items[body["summary"]].sent] if body["summary"] else []
    return {
        "step": call.id,
        "total": total,
        "window": body["window"],
        "source": "provider" if usage else "own",
        "sections": [{"name": name, "tokens": tokens, "cached": 0} for name, tokens in scaled(own, total).items()],
        "messages": [{"role": "system", "content": system}, *examples, *first, *(item.sent for item in queue)],
    }


def _parts(connection: duckdb.DuckDBPyConnection, keys: list[str]) -> dict[str, tuple[int, str]]:
    marks = ",".join("?" * len(keys))
    found = connection.execute(f"SELECT hash, tokens, body FROM part WHERE hash IN ({marks})", keys).fetchall()
    return {row[0]: (row[1], row[2]) for row in found}


async def memory(session: Session, at: int | None) -> list[dict[str, Any]]:
    """Core memory, now or just after a step."""
    state = session.state
    if at is not None:
        try:
            state = await session.journal.state_at(at)
        except KeyError:
            raise UserError(f"There is no step {at}.", "`memgpt show history` lists the steps.") from None
    return [
        {"label": block.label, "text": block.text, "characters": len(block.text), "limit": block.limit}
        for block in state.blocks.values()
    ]


async def messages(session: Session, at: int | None, last: int | None) -> list[dict[str, Any]]:
    """The log of this agent's own conversation, oldest first."""
    steps = await session.journal.steps(before=at + 1 if at is not None else None)
    found = [row for event in transcript(steps) if (row := _message(event))]
    return found[-last:] if last else found


def _message(event: e.Event) -> dict[str, Any] | None:
    common = {"step": event.step, "at": rfc3339(event.at)}
    match event:
        case e.UserMessage(text=text):
            return {**common, "role": "user", "text": text}
        case e.AssistantMessage(text=text):
            return {**common, "role": "assistant", "text": text}
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
    steps = await session.journal.steps(
        before=at + 1 if at is not None else None, kinds=("return", "edit", "undo", "redo")
    )
    found = [
        {
            "step": event.step,
            "at": rfc3339(event.at),
            "label": event.label,
            "before": event.before,
            "after": event.after,
            "cause": step.body.get("name", {"edit": "user"}.get(step.kind, step.kind)),
        }
        for step in steps
        for event in events_of(step)
        if isinstance(event, e.CoreMemory)
    ]
    return found[-last:] if last else found
