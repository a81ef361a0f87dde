"""The ledger against the provider's own count, call by call: `python -m benchmarks.ledger`.

What was expected of each prompt before it was sent, and what the provider then reported. The offline model's server is the
real one. OpenAI's counting is litellm's formula for it, which writes functions as TypeScript. The unknown providers count
with tokenizers that the program does not have: a smaller vocabulary, and another one with words of its own about tools.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks.support import median, row
from core.llm.probe import probed
from core.llm.templates import message_as_read
from core.roster import Roster
from memgpt.config import AgentConfig
from tests.support.agents import open_roster, turn
from tests.support.ledgers import SAID, answering, errors, openai_style
from tests.support.model_server import ModelServer, prompt_tokens

TURNS = 40
HIDDEN = 346  # tokens that Claude adds where there are functions, by its documentation
Counting = Callable[[Mapping[str, Any]], int]


def another_vocabulary(body: Mapping[str, Any]) -> int:
    """Another table of OpenAI's, JSON functions, and words of the provider's own about them."""
    functions = {"role": "system", "content": json.dumps(body.get("tools") or "")}
    plain = {"model": "gpt-4", "messages": [*body["messages"], functions]}
    return prompt_tokens(plain) + (HIDDEN if body.get("tools") else 0)


def small_vocabulary(url: str, secret: str) -> Counting:
    """SmolLM2's 49 thousand pieces, as its server cuts a text into them."""

    def count(body: Mapping[str, Any]) -> int:
        texts = [*(message_as_read(message) for message in body["messages"]), json.dumps(body.get("tools") or "")]
        headers = {"Authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            found = [client.post("/tokenize", json={"content": text}).json()["tokens"] for text in texts]
        return sum(len(tokens) for tokens in found) + 5 * len(texts)

    return count


async def talked(roster: Roster, name: str, window: int, model: str, count: Counting) -> None:
    with ModelServer(fallback=answering) as server:
        server.count = count
        first, *later = await _errors_of(roster, window, model, server.url, TURNS)
        next_first = (await _errors_of(roster, window, model, server.url, 1))[0]
    with ModelServer(fallback=answering) as server:  # of which nothing is known
        server.count = count
        assert (await probed(roster.gateway, model, server.url, {})).ok
        tested = (await _errors_of(roster, window, model, server.url, 1))[0]
    _told(f"{name}, {window:,}", (first, tested, next_first), later)


def _told(name: str, firsts: Sequence[float], later: Sequence[float]) -> None:
    sizes = [abs(error) for error in later]
    row(
        name, *(f"{100 * error:+.1f} %" for error in firsts), f"{100 * median(sizes):.2f} %", f"{100 * max(sizes):.2f} %",
        sum(size > 0.02 for size in sizes), len(later),
    )  # fmt: skip


async def _errors_of(roster: Roster, window: int, model: str, url: str | None, turns: int) -> list[float]:
    wanted = AgentConfig(name=f"a{len(roster.sessions)}", model=model, model_endpoint=url, context_window=window)
    session = await roster.session(await roster.create(wanted))
    for number in range(turns):
        await turn(session, SAID[number % len(SAID)])
    return await errors(session)


async def _measure() -> None:
    row(
        "provider, window", "first call", "after a test call", "next agent's", "later: median", "later: worst", "over 2 %",
        "calls",
    )  # fmt: skip
    counted: dict[str, Counting] = {
        "the same vocabulary": prompt_tokens, "OpenAI's formula": openai_style,
        "unknown: cl100k and hidden words": another_vocabulary,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            counted["unknown: SmolLM2's pieces"] = small_vocabulary(*await roster.gateway.builtin.address("builtin"))
            for name, count in counted.items():
                for window in (8192, 32_768):
                    model = "openai/gpt-4o" if "OpenAI" in name else "openai/scripted"
                    await talked(roster, name.removeprefix("unknown: "), window, model, count)
            first, *later = await _errors_of(roster, 2048, "builtin", None, 16)
            again = (await _errors_of(roster, 2048, "builtin", None, 1))[0]
            _told("the offline model's server, 2,048", (first, first, again), later)


def main() -> None:
    asyncio.run(_measure())


if __name__ == "__main__":
    main()
