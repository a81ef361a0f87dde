"""The only place where events become view state. Changes are collected and drawn at most so many times a second."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from memgpt import events as e
from tui.text import inert
from tui.view import BlockView, Entry, View

COURSE = 60  # model calls that the sparkline remembers
SEARCHES = ("conversation_search", "conversation_search_date", "archival_memory_search")


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
        self.view = View(agent=snapshot["agent"], phase=snapshot["activity"]["phase"])
        if old.agent == self.view.agent:
            self.view.figures, self.view.context = old.figures, old.context
        self._open.clear()
        self.stale = False
        self.view.model = snapshot["settings"]["model"]
        self.view.earlier = snapshot["earlier"]
        self.view.unfinished = snapshot["unfinished"]
        self.view.queued = list(snapshot["activity"]["queued"])
        for value in snapshot["events"]:
            self._apply(value)
        self.view.step = max(self.view.step, snapshot["step"])
        for block in snapshot["blocks"]:
            known = self.view.blocks.get(block["label"])
            before = known.before if known and known.before != block["text"] else None
            self.view.blocks[block["label"]] = BlockView(**block, before=before)
        self._mark("reset", "chat", "monologue", "memory", "context", "status")

    def redraw(self, snapshot: dict[str, Any]) -> None:
        """The view anew, after the conversation was moved to another leaf; what the program said last stays."""
        said: list[Entry] = []
        for entry in reversed(self.view.chat):
            if entry.kind not in ("note", "error") or entry.step:
                break
            said.insert(0, entry)
        self.show(snapshot)
        self.view.chat += said

    def resume(self, snapshot: dict[str, Any]) -> None:
        """After a lost link: only what was missed, unless too much was."""
        if snapshot["reset"] or snapshot["agent"] != self.view.agent:
            self.show(snapshot)
            return
        for value in snapshot["events"]:
            self.apply(value)
        self.view.phase = snapshot["activity"]["phase"]
        self.view.unfinished = snapshot["unfinished"]
        self._mark("chat", "monologue", "status")

    def prepend(self, values: Iterable[dict[str, Any]], earlier: bool) -> tuple[list[Entry], list[Entry]]:
        """An older page of history, put before what is shown; the entries of chat and of monologue."""
        page = Bridge(lambda: None)
        page.view.agent = self.view.agent
        for value in values:
            page._apply(value)
        chat, monologue = page.view.chat, page.view.monologue
        self.view.chat[:0], self.view.monologue[:0] = chat, monologue
        self.view.first_step = page.view.first_step or self.view.first_step
        self.view.earlier = earlier
        return chat, monologue

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
        self.view.paging, self.view.unfinished = "", False
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
        self.view.monologue.append(Entry("call", inert(text), event.step, event.at, event.name, call_id=event.call_id))
        self._mark("monologue")

    def _on_function_return(self, event: e.FunctionReturn) -> None:
        calls = (entry for entry in reversed(self.view.monologue) if entry.call_id == event.call_id)
        entry = next(calls, None)
        if entry is None:
            entry = Entry("call", inert(event.name), event.step, event.at, event.name, call_id=event.call_id)
            self.view.monologue.append(entry)
        entry.change(status=event.status, result=inert(event.text))
        if event.name in SEARCHES and event.status == "OK":
            found = event.text.partition(": ")[0]
            source = "archival" if event.name.startswith("archival") else "recall"
            self.view.paging = inert(f"← {source}: {found[:1].lower()}{found[1:]} · {entry.text.partition(' ')[2]}")
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
        moved = f"{event.messages} message{'s' if event.messages != 1 else ''} moved to recall"
        self.view.chat.append(Entry("rule", f"{moved}, summary rewritten", event.step, event.at))
        if event.note:
            self.view.monologue.append(Entry("note", inert(event.note), event.step, event.at))
        self.view.paging = f"→ recall: {moved}, {event.tokens:,} tokens"
        self.view.leaving += event.messages
        self._mark("chat", "monologue", "context")

    def _on_core_memory(self, event: e.CoreMemory) -> None:
        block = self.view.blocks.setdefault(event.label, BlockView(event.label, event.after, 0))
        if block.before is None:
            block.before = event.before
        block.text = event.after
        self._mark("memory")

    def _on_retry(self, event: e.Retry) -> None:
        for of, entry in list(self._open.items()):
            (self.view.chat if of == e.AssistantMessage.type else self.view.monologue).remove(entry)
            del self._open[of]
            self._mark("reset")
        self.view.retry = inert(f"{event.reason} · try {event.attempt} of {event.of} in {event.wait_s:.0f} s")
        self._mark("status", "chat")

    def _on_usage(self, event: e.Usage) -> None:
        figures = self.view.figures
        figures.cached, figures.prompt_tokens = event.cached_tokens, event.prompt_tokens
        figures.course = [*figures.course[-COURSE + 1 :], event.prompt_tokens]
        figures.total_cost_usd += event.cost_usd or 0.0
        self.view.retry = ""
        self._mark("context", "status")

    def _on_cancelled(self, event: e.Cancelled) -> None:
        self._failed(f"{event.message} {event.hint}", event)

    def _on_error(self, event: e.Error) -> None:
        self._failed(f"{event.message} {event.hint}", event)

    def _failed(self, text: str, event: e.Event) -> None:
        self.view.chat.append(Entry("error", inert(text.strip()), event.step, event.at))
        self.view.retry = ""
        self._mark("chat", "status")

    def _on_turn_end(self, event: e.TurnEnd) -> None:
        figures = self.view.figures
        figures.tokens = event.completion_tokens
        figures.seconds, figures.cost_usd = event.total_ms / 1000, event.cost_usd
        for entry in self._open.values():
            entry.change(open=False)
        self._open.clear()
        self.view.retry, self.view.unfinished = "", False
        self._mark("chat", "monologue", "status")

    def _on_rewound(self, event: e.Rewound) -> None:
        self.stale = True
        self._mark("stale")

    def _on_context(self, event: e.ContextChanged) -> None:
        self.view.context = event
        self._mark("context")

    def _on_activity(self, event: e.Activity) -> None:
        self.view.phase, self.view.queued = event.phase, list(event.queued)
        self._mark("status", "chat")

    def _on_notice(self, event: e.Notice) -> None:
        self.note(event.text)
        if event.text.startswith("model = "):
            self.view.model = inert(event.text.removeprefix("model = ").partition(", ")[0])
            self._mark("status")


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
