"""Our own time for one model call, through the socket, on top of a bare litellm call with the same prompt, for a model
that answers at once; shallow and deep, `auto_recall` off and on."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.support import deep, median, model, program, row, server, settled
from core.functions.conversation import base_executor
from core.llm.protocol import native_tools
from core.llm.tokens import prepare_environment
from memgpt.link import Link
from tests.support.program import Program

CALLS, DEEP = 60, 10_000


def sent(found: Program, agent: str) -> list[dict[str, Any]]:
    """The prompt as it stands."""
    messages: list[dict[str, Any]] = found.good("show", "context", "--agent", agent, "--json").json["messages"]
    return messages


def bare(url: str, messages: list[dict[str, Any]]) -> float:
    """Median seconds of litellm alone, with the same functions, streaming, to the end of the answer."""
    return median(asyncio.run(_bare(url, messages)))


async def _bare(url: str, messages: list[dict[str, Any]]) -> list[float]:
    prepare_environment()
    import litellm

    litellm.suppress_debug_info = True
    taken, tools = [], native_tools(base_executor().schemas(plain=False))
    for _ in range(CALLS):
        began = time.perf_counter()
        answer = await litellm.acompletion(
            model="openai/scripted", api_base=url, api_key="none", messages=messages, tools=tools, stream=True,
            max_tokens=1024,
            stream_options={"include_usage": True},
        )  # fmt: skip
        async for _chunk in answer:
            pass
        taken.append(time.perf_counter() - began)
    return taken[5:]


async def ours(found: Program, agent: str) -> list[float]:
    link = await Link.open(found.home, role="send")
    taken = []
    for number in range(CALLS):
        began = time.perf_counter()
        async for _ in link.stream("send", agent=agent, text=f"Number {number} please."):
            pass
        taken.append(time.perf_counter() - began)
    await link.close()
    return taken[5:]


def main() -> None:
    window = 200_000
    with server("instant") as url, program() as found:
        found.good("send", "--agent", "shallow", "--create", *model(url, window), "Hello")
        deep(found, "deep", DEEP, url)
        found.good("configure", "--agent", "deep", "--set", f"context_window={window}")
        row("", "p50 ms", "ours on top")
        for agent in ("shallow", "deep"):
            for recall in ("off", "on"):
                found.good("configure", "--agent", agent, "--set", f"auto_recall={recall}")
                found.good("search", "recall", "warm", "--agent", agent)
                settled(found.home)
                before = bare(url, sent(found, agent))
                spent = median(asyncio.run(ours(found, agent)))
                base = (before + bare(url, sent(found, agent))) / 2  # the prompt has grown meanwhile
                row(f"{agent}, auto_recall {recall}", f"{spent * 1000:.1f}", f"{(spent - base) * 1000:.1f}")
                row("  litellm alone", f"{base * 1000:.1f}")


if __name__ == "__main__":
    main()
