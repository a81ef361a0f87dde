"""The slash palette's matching and the command palette, both from the one table of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.fuzzy import Matcher

from memgpt.commands import COMMANDS, Command, only_looks
from memgpt.keyboard import ACTIONS, CHANGING
from tui.keymap import shown_keys

if TYPE_CHECKING:
    from tui.app import MemGPTApp


def matching(typed: str) -> list[Command]:
    """The commands that a typed beginning may mean, best first; all of them for a lone slash.

    The first letter has to be right: Enter takes the first, and `/x` must not leave the program, nor `/e`, which may mean
    another command.
    """
    word = typed.removeprefix("/").partition(" ")[0].lower()
    if not word:
        return list(COMMANDS)
    starts = [
        command for command in COMMANDS if any(name.startswith(word) for name in (command.name, *command.aliases))
    ]
    starts.sort(key=lambda command: command.name == "exit" and word not in (command.name, *command.aliases))
    matcher = Matcher(word)
    scored = [
        (matcher.match(command.name), command)
        for command in COMMANDS
        if command not in starts and command.name[0] == word[0]
    ]
    return starts + [command for score, command in sorted(scored, key=lambda pair: -pair[0]) if score > 0]


class SlashCommands(Provider):
    """Every slash command and every key of the app, for Ctrl+P; a command that needs an argument is put into the
    prompt. Who only looks on is shown what changes nothing."""

    @property
    def _app(self) -> MemGPTApp:
        from tui.app import MemGPTApp

        assert isinstance(self.app, MemGPTApp)
        return self.app

    def _rows(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        """What is shown, what it does, and how it is done; where it works only on a message, how to get there."""
        app, looks_on = self._app, self._app.options.read_only
        for command in COMMANDS:
            if looks_on and not only_looks(command.name):
                continue
            yield f"/{command.name}", command.help, partial(app.choose_command, command)
        for action in ACTIONS:
            if looks_on and action.name in CHANGING:
                continue
            shown = shown_keys(action.name, app.settings)
            if action.where == "app" and not action.method:
                yield action.name.replace("_", " "), f"{shown}: {action.help}", partial(app.do, action.name)
            elif action.where == "chat" and action.short:
                yield f"message: {action.short}", f"{shown} in the chat: {action.help}", self._to_the_chat

    def _to_the_chat(self) -> None:
        self._app.chat.focus()

    async def discover(self) -> Hits:
        for name, help_, work in self._rows():
            yield DiscoveryHit(name, work, help=help_)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, help_, work in self._rows():
            score = max(matcher.match(name), matcher.match(help_) * 0.8)
            if score > 0:
                yield Hit(score, matcher.highlight(name), work, help=help_)
