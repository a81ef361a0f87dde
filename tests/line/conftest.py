"""The program in a pseudo-terminal, as the other tests of the terminal have it."""

from tests.tui.test_terminal import terminal

__all__ = ["terminal"]
