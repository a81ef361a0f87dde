"""From journal steps to the events that everyone reads: the same ones live, in history and after a restart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.messages import Step
from memgpt import events as e


def events_of(step: Step) -> list[e.Event]:
    """What one step tells; nothing for steps that are bookkeeping."""
    at = {"step": step.id, "at": step.at}
    body = step.body
    match step.kind:
        case "user":
            return [e.UserMessage(**at, text=step.text("text"))]
        case "login" | "event":
            return [e.Happened(**at, kind=body["event"], text=body.get("reason", ""))]
        case "pressure":
            return [e.MemoryPressure(**at, tokens=body["tokens"], limit=body["limit"])]
        case "recalled":
            return [e.Recalled(**at, items=body["pages"], tokens=body["tokens"])]
        case "reply":
            return _reply(step)
        case "return":
            return _returned(step)
        case "evict" if not body["messages"]:  # only the summary was made again
            return [e.Notice(**at, text=body["note"])]
        case "unused":
            return [e.Usage(**at, **body["told"])]
        case "evict":
            summary = step.text("summary")
            note = body.get("note", "")
            return [e.Evicted(**at, messages=body["messages"], tokens=body["tokens"], summary=summary, note=note)]
        case "shorten":
            said = f"The newest messages were cut by {body['tokens']:,} tokens to fit the window; recall has the whole."
            return [e.Notice(**at, text=said)]
        case "edit" | "undo" | "redo":
            return [*_core_memory(step), *_passage(step)]
        case "turn_end":
            return _ended(step)
        case "head" | "rethink" | "rewrite":
            return [e.Rewound(**at, why=body.get("why", step.kind), removed=body.get("removed", 0))]
    return []


def transcript(steps: Iterable[Step]) -> list[e.Event]:
    """The events of many steps as they stand now: a rethought or rewritten reply in its new words."""
    kept = list(steps)
    rewritten = {
        (step.kind, step.body["of"]): step.text("text") for step in kept if step.kind in ("rethink", "rewrite")
    }
    found = [event for step in kept if step.kind not in ("rethink", "rewrite", "head") for event in events_of(step)]
    return [_as_rewritten(event, rewritten) for event in found]


def _as_rewritten(event: e.Event, rewritten: dict[tuple[str, int], str]) -> e.Event:
    match event:
        case e.AssistantMessage(step=step, at=at) if ("rewrite", step) in rewritten:
            return e.AssistantMessage(step=step, at=at, text=rewritten["rewrite", step])
        case e.InternalMonologue(step=step, at=at) if ("rethink", step) in rewritten:
            return e.InternalMonologue(step=step, at=at, text=rewritten["rethink", step])
    return event


def _reply(step: Step) -> list[e.Event]:
    at = {"step": step.id, "at": step.at}
    found: list[e.Event] = []
    if thought := step.text("thought"):
        found.append(e.InternalMonologue(**at, text=thought))
    if said := step.text("said"):
        found.append(e.AssistantMessage(**at, text=said, interrupted=bool(step.body.get("interrupted"))))
    for call in step.body["calls"]:
        if call["name"] != "send_message" or call["error"]:
            found.append(e.FunctionCall(**at, call_id=call["call_id"], name=call["name"], arguments=call["arguments"]))
    if told := step.body.get("told"):
        found.append(e.Usage(**at, **told))
    return found


def _returned(step: Step) -> list[e.Event]:
    body = step.body
    if body["name"] == "send_message" and body["status"] == "OK":
        return []
    returned = e.FunctionReturn(
        step=step.id,
        at=step.at,
        call_id=body["call_id"],
        name=body["name"],
        status=body["status"],
        text=step.text("text"),
    )
    return [returned, *_core_memory(step)]


def _passage(step: Step) -> list[e.Event]:
    """What the user did to a passage of archival memory; never silently."""
    there, gone = "passage" in step.body, "unpassage" in step.body
    if not there and not gone:
        return []
    what = "changed" if there and gone else "stored" if there else "deleted"
    name = f" {step.body['key']}" if step.body.get("key") else ""
    return [e.Notice(step=step.id, at=step.at, text=f"Archival passage{name} {what} ({step.kind}).")]


def _core_memory(step: Step) -> list[e.Event]:
    if "label" not in step.body:
        return []
    before, after = step.text("before"), step.text("after")
    label, cause = step.body["label"], cause_of(step)
    return [e.CoreMemory(step=step.id, at=step.at, label=label, before=before, after=after, cause=cause)]


def cause_of(step: Step) -> str:
    """Who made a change of memory: the name of a function, `user`, or the kind of the step."""
    return str(step.body.get("name") or {"edit": "user"}.get(step.kind, step.kind))


def _ended(step: Step) -> list[e.Event]:
    at: dict[str, Any] = {"step": step.id, "at": step.at}
    body = dict(step.body)
    message, hint = body.pop("message", ""), body.pop("hint", "")
    found: list[e.Event] = []
    if body["reason"] == "cancelled":
        found.append(e.Cancelled(**at, message=message, hint=hint))
    elif message:
        found.append(e.Error(**at, message=message, hint=hint))
    return [*found, e.TurnEnd(**at, **body)]
