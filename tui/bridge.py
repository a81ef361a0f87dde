"""The only place where events become view state. Changes are collected and drawn at most so many times a second."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from memgpt import events as e
from memgpt.words import GOING_ON, YOUR_WORD, counted
from tui.text import inert
from tui.view import BlockView, Entry, Retrying, View

COURSE = 60  # model calls that the sparkline remembers
SEARCHES = ("conversation_search", "conversation_search_date", "archival_memory_search")


SHOWING = re.compile(r"Showing (\d+) of (\d+) results")


class Bridge:
    """Keeps a view true to an agent's events.

    `changed` collects what is to be drawn: `chat`, `monologue`, `memory`, `context`, `status`; `reset` where the
    transcripts have to be drawn from the start. `wake` is called when something was put there.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.view = View()
        self.changed: set[str] = set()
        self.stale = False
        self._wake = wake
        self._open: dict[str, Entry] = {}

    @property
    def growing(self) -> bool:
        """Whether an answer is arriving."""
        return bool(self._open)

    def take(self) -> set[str]:
        """What changed since it was asked last."""
        changed, self.changed = self.changed, set()
        return changed

    def _mark(self, *parts: str) -> None:
        self.changed.update(parts)
        self._wake()

    # --- a snapshot, and older pages --------------------------------------------------------------------------

    def show(self, snapshot: dict[str, Any]) -> None:
        """The view of an agent as it stands, in place of whatever was shown."""
        old = self.view
        self.view = View(agent=snapshot["agent"], phase=inert(snapshot["activity"]["phase"]))
        if old.agent == self.view.agent:
            self.view.figures = replace(old.figures, course=[], total_cost_usd=0.0)  # the events tell them again
            self.view.context = old.context
        self._open.clear()
        self.stale = False
        self.view.model = inert(snapshot["settings"]["model"])
        self.view.earlier = snapshot["earlier"]
        self.view.queued = list(snapshot["activity"]["queued"])
        for value in snapshot["events"]:
            self._apply(value)
        self.view.step = max(self.view.step, snapshot["step"])
        for block in snapshot["blocks"]:
            known = self.view.blocks.get(block["label"])
            fresh = BlockView(block["label"], block["text"], block["limit"])
            if known:
                fresh.before = known.before if known.before != block["text"] else None
                fresh.cause, fresh.at = known.cause, known.at
            self.view.blocks[block["label"]] = fresh
        self._paid(snapshot.get("cost"))
        self._mark("reset", "chat", "monologue", "memory", "context", "status")

    def _paid(self, cost: dict[str, Any] | None) -> None:
        """What this agent has cost so far, where the engine says it; else what the events on the screen come to."""
        spent = (cost or {}).get("agent") or {}
        if spent.get("cost_usd") is not None:
            self.view.figures.total_cost_usd = float(spent["cost_usd"])

    def renamed(self, name: str) -> None:
        """The agent is called otherwise from now on, also where it has spoken already."""
        old, self.view.agent = self.view.agent, name
        for entry in self.view.chat:
            if entry.kind == "assistant" and entry.who == old:
                entry.change(who=name)
        self._mark("chat", "status")

    def redraw(self, snapshot: dict[str, Any], since: Sequence[dict[str, Any]]) -> None:
        """The view anew, after the conversation was moved to another leaf, with the events that came since; what the
        program said last stays."""
        said: list[Entry] = []
        for entry in reversed(self.view.chat):
            if not _is_noted(entry):
                break
            said.insert(0, entry)
        self.show(snapshot)
        self.view.chat += said
        self.follow(since)

    def follow(self, events: Sequence[dict[str, Any]]) -> None:
        """What has happened since the snapshot that is shown."""
        for event in events:
            self.apply(event)

    def resume(self, snapshot: dict[str, Any]) -> None:
        """After a lost link: only what was missed, unless too much was."""
        if snapshot["reset"] or snapshot["agent"] != self.view.agent:
            self.show(snapshot)
            return
        self.follow(snapshot["events"])
        self.view.phase = inert(snapshot["activity"]["phase"])
        self._mark("chat", "monologue", "status")

    # --- events -----------------------------------------------------------------------------------------------

    def apply(self, value: dict[str, Any]) -> None:
        """One event of the wire."""
        self._apply(value)
        self._wake()

    def _apply(self, value: dict[str, Any]) -> None:
        event = e.from_json(value)
        if event is None:
            return
        if not isinstance(event, (e.Delta, e.Retry, *e.SCREEN_ONLY)) and event.step:
            self.view.step = max(self.view.step, event.step)
            self.view.first_step = self.view.first_step or event.step
        handler = getattr(self, f"_on_{event.type}", None)
        if handler:
            handler(event)

    def note(self, text: str, kind: Any = "note") -> None:
        """A line of the program itself, such as the answer to a command."""
        self.view.chat.append(Entry(kind, inert(text)))
        self._mark("chat")

    def _on_user_message(self, event: e.UserMessage) -> None:
        for block in self.view.blocks.values():
            block.before = None
        self.view.chat.append(Entry("user", inert(event.text), event.step, event.at, "you"))
        self.view.paging = ""
        self._mark("chat", "memory", "context")

    def _on_delta(self, event: e.Delta) -> None:
        entry = self._opened(event.of)
        entry.change(text=entry.text + inert(event.text))
        self._mark("chat" if event.of == e.AssistantMessage.type else "monologue")

    def _opened(self, of: str) -> Entry:
        entry = self._open.get(of)
        if entry is None:
            said = of == e.AssistantMessage.type
            entry = Entry("assistant" if said else "thought", "", who=self.view.agent if said else "", open=True)
            self._open[of] = entry
            (self.view.chat if said else self.view.monologue).append(entry)
        return entry

    def _on_assistant_message(self, event: e.AssistantMessage) -> None:
        entry = self._opened(event.type)
        status = "interrupted" if event.interrupted else ""
        entry.change(text=inert(event.text), step=event.step, at=event.at, open=False, status=status)
        del self._open[event.type]
        self._mark("chat")

    def _on_internal_monologue(self, event: e.InternalMonologue) -> None:
        entry = self._opened(event.type)
        entry.change(text=inert(event.text), step=event.step, at=event.at, open=False)
        del self._open[event.type]
        self._mark("monologue")

    def _on_function_call(self, event: e.FunctionCall) -> None:
        text = f"{event.name} {_shown_arguments(event.arguments)}".rstrip()
        shown = Entry("call", inert(text), event.step, event.at, inert(event.name), call_id=event.call_id)
        shown.detail = inert(_all_arguments(event.arguments))
        self.view.monologue.append(shown)
        self._mark("monologue")

    def _on_function_return(self, event: e.FunctionReturn) -> None:
        calls = (entry for entry in reversed(self.view.monologue) if entry.call_id == event.call_id)
        entry = next(calls, None)
        if entry is None:
            name = inert(event.name)
            entry = Entry("call", name, event.step, event.at, name, call_id=event.call_id)
            self.view.monologue.append(entry)
        entry.change(status=event.status, result=inert(event.text))
        if event.name in SEARCHES and event.status == "OK":
            found = SHOWING.match(event.text)
            counted = f"{found[1]} of {found[2]}" if found else event.text.partition(";")[0]
            source = "archival" if event.name.startswith("archival") else "recall"
            self.view.paging = inert(f"← {source} {counted} · {entry.text.partition(' ')[2]}")
            self._mark("context")
        self._mark("monologue")

    def _on_event(self, event: e.Happened) -> None:
        if event.kind != "login":
            self.view.monologue.append(Entry("note", inert(f"{event.kind} {event.text}".strip()), event.step, event.at))
            self._mark("monologue")

    def _on_recalled(self, event: e.Recalled) -> None:
        count = len(event.items)
        self.view.paging = f"← recall: {count} page{'s' if count != 1 else ''}, {event.tokens:,} tokens"
        self.view.monologue.append(Entry("note", self.view.paging, event.step, event.at))
        self._mark("monologue", "context")

    def _on_memory_pressure(self, event: e.MemoryPressure) -> None:
        text = f"memory pressure: {event.tokens:,} of {event.limit:,} tokens"
        self.view.chat.append(Entry("rule", text, event.step, event.at, status="warning"))
        self._mark("chat")

    def _on_evicted(self, event: e.Evicted) -> None:
        messages = counted(event.messages, "message")
        self.view.chat.append(Entry("rule", f"{messages} moved to recall, summary rewritten", event.step, event.at))
        if event.note:
            self.view.monologue.append(Entry("note", inert(event.note), event.step, event.at))
        self.view.paging = f"→ recall: {messages}, {event.tokens:,} tokens"
        self.view.evictions += 1
        self._remember(-event.messages)
        self._mark("chat", "monologue", "context")

    def _on_core_memory(self, event: e.CoreMemory) -> None:
        block = self.view.blocks.setdefault(event.label, BlockView(event.label, event.after, 0))
        if block.before is None:
            block.before = event.before
        block.text, block.cause, block.at = event.after, event.cause, event.at
        self._mark("memory")

    def _on_retry(self, event: e.Retry) -> None:
        for of, entry in list(self._open.items()):
            (self.view.chat if of == e.AssistantMessage.type else self.view.monologue).remove(entry)
            del self._open[of]
            self._mark("reset")
        what = f"try {event.attempt} of {event.of} in" if event.attempt else "waiting"
        self.view.retry = Retrying(what, event.wait_s, inert(event.reason))
        self._mark("status", "chat")

    def _on_usage(self, event: e.Usage) -> None:
        figures = self.view.figures
        figures.cached, figures.prompt_tokens = event.cached_tokens, event.prompt_tokens
        self._remember(event.prompt_tokens)
        figures.total_cost_usd += event.cost_usd or 0.0
        self.view.retry = None
        self._mark("context", "status")

    def _remember(self, tokens: int) -> None:
        course = self.view.figures.course
        self.view.figures.course = [*course[-COURSE + 1 :], tokens]

    def _on_cancelled(self, event: e.Cancelled) -> None:
        self._failed(f"{event.message} {event.hint}", event)

    def _on_error(self, event: e.Error) -> None:
        self._failed(f"{event.message} {event.hint}", event)

    def _failed(self, text: str, event: e.Event) -> None:
        self.view.chat.append(Entry("error", inert(text.strip()), event.step, event.at))
        self.view.retry = None
        self._mark("chat", "status")

    def _on_turn_end(self, event: e.TurnEnd) -> None:
        figures = self.view.figures
        figures.tokens = event.completion_tokens
        figures.seconds, figures.cost_usd = event.total_ms / 1000, event.cost_usd
        for entry in self._open.values():
            entry.change(open=False)
        self._open.clear()
        self.view.retry = None
        self._mark("chat", "monologue", "status")

    def _on_rewound(self, event: e.Rewound) -> None:
        self.stale = True
        if event.why == "forget":  # it may stand in what was noted
            self.view.chat = [entry for entry in self.view.chat if not _is_noted(entry)]
            self._mark("chat")
        self._mark("stale")

    def _on_context(self, event: e.ContextChanged) -> None:
        self.view.context = event
        self._mark("context")
        model = inert(event.model)
        if model and model != self.view.model:
            self.view.model = model
            self._mark("status")

    def _on_activity(self, event: e.Activity) -> None:
        self.view.phase, self.view.queued = inert(event.phase), list(event.queued)
        self._mark("status", "chat")

    def _on_question(self, event: e.Question) -> None:
        if event.call_id not in GOING_ON:
            self.note(f"{event.text}. {YOUR_WORD}")

    def _on_notice(self, event: e.Notice) -> None:
        self.note(event.text)


def _is_noted(entry: Entry) -> bool:
    """Whether the program itself said it: it stands in no journal."""
    return entry.kind in ("note", "error") and not entry.step


def _all_arguments(arguments: dict[str, Any]) -> str:
    """Every argument on lines of its own; a text as it is, anything else as JSON."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in arguments.items()
    )


def _shown_arguments(arguments: dict[str, Any]) -> str:
    """The arguments of a call in one line: a lone text in quotes, more of them by name."""
    shown = {name: value for name, value in arguments.items() if name != "request_heartbeat"}
    if len(shown) == 1:
        return json.dumps(next(iter(shown.values())), ensure_ascii=False)
    return " ".join(
        value
        if name in ("name", "label") and isinstance(value, str)
        else f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in shown.items()
    )
