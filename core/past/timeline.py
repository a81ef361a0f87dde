"""How full main context was at every model call, and what was done to it between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.context.queue import Limits
from core.messages import Step
from core.past.sent import line_to
from core.store import rows, tree
from core.transcript import cause_of
from memgpt.events import rfc3339
from memgpt.words import counted

if TYPE_CHECKING:
    import duckdb

    from core.session import Session

PAGE = 400  # calls
SEARCHES = ("conversation_search", "conversation_search_date", "archival_memory_search")
MARKED = ("reply", "return", "edit", "undo", "redo", "pressure", "evict", "recalled", "head", "rethink", "rewrite")


async def timeline(
    session: Session, before: int | None = None, limit: int = PAGE, at: int | None = None
) -> dict[str, Any]:
    """The calls of the present path, or of the one that leads to a step; see the operation `timeline`.

    Raises:
        UserError: there is no such step.
    """
    state = session.state

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
        path = state.path if at is None else line_to(connection, at)
        calls = rows.bare_steps(connection, path, 0, before, ("call",), limit + 1)
        shown = calls[-limit:]
        since = calls[0].id if len(calls) > limit else 0
        between = rows.bare_steps(connection, path, since, before, MARKED, 1 << 31)
        answer = tree.next_on_branch(connection, shown[-1], ("reply", "call")) if shown else None
        return _told(shown, between, answer, state.settings)

    found: dict[str, Any] = await session.journal.read(work)
    return found


def _told(
    calls: Sequence[Step], between: Sequence[Step], answer: Step | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What came after a call, its reply first, are the marks of the next one. `answer` is what came next after the last
    one, also where the path ends before it."""
    groups: list[list[Step]] = [[] for _ in range(len(calls) + 1)]
    place = 0
    for step in between:
        while place < len(calls) and calls[place].id < step.id:
            place += 1
        groups[place].append(step)
    found = []
    for number, call in enumerate(calls):
        last = answer if number == len(calls) - 1 else None
        reply = next((step for step in groups[number + 1] if step.kind == "reply"), last)
        marks = [mark for step in groups[number] for mark in marks_of(step)]
        found.append({**_figures(call, reply, settings), "marks": marks})
    return {"calls": found, "since": [mark for step in groups[-1] for mark in marks_of(step)]}


def _figures(call: Step, reply: Step | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    usage = (reply.body.get("usage") or reply.body.get("told") or {}) if reply else {}
    window = call.body["window"]
    warn, flush = call.body.get("lines") or _lines(window, settings)
    return {
        "step": call.id,
        "at": rfc3339(call.at),
        "total": usage.get("prompt_tokens") or call.body.get("own", 0),
        "window": window,
        "warn": warn,
        "flush": flush,
        "source": "provider" if reply and reply.body.get("usage") else "own",
        "cached": usage.get("cached_tokens", 0),
        "model": call.body["model"],
    }


def _lines(window: int, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Calls of earlier versions did not keep theirs."""
    limits = Limits.of(window, settings)
    return limits.warn, limits.flush


def marks_of(step: Step) -> list[dict[str, Any]]:
    """What a step did that shows on the line: `pressure`, `evicted`, `edit`, `search`, `recalled` or `rewound`."""
    return [{"kind": kind, "step": step.id, "text": text} for kind, text in _marks(step)]


def _marks(step: Step) -> list[tuple[str, str]]:
    body = step.body
    match step.kind:
        case "pressure":
            return [("pressure", f"memory pressure at {body['tokens']:,} tokens")]
        case "evict" if body["messages"]:
            return [("evicted", f"{counted(body['messages'], 'message')} moved to recall")]
        case "recalled":
            count = len(body["pages"])
            return [("recalled", f"{count} page{'s' if count != 1 else ''} came back")]
        case "head":
            return [("rewound", f"{body.get('why', 'went back')} to step {body['to']}")]
        case "rethink" | "rewrite":
            return [("rewound", f"{step.kind} of step {body['of']}")]
        case "reply":
            return [
                ("search", f"{call['name']} {call['arguments'].get('query', '')}".strip())
                for call in body["calls"]
                if call["name"] in SEARCHES and not call["error"]
            ]
    return _edit(step)


def _edit(step: Step) -> list[tuple[str, str]]:
    by = "the user" if step.kind == "edit" else cause_of(step)
    if "label" in step.body:
        return [("edit", f"{step.body['label']} changed by {by}")]
    if {"passage", "unpassage"} & set(step.body):
        return [("edit", f"archival memory changed by {by}")]
    return []
