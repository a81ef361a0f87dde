"""Words that are to be erased, and where they stand: for the engine's files and for those of the screen alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHORT = 16  # characters; of what is named by its id, shorter words stand in much that has nothing to do with it


@dataclass(frozen=True, slots=True)
class Wording:
    """Words that were given are erased wherever they stand. Of a message that was named by its id (`alone`), short ones
    are erased only where they are the whole of a text: an "ok" is not taken out of a book."""

    text: str
    alone: bool = False

    def holds(self, value: str) -> bool:
        return value.strip() == self.text.strip() if self._whole else self.text in value

    def replaced(self, value: str, mark: str) -> str:
        if self._whole:
            return mark if self.holds(value) else value
        return value.replace(self.text, mark)

    @property
    def _whole(self) -> bool:
        return self.alone and len(self.text) < SHORT


def held(wordings: Sequence[Wording], value: str) -> bool:
    """Whether any of them stands in a text."""
    return any(wording.holds(value) for wording in wordings)
