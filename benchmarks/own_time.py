"""Our own time for one model call, through the socket, on top of a bare litellm call with the same prompt, for a model
that answers at once; shallow and deep, `auto_recall` off and on.

Both are asked by turns, so that a busy machine is as busy for one as for the other. The disk is told of too: a call has
two commits, and neither can take less than it does.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from typing import Any

from benchmarks.support import deep, median, model, program, row, server, settled
from core.functions.conversation import base_executor
from core.llm.protocol import native_tools
from core.llm.tokens import prepare_environment
from memgpt.link import Link
from tests.support.program import Program

ROUNDS, CALLS, FIRST, DEEP = 6, 12, 2, 10_000  # the first calls of a round are not counted


def sent(found: Program, agent: str) -> list[dict[str, Any]]:
    """The prompt as it stands."""
    messages: list[dict[str, Any]] = found.good("show", "context", "--agent", agent, "--json").json["messages"]
    return messages


async def bare(url: str, messages: list[dict[str, Any]]) -> list[float]:
    """Seconds of litellm alone, with the same functions and settings, streaming, to the end of the answer."""
    prepare_environment()
    import litellm

    litellm.suppress_debug_info = True
    taken, tools = [], native_tools(base_executor().schemas(plain=False))
    for _ in range(CALLS):
        began = time.perf_counter()
        answer = await litellm.acompletion(
            model="openai/scripted", api_base=url, api_key="none", messages=messages, tools=tools, stream=True,
            max_tokens=1024, max_retries=0, timeout=120.0, stream_options={"include_usage": True},
        )  # fmt: skip
        async for _chunk in answer:
            pass
        taken.append(time.perf_counter() - began)
    return taken[FIRST:]


async def ours(found: Program, agent: str) -> list[float]:
    link = await Link.open(found.home, role="send")
    taken = []
    for number in range(CALLS):
        began = time.perf_counter()
        async for _ in link.stream("send", agent=agent, text=f"Number {number} please."):
            pass
        taken.append(time.perf_counter() - began)
    await link.close()
    return taken[FIRST:]


async def by_turns(found: Program, url: str, agent: str) -> tuple[float, float]:
    """Median seconds of litellm alone and of ours."""
    alone, spent = [], []
    for _ in range(ROUNDS):
        alone += await bare(url, await asyncio.to_thread(sent, found, agent))
        spent += await ours(found, agent)
    return median(alone), median(spent)


def disk() -> float:
    """Median seconds until two kilobytes more are on disk."""
    taken = []
    with tempfile.NamedTemporaryFile(prefix="memgpt-bench-", buffering=0) as file:
        for _ in range(100):
            file.write(bytes(2048))
            began = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)


def main() -> None:
    window = 200_000
    with server("instant") as url, program() as found:
        found.good("send", "--agent", "shallow", "--create", *model(url, window), "Hello")
        deep(found, "deep", DEEP, url)
        found.good("configure", "--agent", "deep", "--set", f"context_window={window}")
        row("the disk, a commit", f"{disk() * 1000:.1f}")
        row("", "p50 ms", "ours on top")
        for agent in ("shallow", "deep"):
            for recall in ("off", "on"):
                found.good("configure", "--agent", agent, "--set", f"auto_recall={recall}")
                found.good("search", "recall", "warm", "--agent", agent)
                settled(found.home)
                alone, spent = asyncio.run(by_turns(found, url, agent))
                row(f"{agent}, auto_recall {recall}", f"{spent * 1000:.1f}", f"{(spent - alone) * 1000:.1f}")
                row("  litellm alone", f"{alone * 1000:.1f}")


if __name__ == "__main__":
    main()
