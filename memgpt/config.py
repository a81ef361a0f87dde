"""Settings: what they are called, what they may be, how they are read and written."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from memgpt.home import Home, UserError, fold, locked, texts, write_private

DEFAULT_AGENT = "memgpt"
DAY_S, YEAR_S = 86_400, 31_536_000  # more than anybody waits for, and less than what clocks and timers break at
BUILTIN = "builtin"
BUILTIN_WINDOW = (
    2048  # of SmolLM2's: more costs it sense and you seconds, and so its paging is seen within half an hour
)


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `agent` marks those that are journalled with an agent; `choices` are all that it may be."""

    name: str
    kind: type
    default: Any
    help: str
    agent: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


KEYS: tuple[Key, ...] = (
    Key("model", str, BUILTIN, "any litellm name, `builtin`, or `gguf:FILE`", agent=True),
    Key("model_endpoint", str, "", "the base URL of a server of your own; empty: the provider's", agent=True),
    Key("context_window", int, 0, "tokens; 0: what the model has", agent=True, least=0),
    Key(
        "protocol", str, "auto", "how the model calls functions", agent=True, choices=("auto", "tools", "json", "text")
    ),
    Key("persona", str, "sam_pov", "the persona of new agents"),
    Key("human", str, "basic", "the human of new agents"),
    Key("theme", str, "dark", "the colours"),
    Key(
        "embedding_model", str, "", "a sentence-transformers name or folder; empty: the one that is shipped", agent=True
    ),
    Key(
        "paging.warn",
        float,
        0.7,
        "memory pressure, as a share of what the reply leaves",
        agent=True,
        least=0.1,
        most=1.0,
    ),
    Key("paging.flush", float, 1.0, "eviction, likewise", agent=True, least=0.2, most=1.0),
    Key("paging.keep", float, 0.5, "what eviction leaves, likewise", agent=True, least=0.05, most=0.95),
    Key(
        "paging.reserve",
        int,
        0,
        "tokens kept for the reply; 0: the smaller of 1,024 and window / 8",
        agent=True,
        least=0,
    ),
    Key(
        "paging.memory_edits",
        str,
        "rebuild",
        "how core memory edits reach the prompt",
        agent=True,
        choices=("rebuild", "append"),
    ),
    Key(
        "auto_recall",
        str,
        "auto",
        "search memory with each message before the model is asked",
        agent=True,
        choices=("auto", "on", "off"),
    ),
    Key(
        "monologue", str, "auto", "whether a reply without a call is the answer", agent=True, choices=("auto", "strict")
    ),
    Key(
        "fallbacks",
        str,
        "",
        "models that stand in where it cannot be had, in order: MODEL or MODEL@URL, commas between",
        agent=True,
    ),
    Key("budget.turn", float, 0.0, "US dollars a turn, after which it asks; 0: no limit", agent=True, least=0),
    Key(
        "budget.day",
        float,
        0.0,
        "US dollars a day for all agents together, after which it asks; 0: no limit",
        agent=True,
        least=0,
    ),
    Key(
        "approve",
        str,
        "nothing",
        "calls that wait for your word: nothing, those that change memory, or all",
        agent=True,
        choices=("nothing", "memory", "all"),
    ),
    Key("max_steps", int, 50, "model calls a turn", agent=True, least=1),
    Key("request_timeout", float, 120.0, "seconds without a byte from the model", agent=True, least=1, most=DAY_S),
    Key("retries", int, 4, "how often a failed call is tried again", agent=True, least=0, most=20),
    Key("heartbeat_minutes", float, 0.0, "timed heartbeats; 0: off", agent=True, least=0, most=YEAR_S / 60),
    Key("search_page_size", int, 5, "results on a page of a search function", agent=True, least=1, most=100),
    Key("timezone", str, "local", "`local` or an IANA name", agent=True),
    Key("notify.after", float, 20.0, "seconds of a turn from which its end is announced", least=0, most=YEAR_S),
    Key("notify.bell", bool, True, "ring the terminal's bell then"),
    Key("notify.desktop", bool, False, "show a desktop notice then (OSC 9 or 777)"),
    Key("notify.title", bool, True, "name the agent in the window's title"),
    Key("mouse", bool, True, "whether the screen takes the mouse; false leaves selecting to the terminal"),
    Key("engine_linger", float, 60.0, "seconds that the engine stays without a front end", least=0, most=YEAR_S),
)
BY_NAME: dict[str, Key] = {key.name: key for key in KEYS}
AGENT_KEYS: tuple[str, ...] = tuple(key.name for key in KEYS if key.agent)
TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
NAMED = {"persona": "personas", "human": "humans", "theme": "themes"}  # settings that name a text, and where those are
Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What a new agent begins with; what is left out comes from the settings."""

    name: str | None = None
    persona: str | None = None
    human: str | None = None
    model: str | None = None
    model_endpoint: str | None = None
    context_window: int | None = None

    @classmethod
    def of(cls, value: AgentConfig | Mapping[str, Any] | None) -> AgentConfig:
        """A config from itself, a mapping or nothing.

        Raises:
            UserError: the mapping has a key that is not one of ours.
        """
        if isinstance(value, AgentConfig):
            return value
        given = dict(value or {})
        known = {field.name for field in fields(cls)}
        if strange := sorted(set(given) - known):
            raise UserError(f"AgentConfig has no {strange[0]!r}.", f"It has {', '.join(sorted(known))}.", status=2)
        return cls(**given)

    def given(self) -> dict[str, Any]:
        """What is not left out.

        Raises:
            UserError: a name is no text.
        """
        found = {name: value for name, value in asdict(self).items() if value is not None}
        for name, value in found.items():
            if name != "context_window" and not isinstance(value, str):
                raise UserError(f"{name} must be a text, not {value!r}.", status=2)
        return found


def defaults() -> Settings:
    return {key.name: key.default for key in KEYS}


def load(home: Home) -> Settings:
    """Every setting of the home by its dotted name, those of `[keys]` as `keys.ACTION`.

    Raises:
        UserError: the file is not TOML, or a setting in it is unknown or of the wrong type.
    """
    try:
        written = tomllib.loads(home.config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return defaults()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{home.config} is not TOML: {error}.", "Mend it, or move it away to begin anew.") from None
    try:
        return {**defaults(), **{name: checked(name, value) for name, value in _flat(written).items()}}
    except UserError as error:
        raise UserError(f"{home.config}: {error.message}", error.hint) from None


def save(home: Home, changes: Mapping[str, Any]) -> None:
    """Writes changes into config.toml, whole or not at all; comments and order of the rest stay.

    Raises:
        UserError: one cannot be, as `checked_all` says; nothing is written.
    """
    import tomlkit

    with locked(home.config_lock):
        good = checked_all(home, changes)
        old = home.config.read_text(encoding="utf-8") if home.config.exists() else ""
        document = tomlkit.parse(old)
        for name, value in good.items():
            table, _, last = name.rpartition(".")
            place: Any = document.setdefault(table, tomlkit.table()) if table else document
            if table or last in place or not any(isinstance(item, dict) for item in document.values()):
                place[last] = value
            else:
                document = _with_top(document, last, value)
        write_private(home.config, tomlkit.dumps(document))


def checked_all(home: Home, changes: Mapping[str, Any]) -> Settings:
    """Changes as they can be written into the config.toml of that home.

    Raises:
        UserError: a setting is unknown or of the wrong type, names a text that is not there, or a key that cannot be had
            beside the others; or the file itself cannot be read.
    """
    good = {name: checked(name, value) for name, value in changes.items()}
    for name, kind in NAMED.items():
        if name in good:
            _check_named(home, name, kind, good[name])
    present = load(home)
    if any(name.startswith("keys.") for name in good):
        from memgpt import keyboard  # its table is long, and most changes are others

        keyboard.check(good, present)
    return good


def _check_named(home: Home, setting: str, kind: str, name: str) -> None:
    known = texts(home, kind)
    same = name in known if kind == "themes" else fold(name) in map(fold, known)
    if not same:
        raise UserError(f"There is no {setting} {name!r}.", f"Known are {', '.join(known)}.", status=2)


def _with_top(document: Any, name: str, value: Any) -> Any:
    """A plain key has to stand before the first table, or it would become part of that table."""
    import tomlkit

    head = tomlkit.document()
    head[name] = value
    return tomlkit.parse(tomlkit.dumps(head) + tomlkit.dumps(document))


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """`KEY=VALUE` arguments as checked settings.

    Raises:
        UserError: an argument is not of that form, or its setting is unknown or of the wrong type.
    """
    found: dict[str, Any] = {}
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign:
            raise UserError(f"{assignment!r} is not KEY=VALUE.", "Write, for example, --set model=builtin.", status=2)
        found[name.strip()] = checked(name.strip(), _typed(name.strip(), text.strip()))
    return found


def checked(name: str, value: Any) -> Any:
    """The value of a setting, as its type has it.

    Raises:
        UserError: no setting has that name, or it cannot have that value (exit status 2).
    """
    if name.startswith("keys."):
        if isinstance(value, str) and value.strip():
            return value
        raise UserError(
            f"{name} must be key names with a comma between.", "For example, ctrl+o or f2,ctrl+o.", status=2
        )
    key = BY_NAME.get(name)
    if key is None:
        raise UserError(f"There is no setting {name!r}.", f"Known are {', '.join(BY_NAME)} and keys.ACTION.", status=2)
    typed = type(value) is key.kind or (key.kind is float and type(value) is int)
    if not typed or (key.choices and value not in key.choices) or not _within(key, value):
        raise UserError(f"{name} must be {_describe(key)}, not {value!r}.", status=2)
    if name == "timezone":
        _check_zone(str(value))
    if name == "model_endpoint" and value:
        _check_url(name, value)
    if name == "fallbacks":
        for model in value.split(","):
            _, at, url = model.strip().rpartition("@http")
            if at:
                _check_url("what follows @ in fallbacks", f"http{url}")
    if name == "model" and not str(value).strip():
        raise UserError("model must be a name, not empty.", "Such as openai/gpt-4o, builtin or gguf:FILE.", status=2)
    return float(value) if key.kind is float else value


def _within(key: Key, value: Any) -> bool:
    if key.kind in (str, bool):
        return True
    least = -sys.float_info.max if key.least is None else key.least
    most = sys.float_info.max if key.most is None else key.most
    return bool(least <= value <= most)


def _check_url(what: str, value: str) -> None:
    """Checks that it is an address at which somebody can be asked; whether anybody answers is for others to find out."""
    from urllib.parse import urlsplit  # no command that has no address waits for it

    try:
        found = urlsplit(value)
        good = found.scheme in ("http", "https") and found.hostname and found.port != 0 and value.split() == [value]
    except ValueError:  # a port that is none, or half an IPv6 address
        good = False
    if not good:
        raise UserError(f"{what} must be a URL, not {value!r}.", "Such as http://127.0.0.1:8000/v1.", status=2)


def _check_zone(value: str) -> None:
    import zoneinfo

    if value == "local":
        return
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise UserError(
            f"timezone must be `local` or an IANA name, not {value!r}.", "For example, Europe/Zurich.", status=2
        ) from None


def _typed(name: str, text: str) -> Any:
    key = BY_NAME.get(name)
    if key is None or key.kind is str:
        return text
    if key.kind is bool:
        if text.lower() in TRUTH:
            return TRUTH[text.lower()]
        raise UserError(f"{name} must be {_describe(key)}, not {text!r}.", status=2)
    try:
        return key.kind(text)
    except ValueError:
        raise UserError(f"{name} must be {_describe(key)}, not {text!r}.", status=2) from None


def _describe(key: Key) -> str:
    if key.choices:
        return f"one of {', '.join(key.choices)}"
    kind = {bool: "true or false", str: "a text", int: "a whole number", float: "a number"}[key.kind]
    bounds = [f"at least {key.least:,.10g}"] if key.least is not None else []
    bounds += [f"at most {key.most:,.10g}"] if key.most is not None else []
    return f"{kind} ({', '.join(bounds)})" if bounds else kind


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
