"""Colours from `themes/*.toml`: read, checked, and given to Textual and to rich alike."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.style import Style

from memgpt.home import Home, UserError, texts

if TYPE_CHECKING:
    from textual.theme import Theme

DEFAULT, WITHOUT_COLOR = "dark", "no-colour"
COLORS = ("background", "surface", "panel", "foreground", "muted", "border", "accent", "warning", "error", "success")
SECTIONS = (
    "instructions", "functions", "core_memory", "metadata", "summary", "messages", "messages_alternate", "recalled",
    "overhead",
)  # fmt: skip
NO_COLOR = "ansi_default"
COLOR = re.compile(r"#[0-9a-fA-F]{6}|ansi_(default|(bright_)?(black|red|green|yellow|blue|magenta|cyan|white))")


@dataclass(frozen=True)
class Look:
    """One theme: a colour for every role and for every section of main context."""

    name: str
    dark: bool
    ansi: bool
    colors: Mapping[str, str]
    sections: Mapping[str, str]

    @property
    def plain(self) -> bool:
        """Without any colour: what others tell by it is told by weight and reversal."""
        return set(self.colors.values()) == {NO_COLOR}

    def __hash__(self) -> int:
        return hash(self.name)

    def style(self, role: str, *, bold: bool = False, italic: bool = False) -> Style:
        """The style of a role. What is muted is dim too where the terminal's own palette decides the colours."""
        dim = self.ansi and role in ("muted", "border")
        return _style(_plain(self.colors[role]), bold, italic, dim)

    @property
    def ground(self) -> Style:
        """Foreground and background under everything that says nothing else: a line-API widget brings its own."""
        return _ground(_plain(self.colors["foreground"]), _plain(self.colors["background"]))

    def section(self, name: str) -> Style:
        """The style of a section of main context, `core_memory.human` and the like included."""
        return _style(_plain(self.sections.get(name.partition(".")[0], self.colors["muted"])), False, False, False)


@lru_cache(maxsize=256)
def _style(color: str, bold: bool, italic: bool, dim: bool) -> Style:
    return Style(color=None if color == "default" else color, bold=bold or None, italic=italic or None, dim=dim or None)


@lru_cache(maxsize=16)
def _ground(color: str, background: str) -> Style:
    return Style() if background == "default" else Style(color=color, bgcolor=background)


def _plain(color: str) -> str:
    """A colour as rich names it."""
    return color.removeprefix("ansi_")


def load(home: Home, name: str) -> Look:
    """The theme of that name, the user's own before the shipped one.

    Raises:
        UserError: there is none, or its file is not a theme.
    """
    path = texts(home, "themes").get(name)
    if path is None:
        raise UserError(f"There is no theme {name!r}.", f"There are {', '.join(texts(home, 'themes'))}.", status=2)
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
        return _look(name, value)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise UserError(f"The theme {path} cannot be used: {error}.", "A shipped theme shows the form.") from None


def load_or_default(home: Home, name: str) -> tuple[Look, str]:
    """The theme that the settings name, or where it cannot be had the default one, and why."""
    try:
        return load(home, name), ""
    except UserError as error:
        return load(Home(home.path / "without-themes"), DEFAULT), f"{error.message} The theme {DEFAULT} is used."


def wanted(setting: str, environment: Mapping[str, str] = os.environ) -> str:
    """The theme of the settings, or where the environment asks for no colour (https://no-color.org) and none was chosen, one without."""
    return WITHOUT_COLOR if environment.get("NO_COLOR") and setting == DEFAULT else setting


class Watch:
    """Whether the file of the theme that is shown has changed since it was looked at last. The user's own are watched;
    those that are shipped do not change."""

    def __init__(self, home: Home, name: str) -> None:
        self._home = home
        self.follow(name)

    def follow(self, name: str) -> None:
        """Watches the file of another theme."""
        self._path = self._home.path / "themes" / f"{name}.toml"
        self._stamp = self._now()

    def changed(self) -> bool:
        old, self._stamp = self._stamp, self._now()
        return self._stamp != old and self._stamp is not None

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def _look(name: str, value: Mapping[str, object]) -> Look:
    colors, sections = _table(value, "colors", COLORS), _table(value, "sections", SECTIONS)
    return Look(name, bool(value.get("dark", True)), bool(value.get("ansi", False)), colors, sections)


def _table(value: Mapping[str, object], table: str, names: tuple[str, ...]) -> dict[str, str]:
    given = value.get(table)
    if not isinstance(given, dict):
        raise ValueError(f"[{table}] is missing")
    for name in names:
        if not COLOR.fullmatch(str(given.get(name, ""))):
            raise ValueError(f"{table}.{name} must be a colour such as #6cb6d9 or ansi_cyan")
    return {name: str(given[name]) for name in names}


def for_textual(look: Look) -> Theme:
    """The theme as Textual registers it; `$muted` and `$line` are ours."""
    from textual.theme import Theme

    color = look.colors
    ground = "ansi_default" if look.ansi else color["background"]
    return Theme(
        name=look.name,
        primary=color["accent"], secondary=color["accent"], accent=color["accent"], warning=color["warning"],
        error=color["error"], success=color["success"], foreground=color["foreground"], background=ground,
        surface=color["surface"], panel=color["panel"], dark=look.dark, ansi=look.ansi,
        variables={
            "ansi-background": ground, "ansi-foreground": color["foreground"],  # its own themes for sixteen colours have these
            "muted": color["muted"], "line": color["border"], "border": color["accent"],
            "border-blurred": color["border"], "scrollbar": color["border"], "scrollbar-background": ground,
            "scrollbar-hover": color["muted"], "scrollbar-active": color["accent"],
            "scrollbar-background-hover": ground, "scrollbar-background-active": ground,
            "scrollbar-corner-color": ground,
        },
    )  # fmt: skip
