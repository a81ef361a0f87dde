"""Text from models, tools and files, made safe to show: no control character of it reaches the terminal."""

from __future__ import annotations

import re

# C0 but tab and line feed, DEL, C1, and the marks that turn the direction of text around.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SEQUENCES = re.compile(
    "\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[PX^_].*?(?:\x1b\\\\|$)|[@-Z\\\\-_])", re.DOTALL
)


def inert(text: str) -> str:
    """The text without escape sequences and control characters; tabs become spaces, lone surrogates a mark."""
    plain = CONTROLS.sub("", SEQUENCES.sub("", text.replace("\r\n", "\n")))
    return plain.expandtabs(4).encode("utf-8", "replace").decode("utf-8")
