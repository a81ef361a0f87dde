"""Replies in the words that the user has put in the place of the model's: `/rethink` and `/rewrite`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from core.messages import Step, Text

REWORDED = {"rethink": "thought", "rewrite": "said"}


def as_reworded(steps: Sequence[Step]) -> list[Step]:
    """The steps with each reply among them as the later ones have it."""
    found = {step.id: step for step in steps}
    for change in steps:
        if change.kind in REWORDED and change.body["of"] in found:
            found[change.body["of"]] = reworded(found[change.body["of"]], change.kind, change.texts["text"])
    return list(found.values())


def reworded(reply: Step, kind: str, text: Text) -> Step:
    """A reply as `/rethink` or `/rewrite` has it."""
    texts = {**reply.texts, REWORDED[kind]: text}
    if kind == "rethink":
        return replace(reply, texts=texts, body={**reply.body, "reasoned": 0})
    return replace(reply, texts=texts, body={**reply.body, "calls": _said(reply.body["calls"], text.body)})


def _said(calls: Sequence[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The first call that speaks says it all; the others, which have returns as well, say nothing."""
    found, left = [], text
    for call in calls:
        if call["name"] == "send_message" and not call["error"]:
            call, left = {**call, "arguments": {**call["arguments"], "message": left}}, ""
        found.append(call)
    return found
