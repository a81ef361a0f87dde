"""Draws the picture of docs/memory.md from a real conversation: `python -m tests.support.course docs/memory.svg`.

Each column is one call of the model: what it was sent, by section. The model is scripted and on loopback.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from core.past.sent import context
from core.past.timeline import timeline
from tests.support import model_server as scripted
from tests.support.agents import make_session, open_roster, turn
from tests.support.model_server import ModelServer, Scripted

WINDOW, TURNS = 4096, 44
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 920, 360, 64, 28, 62
COLOURS = {
    "instructions": "#4c6a92", "functions": "#7f9ac0", "core_memory": "#c2803d", "summary": "#8a5fa3",
    "messages": "#4f8f6b", "other": "#9a9a9a",
}  # fmt: skip
MARKS = {"evicted": "#b03a3a", "edit": "#c2803d", "search": "#4c6a92", "pressure": "#8a8a2a"}
WORDS = "the hive, the honey and the long winter, of which much was told again and again. "


def answering(request: dict[str, Any]) -> Scripted:
    return scripted.say(f"I see. {WORDS}") if request.get("tools") else scripted.plain(f"We spoke of {WORDS * 3}")


async def talked() -> tuple[list[dict[str, Any]], list[dict[str, int]]]:
    """The calls of the conversation, and the sections of each."""
    with ModelServer(fallback=answering) as server, tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            session = await make_session(roster, server, WINDOW)
            for number in range(TURNS):
                if number % 11 == 6:
                    server.script(scripted.call("core_memory_append", heartbeat=True, name="human", content=WORDS))
                if number % 13 == 9:
                    server.script(scripted.call("conversation_search", heartbeat=True, query="winter"))
                await turn(session, f"{number}: {WORDS * 3}")
            calls = (await timeline(session))["calls"]
            shown = [await context(session, call["step"]) for call in calls]
    return calls, [_grouped(each["sections"]) for each in shown]


def _grouped(sections: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found = dict.fromkeys(COLOURS, 0)
    for section in sections:
        name = section["name"].partition(".")[0]
        found[name if name in COLOURS else "other"] += section["tokens"]
    return found


def drawn(calls: Sequence[Mapping[str, Any]], sections: Sequence[Mapping[str, int]]) -> str:
    body = "\n".join([*_columns(calls, sections), *_lines(calls[-1]), *_legend()])
    style = "text{font:12px sans-serif;fill:#808080}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>Main context, call by call</title>\n<style>{style}</style>\n{body}\n</svg>\n"
    )


def _y(tokens: float) -> float:
    return HEIGHT - BOTTOM - tokens / WINDOW * (HEIGHT - BOTTOM - TOP)


def _columns(calls: Sequence[Mapping[str, Any]], sections: Sequence[Mapping[str, int]]) -> Iterator[str]:
    step = (WIDTH - LEFT - 110) / len(calls)
    for place, (call, parts) in enumerate(zip(calls, sections, strict=True)):
        x, under = LEFT + place * step, 0
        for name, tokens in parts.items():
            top = _y(under + tokens)
            yield _box(x, top, step - 1, _y(under) - top, COLOURS[name])
            under += tokens
        for mark in call["marks"]:
            if mark["kind"] in MARKS:
                yield f'<circle cx="{x + step / 2 - 0.5:.1f}" cy="{TOP - 12}" r="4" fill="{MARKS[mark["kind"]]}"/>'


def _lines(last: Mapping[str, Any]) -> Iterator[str]:
    for name, tokens in {"window": WINDOW, "evicts above": last["flush"], "warns above": last["warn"]}.items():
        y = _y(tokens)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - 106}" stroke="#808080" stroke-dasharray="4 3"/>'
        yield f'<text x="{WIDTH - 102}" y="{y + 4:.1f}">{name}</text>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tokens:,}</text>'


def _legend() -> Iterator[str]:
    for row, colours in enumerate((COLOURS, MARKS)):
        for place, (name, colour) in enumerate(colours.items()):
            x, y = LEFT + place * 130, HEIGHT - BOTTOM + 22 + row * 22
            yield (
                _box(x, y - 10, 12, 12, colour)
                if row == 0
                else f'<circle cx="{x + 6}" cy="{y - 4}" r="4" fill="{colour}"/>'
            )
            yield f'<text x="{x + 18}" y="{y}">{escape(name.replace("_", " "))}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawn(*asyncio.run(talked())), encoding="utf-8")
