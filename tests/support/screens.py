"""The app without an engine, fed with a recorded conversation: for pictures that are the same on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual import events, on
from textual.widgets import Input

from memgpt import config
from memgpt.events import rfc3339
from memgpt.home import Home
from tui.app import MemGPTApp
from tui.options import RunOptions

START = 1_741_000_000_000_000  # 3 March 2025, 11:06 UTC
MINUTE = 60_000_000
PERSONA = "I am Sam, a companion who remembers.\nI speak plainly, in short messages."
HUMAN = "Name: Ada. Plays chess on Thursdays.\nWorks on the launch with Maria and Jonas."


class StillApp(MemGPTApp):
    """Does not go to the engine: what it shows is put into its bridge."""

    def start(self) -> None:
        """Nothing to go to."""

    def on_mount(self) -> None:
        """The seconds of a turn stand still. (Textual calls the app's own handler too.)"""
        self.status.clock = lambda: 1000.0

    @on(events.DescendantFocus)
    def _steady(self, event: events.DescendantFocus) -> None:
        """No cursor blinks, in the palette neither."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False


def still(folder: Path, theme: str = "dark", **options: Any) -> StillApp:
    home = Home(folder / "home")
    home.create()
    chosen = RunOptions("sam", theme=theme, **options)
    return StillApp(home, chosen, config.defaults(), ["earlier words"])


def event(step: int, kind: str, **values: Any) -> dict[str, Any]:
    return {"type": kind, "step": step, "at": rfc3339(START + step * MINUTE), **values}


def usage(step: int, prompt: int, cached: int = 0) -> dict[str, Any]:
    figures = {"prompt_tokens": prompt, "cached_tokens": cached, "completion_tokens": 48, "cost_usd": None}
    return event(step, "usage", **figures, first_token_ms=310, total_ms=1900)


def context(step: int, messages: int, recalled: int = 0, summary: int = 0, window: int = 8192) -> dict[str, Any]:
    sections = {
        "instructions": 255, "functions": 662, "metadata": 22, "core_memory.persona": 96, "core_memory.human": 54,
        "summary": summary, "messages": messages, "recalled": recalled, "overhead": 71,
    }  # fmt: skip
    total = sum(sections.values())
    room = window - 1024
    cells = [{"section": "messages", "tokens": max(1, messages // 8), "step": step - n, "role": "user" if n % 2 else "reply",
              "recalled": recalled if n == 0 else 0} for n in range(7, -1, -1)]  # fmt: skip
    return event(step, "context", total=total, window=window, warn=int(room * 0.7), flush=room, source="provider",
                 sections=[{"name": name, "tokens": tokens} for name, tokens in sections.items()], cells=cells)  # fmt: skip


def activity(phase: str, queued: tuple[str, ...] = ()) -> dict[str, Any]:
    return event(0, "activity", phase=phase, queued=list(queued))


ANSWER = """The launch moved to the **14th**. Three things are still open:

1. Maria signs the release notes
2. the rollback plan, which you wanted to test on Friday
3. Jonas is on leave until the 10th

```python
left = (date(2025, 3, 14) - date.today()).days
```

| who | what | by |
| --- | --- | --- |
| Maria | release notes | Wed |
| Ada | rollback | Fri |
"""


def snapshot(**values: Any) -> dict[str, Any]:
    events = [
        event(3, "user_message", text="Hi Sam, it's Ada again. How did I do on Thursday?"),
        event(5, "internal_monologue", text="Ada plays chess on Thursdays. I should look up the last game."),
        event(5, "function_call", call_id="c1", name="conversation_search", arguments={"query": "chess Thursday"}),
        usage(5, 2410),
        event(6, "function_return", call_id="c1", name="conversation_search", status="OK",
              text='Showing 2 of 2 results (page 0 of 1): [{"id": "m812", "text": "I beat Tomas in 31 moves!"}]'),
        event(8, "assistant_message", text="You beat Tomas in 31 moves, and you were rather proud of the bishop sacrifice."),
        usage(8, 2622, 2380),
        event(9, "turn_end", reason="done", steps=2, prompt_tokens=5032, completion_tokens=96, total_ms=4200),
        event(10, "user_message", text="I was! And what is left for the launch?"),
        event(12, "internal_monologue", text="The launch: dates and people. Worth keeping in core memory."),
        event(12, "function_call", call_id="c2", name="core_memory_append",
              arguments={"name": "human", "content": "Works on the launch with Maria and Jonas.", "request_heartbeat": True}),
        usage(12, 2810, 2600),
        event(13, "function_return", call_id="c2", name="core_memory_append", status="OK", text="None"),
        event(13, "core_memory", label="human", before="Name: Ada. Plays chess on Thursdays.", after=HUMAN),
        event(15, "assistant_message", text=ANSWER),
        usage(15, 2990, 2790),
        event(16, "turn_end", reason="done", steps=2, prompt_tokens=5800, completion_tokens=190, total_ms=6100),
    ]  # fmt: skip
    blocks = [{"label": "persona", "text": PERSONA, "limit": 2000}, {"label": "human", "text": HUMAN, "limit": 2000}]
    settings = {**config.defaults(), "model": "openai/gpt-4o-mini"}
    return {"agent": "sam", "step": 16, "events": events, "earlier": False, "reset": False, "blocks": blocks,
            "activity": activity("idle"), "settings": settings, "unfinished": False, **values}  # fmt: skip


def calm(app: MemGPTApp) -> None:
    """A conversation at rest."""
    app.bridge.show(snapshot())
    app.bridge.apply(context(16, 1840, recalled=0))


def streaming(app: MemGPTApp) -> None:
    """In the middle of an answer, with a message that waits."""
    calm(app)
    for value in (
        event(17, "user_message", text="Write Jonas a line about it."),
        activity("thinking"),
        event(19, "delta", of="internal_monologue", text="Short and kind; he is on leave."),
        activity("answering"),
        event(19, "delta", of="assistant_message", text="Of course:\n\n> Hi Jonas, enjoy your days off.\n\nThe launch is on the **14"),
        activity("answering", ("And one for Maria.",)),
    ):  # fmt: skip
        app.bridge.apply(value)


def pressure(app: MemGPTApp) -> None:
    """Over the first line: the model has been warned."""
    calm(app)
    for value in (
        event(17, "user_message", text="Here are my notes from the whole week."),
        event(18, "memory_pressure", tokens=5410, limit=8192),
        context(18, 4250),
        activity("thinking"),
    ):
        app.bridge.apply(value)


def evicted(app: MemGPTApp) -> None:
    """Over the second: the oldest messages have left, and a search has brought one back."""
    pressure(app)
    for value in (
        event(20, "evicted", messages=24, tokens=3120, summary="Ada plays chess and works on a launch."),
        context(20, 900, summary=210),
        event(22, "function_call", call_id="c3", name="conversation_search", arguments={"query": "bishop sacrifice"}),
        event(23, "function_return", call_id="c3", name="conversation_search", status="OK",
              text='Showing 1 of 1 results (page 0 of 1): [{"id": "m812", "text": "I gave the bishop for two pawns."}]'),
        event(25, "assistant_message", text="It was the bishop on e5: you gave it for two pawns and an open file."),
        usage(25, 2300, 1500),
        event(26, "turn_end", reason="done", steps=2, prompt_tokens=4200, completion_tokens=80, total_ms=5200),
        context(26, 1090, recalled=160, summary=210),
        activity("idle"),
    ):  # fmt: skip
        app.bridge.apply(value)


def failed(app: MemGPTApp) -> None:
    """A turn that ended in an error, after tries that were shown."""
    calm(app)
    for value in (
        event(17, "user_message", text="Are you there?"),
        activity("thinking"),
        event(19, "retry", attempt=1, of=4, wait_s=1.1, reason="http://127.0.0.1:8080/v1 cannot be reached."),
        event(20, "error", message="http://127.0.0.1:8080/v1 cannot be reached.",
              hint="Check that it runs and that the address is right."),
        event(20, "turn_end", reason="error", steps=0),
        activity("idle"),
    ):  # fmt: skip
        app.bridge.apply(value)


class Recorded:
    """An engine's answers as they were given once, for pictures of the screens that ask."""

    agent = "sam"

    async def ask(self, op: str, **params: Any) -> Any:
        return await getattr(self, f"_{op}")(**params)

    async def _sources(self, **_: Any) -> Any:
        return [{"name": "handbook", "agents": ["sam"]}]

    async def _agents(self, **_: Any) -> Any:
        return [{"name": "sam"}]

    async def _newest(self, kind: str, **_: Any) -> Any:
        return {"results": _found(kind), "total": 1204 if kind == "recall" else 3, "note": ""}

    async def _search(self, kind: str, query: str, mode: str, **_: Any) -> Any:
        hits = [{**hit, "text_rank": rank if rank < 3 else None, "vector_rank": 4 - rank if mode == "hybrid" else None,
                 "score": 9.1 - rank} for rank, hit in enumerate(_found(kind), 1)]  # fmt: skip
        return {"results": hits, "total": 31, "note": ""}

    async def _neighbours(self, key: str, **_: Any) -> Any:
        return [{**hit, "name": "", "step": 1} for hit in reversed(_found("recall"))]

    async def _timeline(self, **_: Any) -> Any:
        fills = [1700, 2100, 2500, 3100, 3600, 4300, 5100, 5700, 6400, 7000, 3300, 3700, 4100, 4600]
        kinds = {3: "edit", 5: "recalled", 8: "pressure", 10: "evicted", 12: "search"}
        return {"calls": [
            {"step": 10 + 4 * n, "at": rfc3339(START + n * MINUTE), "total": total, "window": 8192, "warn": 5017,
             "flush": 7168, "source": "provider", "cached": total - 420 if n else 0,
             "marks": [{"kind": kinds[n], "step": 9 + 4 * n, "text": MARKED[kinds[n]]}] if n in kinds else []}
            for n, total in enumerate(fills)]}  # fmt: skip

    async def _show(self, at: int | None, **_: Any) -> Any:
        newest = at or 66
        human = HUMAN if newest > 54 else HUMAN.partition("\n")[0]
        words = [("instructions", "", 0, 255, "You are Sam, who manages a memory of your own."),
                 ("functions", "", 0, 662, "[eight functions]"), ("core_memory.persona", "", 0, 96, PERSONA),
                 ("core_memory.human", "", 0, 54, human), ("metadata", "", 0, 22, "1,204 messages in recall."),
                 ("summary", "summary", 50, 210, "Ada plays chess and works on a launch.")]  # fmt: skip
        words += [("messages", "user" if step % 4 == 2 else "reply", step, 90 + 7 * (step % 9), f"Words of step {step}: {SAID[step % 3]}")
                  for step in range(newest - 14, newest + 1, 2)]  # fmt: skip
        blocks = [{"section": section, "role": role, "step": step, "tokens": tokens, "recalled": 0, "text": text}
                  for section, role, step, tokens, text in words]  # fmt: skip
        total = sum(tokens for *_, tokens, _ in words)
        return {"step": newest, "total": total, "window": 8192, "source": "provider" if at else "own", "sections": [],
                "messages": [], "blocks": blocks}  # fmt: skip


MARKED = {"edit": "human changed", "recalled": "2 pages came back", "pressure": "memory pressure",
          "evicted": "12 messages moved to recall", "search": "conversation_search"}  # fmt: skip
SAID = (
    "I gave the bishop for two pawns and an open file.",
    "The launch moved to the 14th.",
    "Maria signs the release notes.",
)


def _found(kind: str) -> list[dict[str, Any]]:
    texts = SAID if kind == "recall" else ("Opening repertoire: Caro-Kann against e4.", "Maria approves releases.",
                                           "The rollback plan lives in ops/rollback.md and is tested on Fridays.")  # fmt: skip
    return [
        {"id": f"m{812 - n}", "text": text, "created_at": rfc3339(START - n * 40 * MINUTE), "score": 0.0,
         "role": ("user" if n % 2 == 0 else "assistant") if kind == "recall" else "passage", "source": kind,
         **({"tags": ["chess", "work"][n : n + 1]} if kind != "recall" and n < 2 else {})}
        for n, text in enumerate(texts)
    ]  # fmt: skip


async def inspecting(app: MemGPTApp) -> None:
    """The inspector over a conversation at rest."""
    from tui.screens.inspector import Inspector

    calm(app)
    await app.push_screen(Inspector(Recorded(), app.look))


async def browsing(app: MemGPTApp, where: str = "recall") -> None:
    """The memory browser, the newest messages first."""
    from tui.screens.browser import Browser

    calm(app)
    await app.push_screen(await Browser.of_agent(Recorded(), app.look, where, False))


def by_hand(app: MemGPTApp) -> None:
    """A block that the user has just changed."""
    calm(app)
    app.bridge.apply(
        event(18, "core_memory", label="human", before=HUMAN, after=HUMAN.replace("Jonas", "Ines"), cause="user")
    )
