"""Bell, title and desktop notice when a long turn ends: for people who look elsewhere meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tui.text import inert

LONGEST_TITLE = 60
ESC, BEL = "\x1b", "\a"


def title(text: str) -> str:
    """The sequence that names the terminal's window."""
    return f"{ESC}]2;{_plain(text)[:LONGEST_TITLE]}{BEL}"


def ended(
    agent: str, seconds: float, reason: str, settings: Mapping[str, Any], environment: Mapping[str, str] = os.environ
) -> str:
    """What is sent to the terminal when a turn has ended; empty where it was short, or nothing is wanted."""
    if seconds < float(settings.get("notify.after", 0)):
        return ""
    words = {"done": "has answered", "error": "failed", "cancelled": "", "step_cap": "stopped at its step limit"}
    said = words.get(reason, "is done")
    if not said:
        return ""
    parts = [BEL] if settings.get("notify.bell") else []
    if settings.get("notify.desktop"):
        parts.append(_desktop("MemGPT", f"{agent} {said} after {seconds:.0f} s", environment))
    return "".join(parts)


def _desktop(head: str, text: str, environment: Mapping[str, str]) -> str:
    """OSC 777 where it is known to be understood, else OSC 9; through tmux wrapped, as tmux wants it."""
    if environment.get("TERM", "").startswith(("rxvt", "foot")) or environment.get("TERM_PROGRAM") in (
        "ghostty",
        "WezTerm",
    ):
        sequence = f"{ESC}]777;notify;{_plain(head)};{_plain(text)}{BEL}"
    else:
        sequence = f"{ESC}]9;{_plain(text)}{BEL}"
    if "TMUX" in environment:
        doubled = sequence.replace(ESC, ESC * 2)
        return f"{ESC}Ptmux;{doubled}{ESC}\\"
    return sequence


def _plain(text: str) -> str:
    return inert(text).replace("\n", " ").replace(";", ",")
