"""Thoughts that a model gives apart from its answer: read from the provider's fields or from tags in the text, and given
back with the message only where the provider wants them.

Anthropic signs its thoughts and wants them back unchanged beside the calls that they led to; DeepSeek and Moonshot want
their `reasoning_content` back there too; all others say to leave them out, and they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WANT_REASONING_BACK = ("deepseek", "moonshot", "kimi", "minimax")
OPEN, CLOSE = "<think>", "</think>"


def well_formed(text: str) -> str:
    """The text without halves of surrogate pairs, which no file and no terminal can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@dataclass(slots=True)
class Thoughts:
    """Collects the thoughts of one streaming answer."""

    _text: str = ""
    _blocks: list[dict[str, Any]] = field(default_factory=list)
    _tag: str = "?"  # what is known of a tag in the content: `?` it may come, `in` it has, `no` it has not or is over
    _held: str = ""  # content that may be the beginning of a tag

    @property
    def text(self) -> str:
        return self._text.strip()

    def feed(self, delta: Any) -> str:
        """What a piece of an answer holds in fields of the provider's own."""
        for block in getattr(delta, "thinking_blocks", None) or ():
            self._keep(dict(block))
        text = getattr(delta, "reasoning_content", None)
        if not isinstance(text, str) or not text:
            return ""
        self._text += well_formed(text)
        return well_formed(text)

    def split(self, content: str) -> tuple[str, str]:
        """A piece of the content as what is thought and what is said: servers that do not read a model's tags send them
        along."""
        if self._tag == "no":
            return "", content
        self._held += content
        if self._tag == "?":
            opened = self._held.lstrip()
            if OPEN.startswith(opened):  # also while it is empty
                return "", ""
            if not opened.startswith(OPEN):
                self._tag = "no"
                return "", self.held()
            self._tag, self._held = "in", opened.removeprefix(OPEN)
        thought, closed, rest = self._held.partition(CLOSE)
        if closed:
            self._tag, self._held = "no", ""
            self._text += thought
            return thought, rest.lstrip()
        keep = next((n for n in range(len(CLOSE) - 1, 0, -1) if self._held.endswith(CLOSE[:n])), 0)
        thought, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self._text += thought
        return thought, ""

    def held(self) -> str:
        """What was held back in case that it were a tag."""
        held, self._held = self._held, ""
        return held

    def wanted_back(self, model: str) -> dict[str, Any]:
        """What is to be sent with this message again."""
        if self._blocks:
            return {"thinking_blocks": [block for block in self._blocks if block.get("signature") or block.get("data")]}
        if self._text and any(name in model.lower() for name in WANT_REASONING_BACK):
            return {"reasoning_content": self._text}
        return {}

    def _keep(self, block: dict[str, Any]) -> None:
        """Pieces of one block make it up until its signature has come."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.get("signature") or last.get("data") or block.get("type") != last.get("type"):
            self._blocks.append({name: value for name, value in block.items() if value})
            return
        last["thinking"] = str(last.get("thinking") or "") + str(block.get("thinking") or "")
        if block.get("signature"):
            last["signature"] = block["signature"]
