"""Code in the colours of the theme: calm, readable on its ground, and none where the theme has none."""

from __future__ import annotations

from functools import lru_cache

from pygments.token import Comment, Keyword, Name, Number, String, Token
from rich.style import Style
from rich.syntax import SyntaxTheme, TokenType

from tui.theme import Look

ROLES: tuple[tuple[TokenType, str, bool], ...] = (  # token, role, bold; the first that holds it
    (Comment, "muted", False),
    (Keyword, "foreground", True),
    (String, "success", False),
    (Number, "accent", False),
    (Name.Decorator, "muted", False),
    (Name.Function, "accent", False),
    (Name.Class, "accent", False),
    (Token, "foreground", False),
)


class CodeStyle(SyntaxTheme):
    """The styles of tokens in one theme."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def get_style_for_token(self, token_type: TokenType) -> Style:
        role, bold = next((role, bold) for kind, role, bold in ROLES if token_type in kind)  # type: ignore[comparison-overlap]
        return self._look.style(role, bold=bold)

    def get_background_style(self) -> Style:
        return Style()


@lru_cache(maxsize=8)
def code_style(look: Look) -> CodeStyle:
    return CodeStyle(look)
