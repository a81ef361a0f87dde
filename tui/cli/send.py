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
LONG_S = 3.0  # of waiting, that a person wants to know the reason of
SCREEN_ONLY = ("context", "activity", "notice", "rewound", "job")


def run(options: argparse.Namespace) -> int:
    agent, status = front.chosen_agent(find_home(), options.agent), DONE
    for text in _turns(options):  # read outside of the loop, whose first Ctrl+C a read would not hear
        status = max(status, asyncio.run(_send(agent, text, options)))
        if status == INTERRUPTED:
            break
    return status


def _turns(options: argparse.Namespace) -> Iterator[str]:
    """The messages: each line of stdin with `--lines`, else the one that is given or piped."""
    if options.lines:
        if options.text not in (None, "-"):
            raise UserError("--lines reads the messages from stdin; there is a TEXT too.", "Leave one out.", status=2)
        yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        return
    text = options.text
    if text == "-" or (text is None and not sys.stdin.isatty()):
        text = sys.stdin.read()
    if text is None or not text.strip():
        raise UserError("There is no message to send.", 'Write memgpt send "Hello", or pipe one in.', status=2)
    yield text.rstrip("\n")


async def _send(agent: str, text: str, options: argparse.Namespace) -> int:
    link = await Link.open(role="send")
    try:
        return await _turn(link, agent, text, options)
    finally:
        await link.close()


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
    told = _Lines() if options.json else _Words(live=options.stream and sys.stdout.isatty())
    status, ended = DONE, False
    async for event in link.stream("send", **params):
        kind = event.get("type")
        if kind == "notice":
            complain(event["text"])
        if kind is None or kind in SCREEN_ONLY or (kind == "delta" and not options.stream):
            continue
        told(event)
        if kind in ("error", "cancelled"):
            status = FAILED
        ended = ended or kind == "turn_end"
    if not ended:
        complain("The message was taken back before its turn had begun. Send it again.")
    return status if ended else FAILED


def complain(text: str) -> None:
    print(f"memgpt: {inert(text)}".rstrip(), file=sys.stderr, flush=True)


class _Lines:
    """The events as they are, one JSON object a line."""

    def __call__(self, event: dict[str, Any]) -> None:
        print(json.dumps(event, ensure_ascii=False), flush=True)


class _Words:
    """The reply alone. `live` shows it as it arrives: on a terminal, since a pipe cannot take back what an answer that
    breaks off and is asked for again has left there."""

    def __init__(self, live: bool) -> None:
        self._live, self._told = live, sys.stderr.isatty()
        self._shown = ""  # of the answer that is arriving
        self._again = ""  # of the one before it, which is void

    def __call__(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "delta" if self._live and event["of"] == "assistant_message":
                self._arrived(inert(event["text"]))
            case "retry":
                self._waits(event)
            case "assistant_message":
                self._whole(inert(event["text"]))
            case "error" | "cancelled":
                self._finish()
                complain(f"{event['message']} {event['hint']}")

    def _waits(self, event: dict[str, Any]) -> None:
        """Whoever watches is told of a long wait."""
        if self._shown:
            self._again, self._shown = self._shown, ""
        elif self._told and event["wait_s"] >= LONG_S:
            complain(f"{event['reason']} Asked again in {event['wait_s']:.0f} s.")

    def _arrived(self, text: str) -> None:
        """Prints what goes beyond the void answer as long as it says the same, else begins a new line."""
        before = self._shown
        self._shown += text
        if self._again and self._shown.startswith(self._again):
            text, self._again = self._shown[len(self._again) :], ""
        elif self._again and self._again.startswith(self._shown):
            return
        elif self._again:
            self._restart()
            text = before + text
        print(text, end="", flush=True)

    def _restart(self) -> None:
        self._again = ""
        print(flush=True)
        complain("The answer broke off and begins again:")

    def _whole(self, text: str) -> None:
        if self._again and text != self._again:
            self._restart()
            self._shown = ""
        print("" if self._shown or self._again else text, flush=True)
        self._shown = self._again = ""

    def _finish(self) -> None:
        """The line that was begun is ended, whatever came of it."""
        if self._shown or self._again:
            print(flush=True)
        self._shown = self._again = ""
