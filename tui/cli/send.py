"""`memgpt send`: turns without a screen, the reply on stdout and nothing else."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from typing import Any

from memgpt.home import UserError, find_home
from memgpt.link import Link
from tui.cli import front
from tui.text import inert

DONE, FAILED, INTERRUPTED = 0, 1, 130
SCREEN_ONLY = ("context", "activity", "notice", "rewound")


def run(options: argparse.Namespace) -> int:
    return asyncio.run(_send(options, _turns(options)))


def _turns(options: argparse.Namespace) -> Iterator[str]:
    """The messages: each line of stdin with `--lines`, else the one that is given or piped."""
    if options.lines:
        yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        return
    text = options.text
    if text == "-" or (text is None and not sys.stdin.isatty()):
        text = sys.stdin.read()
    if text is None or not text.strip():
        raise UserError("There is no message to send.", 'Write memgpt send "Hello", or pipe one in.', status=2)
    yield text.rstrip("\n")


async def _send(options: argparse.Namespace, turns: Iterator[str]) -> int:
    home = find_home()
    agent = front.chosen_agent(home, options.agent)
    status = DONE
    for text in turns:
        link = await Link.open(home, role="send")
        try:
            status = max(status, await _turn(link, agent, text, options))
        finally:
            await link.close()
        if status == INTERRUPTED:
            break
    return status


async def _turn(link: Link, agent: str, text: str, options: argparse.Namespace) -> int:
    params = {
        "agent": agent, "text": text, "create": options.create, "model": options.model,
        "model_endpoint": options.model_endpoint, "context_window": options.context_window,
    }  # fmt: skip
    work = asyncio.ensure_future(_printed(link, params, options))
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    stop = asyncio.ensure_future(interrupted.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.is_set():
            await link.ask("cancel", agent=agent, own=True)
        status = await work
        return INTERRUPTED if interrupted.is_set() else status
    finally:
        stop.cancel()
        loop.remove_signal_handler(signal.SIGINT)


async def _printed(link: Link, params: dict[str, Any], options: argparse.Namespace) -> int:
    """Prints a turn as it happens; its exit status."""
    status, streamed = DONE, False
    async for event in link.stream("send", **params):
        kind = event.get("type")
        if kind is None or kind in SCREEN_ONLY or (kind == "delta" and not options.stream):
            continue
        if options.json:
            print(json.dumps(event, ensure_ascii=False), flush=True)
        elif kind == "delta" and event["of"] == "assistant_message":
            print(inert(event["text"]), end="", flush=True)
            streamed = True
        elif kind == "assistant_message":
            print("" if streamed else inert(event["text"]), flush=True)
            streamed = False
        if kind == "error":
            status = FAILED
            if not options.json:
                print(f"memgpt: {inert(event['message'])} {inert(event['hint'])}".rstrip(), file=sys.stderr)
    return status
