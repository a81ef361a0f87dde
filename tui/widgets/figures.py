"""The lines under the map of main context: what each section takes, what is cached, what it costs, how it went."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from memgpt.words import money
from tui.context.mapping import EVICTION, GLYPHS, sparkline
from tui.theme import Look
from tui.view import View

LEGEND = (("instructions", "core_memory"), ("functions", "summary"), ("messages", "recalled"))
NAMES = {"core_memory": "core"}
OTHER = ("metadata", "overhead")
CACHED = "▔"


def tokens_of(view: View) -> dict[str, int]:
    """The tokens of each section, the blocks of core memory together."""
    found: dict[str, int] = {}
    for section in view.context.sections if view.context else ():
        name = section["name"].partition(".")[0]
        found[name] = found.get(name, 0) + section["tokens"]
    return found


def legend(view: View, look: Look, row: int, width: int) -> Strip:
    """Two sections with their glyphs and tokens."""
    tokens = tokens_of(view)
    pairs = [(name, NAMES.get(name, name), f"{tokens.get(name, 0):,}") for name in LEGEND[row]]
    return _halves([(GLYPHS[name], name, label, figure) for name, label, figure in pairs], look, width)


def other(view: View, look: Look, width: int) -> Strip:
    """What is neither, and how much of the last prompt was cached."""
    tokens, figures = tokens_of(view), view.figures
    rest = f"{sum(tokens.get(name, 0) for name in OTHER):,}"
    entries = [(GLYPHS["overhead"], "overhead", "other", rest)]
    if figures.prompt_tokens:
        share = f"{100 * figures.cached // figures.prompt_tokens} %"
        entries.append((CACHED, "cached", "cached", share))
    return _halves(entries, look, width)


def _halves(entries: list[tuple[str, str, str, str]], look: Look, width: int) -> Strip:
    half = width // 2
    segments = []
    for (glyph, section, label, figure), room in zip(entries, (half, width - half), strict=False):
        gap = max(1, room - 2 - len(label) - len(figure) - 2)
        style = look.style("muted") if section == "cached" else look.section(section)
        segments += [
            Segment(f"{glyph} ", style), Segment(label, look.style("muted")), Segment(" " * gap),
            Segment(f"{figure}  ", look.style("foreground")),
        ]  # fmt: skip
    return Strip(segments).adjust_cell_length(width)


def course(view: View, look: Look, width: int) -> Strip:
    """What was paid, and how full the window was at the last calls, with evictions."""
    figures = view.figures
    paid = money(figures.total_cost_usd) if figures.total_cost_usd else ""
    turn = f"turn {money(figures.cost_usd)}" if figures.cost_usd else ""
    text = "   ".join(part for part in (paid, turn) if part)
    head = f"{text}   " if text else ""
    bars = sparkline(figures.course, width - len(head) - 2, view.context.window if view.context else 0)
    segments = [Segment(head, look.style("muted"))]
    segments += [Segment(bar, look.style("warning" if bar == EVICTION else "accent")) for bar in bars]
    return Strip(segments).simplify().adjust_cell_length(width)
