"""What the screen is compared with: an empty Textual app of four bordered panes and a text area."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static, TextArea


class Baseline(App[None]):
    CSS = """
    Static, #chat, TextArea { border: round white; }
    Static { height: 1fr; }
    #side { width: 45; }
    TextArea { height: 4; }
    """
    BINDINGS = [("ctrl+q", "quit", "quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        with Horizontal():
            with Vertical():
                yield Static("", id="chat")
                yield TextArea()
            with Vertical(id="side"):
                yield Static("")
                yield Static("")
                yield Static("")

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()


if __name__ == "__main__":
    Baseline().run()
