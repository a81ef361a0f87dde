"""The slash palette's matching and the command palette, both from the one table of commands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.fuzzy import Matcher

from memgpt.commands import COMMANDS, Command

if TYPE_CHECKING:
    from tui.app import MemGPTApp


def matching(typed: str) -> list[Command]:
    """The commands that a typed beginning may mean, best first; all of them for a lone slash.

    The first letter has to be right: Enter takes what is marked, and `/x` must not leave the program.
    """
    word = typed.removeprefix("/").partition(" ")[0].lower()
    if not word:
        return list(COMMANDS)
    starts = [
        command for command in COMMANDS if any(name.startswith(word) for name in (command.name, *command.aliases))
    ]
    matcher = Matcher(word)
    scored = [
        (matcher.match(command.name), command)
        for command in COMMANDS
        if command not in starts and command.name[0] == word[0]
    ]
    return starts + [command for score, command in sorted(scored, key=lambda pair: -pair[0]) if score > 0]


class SlashCommands(Provider):
    """Every slash command, for Ctrl+P; one that needs an argument is put into the prompt."""

    @property
    def _app(self) -> MemGPTApp:
        from tui.app import MemGPTApp

        assert isinstance(self.app, MemGPTApp)
        return self.app

    async def discover(self) -> Hits:
        for command in COMMANDS:
            yield DiscoveryHit(f"/{command.name}", partial(self._app.choose_command, command), help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in COMMANDS:
            score = max(matcher.match(command.name), matcher.match(command.help) * 0.8)
            if score > 0:
                yield Hit(
                    score, matcher.highlight(f"/{command.name}"), partial(self._app.choose_command, command),
                    help=command.help,
                )  # fmt: skip
