"""A real, long conversation in a small window: `python -m benchmarks.locomo FOLDER [TURNS]`.

FOLDER holds `messages.jsonl` files (one object a line with `text`), one below the other. 300 of their messages go through
`memgpt send --lines` into a window of 4,096 tokens, against a scripted server that refuses longer prompts and searches
for an early message now and then. Never over the window; pressure and eviction are seen; early words are found again.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.support import model, program, row
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer

WINDOW, TURNS, SEARCH_EVERY = 4096, 300, 25


def texts(folder: Path, count: int) -> list[str]:
    """The first messages of the folder's conversations, each in one line."""
    found: list[str] = []
    for path in sorted(folder.rglob("messages.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            value = json.loads(line)
            found.append(" ".join(f"{value.get('name', '')}: {value['text']}".split()))
    if len(found) < count:
        raise SystemExit(f"{folder} holds {len(found)} messages in messages.jsonl files; {count} are needed.")
    return found[:count]


class Companion:
    """Answers each turn; now and then it first searches for the words of an early one."""

    def __init__(self, early: list[str]) -> None:
        self.early, self.turn, self.searching = early, 0, False
        self.asked: list[str] = []

    def __call__(self, request: dict[str, Any]) -> scripted.Scripted:
        if not request.get("tools"):
            return scripted.plain("They talked about their lives: family, work, plans and friends.")
        if self.searching:
            self.searching = False
            return scripted.say("I remember that.")
        self.turn += 1
        if self.turn % SEARCH_EVERY == 0:
            self.searching = True
            wanted = self.early[len(self.asked) % len(self.early)]
            self.asked.append(wanted)
            return scripted.call("conversation_search", heartbeat=True, query=wanted[:120])
        return scripted.say(f"I see. That is {random.choice(['good', 'nice', 'interesting'])} to hear, tell me more.")


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit("Give the folder of a conversation: python -m benchmarks.locomo FOLDER [TURNS]")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else TURNS
    lines = texts(Path(sys.argv[1]), count)
    companion = Companion(lines[:12])
    with ModelServer(WINDOW, companion) as server, program() as found:
        done = found.good(
            "send", "--agent", "talk", "--create", *model(server.url, WINDOW), "--json", "--lines",
            text="\n".join(lines) + "\n", timeout=1800,
        )  # fmt: skip
        over = sum(1 for request in server.requests if request["prompt_tokens"] + request["max_tokens"] > WINDOW)
        most = max(request["prompt_tokens"] for request in server.requests)
    ends, returns = done.of("turn_end"), done.of("function_return")
    again = sum(1 for wanted, answer in zip(companion.asked, returns, strict=True) if wanted[:60] in answer["text"])
    row("turns that ended well", sum(1 for end in ends if end["reason"] == "done"), f"of {count}")
    row("prompts over the window", over, f"of {len(server.requests)}")
    row("largest prompt, tokens", most, f"of {WINDOW}")
    row("memory_pressure, evicted", len(done.of("memory_pressure")), len(done.of("evicted")))
    row("messages that left", sum(event["messages"] for event in done.of("evicted")))
    row("early messages searched, found again", len(companion.asked), again)


if __name__ == "__main__":
    main()
