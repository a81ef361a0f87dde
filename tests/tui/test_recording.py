"""The recorded session of the documentation plays, and shows what it is there for."""

from __future__ import annotations

import json
from pathlib import Path

import pyte

CAST = Path(__file__).parents[2] / "docs" / "tour.cast"
SEEN = (
    "1 of 8",
    "Keeps the lighthouse on Lundy",
    "memory pressure",
    "moved to recall",
    "← recall",
    "← archival 1 of 1",
)


def test_the_recording_plays() -> None:
    head, *events = [json.loads(line) for line in CAST.read_text(encoding="utf-8").splitlines()]
    assert head["version"] == 2 and (head["width"], head["height"]) == (100, 30)
    times = [at for at, kind, _ in events if kind == "o"]
    assert times == sorted(times) and len(times) == len(events) and times[-1] < 240
    screen = pyte.Screen(head["width"], head["height"])
    stream = pyte.Stream(screen)
    wanted = list(SEEN)
    for _, _, text in events:
        stream.feed(text)
        if wanted and wanted[0] in "\n".join(screen.display):
            wanted.pop(0)
    assert not wanted, "one after the other, each was to be seen"
    assert "\x1b[?1049l" in "".join(text for *_, text in events[-5:]), "the terminal is given back"
