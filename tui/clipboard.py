"""Copying, and saying truly where the text went: into tmux, into the desktop's clipboard, to the terminal, or a file."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from memgpt.home import Home, write_private

LONGEST_OSC52 = 74_994  # bytes of text: 100,000 encoded; what is longer many terminals drop in silence
WAIT_S = 2.0


def copy(text: str, home: Home, write: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> str:
    """Puts a text where it can be pasted from, and says where that is.

    What confirms itself comes first. A terminal never answers whether it took the text, so where only that is left the
    text is written to a file too. `write` sends a control sequence to the terminal.
    """
    size = f"{len(text):,} character{'s' if len(text) != 1 else ''}"
    tmux = "TMUX" in environment and _took(["tmux", "load-buffer", "-w", "-"], text, environment)
    remote = any(name in environment for name in ("SSH_CONNECTION", "SSH_TTY"))
    tool = "" if remote else _tool(text, environment)
    if tool:
        return f"Copied {size} to the clipboard ({tool})."
    if tmux:
        return f"Copied {size} to tmux's buffer, and to the terminal's clipboard where tmux may set it."
    path = home.path / "copied.txt"
    write_private(path, text)
    if len(text.encode()) <= LONGEST_OSC52 and not environment.get("STY") and environment.get("TERM") != "dumb":
        write(f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a")
        return f"Offered {size} to the terminal's clipboard (OSC 52), which does not say whether it took them; also in {path}."
    return f"No clipboard can be reached from here: {size} written to {path}."


def _tool(text: str, environment: Mapping[str, str]) -> str:
    """The desktop's own tool that took the text; empty where none did."""
    tools = []
    if sys.platform == "darwin":
        tools.append(["pbcopy"])
    if environment.get("WAYLAND_DISPLAY"):
        tools.append(["wl-copy"])
    if environment.get("DISPLAY"):
        tools += [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
    return next((tool[0] for tool in tools if _took(tool, text, environment)), "")


def _took(command: list[str], text: str, environment: Mapping[str, str]) -> bool:
    """Whether a program is there, took the text and ended well."""
    program = shutil.which(command[0], path=environment.get("PATH"))
    if program is None:
        return False
    try:
        done = subprocess.run(
            [program, *command[1:]], input=text.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(environment), timeout=WAIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
