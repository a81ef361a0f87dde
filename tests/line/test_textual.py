"""What of Textual is worked around, or reached for though it is private: each test says when that may go."""

from __future__ import annotations

import inspect

from textual import _ansi_sequences
from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, Paste
from textual.widgets import Static

from tui.prompting.pasting import PasteParser


class Lines(App[None]):
    """A screen on which one character of forty lines changes."""

    def compose(self) -> ComposeResult:
        yield Static("\n".join(["a" * 80] * 20), markup=False)


async def test_textual_sends_regions_that_did_not_change() -> None:
    """When this fails, Textual tells cells apart itself, and `tui/line/sheet.py` may go."""
    app = Lines()
    async with app.run_test(size=(80, 24)) as pilot:
        static, compositor = app.query_one(Static), app.screen._compositor
        await pilot.pause()
        static.update("\n".join(["a" * 80] * 19 + ["b" * 80]))
        compositor.update_widgets({static})
        sent = compositor.render_partial_update()
        assert sent is not None and len(sent.render_segments(app.console)) > 80 * 19


def test_textual_reads_on_when_the_terminal_is_gone() -> None:
    """When this fails, it may end by itself at the end of its input, and `LineDriver.run_input_thread` may go."""
    source = inspect.getsource(LinuxDriver.run_input_thread)
    assert "if not unicode_data:" in source and "exit" not in source.partition("if not unicode_data:")[2][:120]


def test_textual_waits_for_more_after_a_key_with_alt() -> None:
    """When the first line fails, Textual knows such keys at once, and `WITH_ALT` of `tui/prompting/pasting.py` may go."""
    assert list(XTermParser().feed("\x1bn")) == []
    assert _keys("\x1bn") == ["alt+n"]
    assert _keys("a\x1bé\x1b1b") == ["a", "alt+é", "alt+1", "b"]
    assert _keys("a\x1b\rb\r") == ["a", "alt+enter", "b", "enter"]
    assert _keys("\x1b[5~", "\x1bO", "P", "\x1b[1;3A") == ["pageup", "f1", "alt+up"]
    assert _keys("\x1b[200~a\x1bnb\x1b[201~") == ["anb"]
    assert _keys("\x1b[20", "0~x\x1b", "n\x1b[201~", "\x1bn") == ["xn", "alt+n"]


def _keys(*reads: str) -> list[str]:
    """Keys, and what was pasted, that come of what is read, each at once."""
    parser = PasteParser()
    told = [message for data in reads for message in parser.feed(data)]
    return [
        message.key if isinstance(message, Key) else message.text
        for message in told
        if isinstance(message, (Key, Paste))
    ]


def test_what_is_private_is_still_there() -> None:
    """When an app may say publicly how a failure is told, `MemGPTApp._handle_exception` may go."""
    assert not any(hasattr(App, name) for name in ("on_exception", "handle_exception", "on_unhandled_exception"))
    assert list(inspect.signature(App._handle_exception).parameters) == ["self", "error"]
    assert {"feed", "tick", "_sequence_to_key_events"} <= set(dir(XTermParser))
    assert (_ansi_sequences.SYNC_START, _ansi_sequences.SYNC_END) == ("\x1b[?2026h", "\x1b[?2026l")
