"""Big pastes, folded: in the prompt stands a token, what it stands for is kept beside it."""

from __future__ import annotations

LINES, CHARACTERS = 8, 1200  # from here on a paste is folded


class Folds:
    """The folded pastes of one prompt, by token."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def fold(self, text: str) -> str:
        """A token for a big text; a small one stays as it is."""
        lines = text.count("\n") + 1
        if lines < LINES and len(text) < CHARACTERS:
            return text
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        token = f"[paste {len(self.texts) + 1}: {size}]"
        while token in self.texts:
            token = token.replace("[paste ", "[paste +", 1)
        self.texts[token] = text
        return token

    def unfold(self, text: str) -> str:
        """The text with every token replaced by what it stands for."""
        for token, whole in self.texts.items():
            text = text.replace(token, whole)
        return text

    def token_before(self, line: str, column: int) -> str:
        """The token that ends at that column of a line, if one does."""
        return next((token for token in self.texts if line[:column].endswith(token)), "")
