"""The function executor: find, validate, run, and package what came of it for the model."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Protocol

from core.context.blocks import EditRefused
from core.functions.schema import HEARTBEAT, schema_of
from core.memory.filters import Filters
from core.messages import Block, Pending

OK = "OK"
FAILED = "Failed"
INTERRUPTED = "interrupted before it could finish; it was not run again"


class FunctionFailed(Exception):
    """A call that did nothing; the message tells the model why and what to do."""


@dataclass(frozen=True, slots=True)
class BlockChange:
    """The effect of an edit of core memory."""

    label: str
    after: str


@dataclass(frozen=True, slots=True)
class NewPassage:
    """The effect of an insertion into archival memory."""

    text: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """Timed heartbeats are to stay away for so many minutes."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search, as the function that asked for it needs it."""

    hits: tuple[Mapping[str, str], ...]
    total: int
    note: str = ""


Effect = BlockChange | NewPassage | Pause


class External(Protocol):
    """What functions may ask of external context; pages are counted from 0."""

    async def search(self, kind: str, query: str, page: int, filters: Filters) -> Page: ...
    async def by_date(self, start: str, end: str, page: int) -> Page: ...
    async def holds(self, text: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a function sees of the agent. It changes nothing itself: effects are returned and committed with the result."""

    blocks: Mapping[str, Block]
    external: External
    zone: tzinfo | None
    page_size: int
    result_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a function came to: its text for the model, and what is to be committed with it."""

    text: str
    effect: Effect | None = None
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A call's return: `status` is `OK` or `Failed`; `again` gives control back to the model."""

    status: str
    text: str
    effect: Effect | None = None
    again: bool = False


Function = Callable[..., Awaitable[Outcome]]


@dataclass(slots=True)
class Executor:
    """The functions that one agent may call."""

    functions: Mapping[str, Function]
    _schemas: dict[bool, list[dict[str, Any]]] = field(default_factory=dict)

    def schemas(self, plain: bool) -> list[dict[str, Any]]:
        if plain not in self._schemas:
            self._schemas[plain] = [schema_of(function, name, plain) for name, function in self.functions.items()]
        return self._schemas[plain]

    async def run(self, call: Pending, context: Context) -> Result:
        """Runs one call; whatever goes wrong comes back as `Failed` with the reason, never as an exception."""
        arguments = dict(call.arguments)
        again = arguments.pop(HEARTBEAT, False)
        try:
            function = self._checked(call, arguments)
            outcome = await function(context, **arguments)
        except (FunctionFailed, EditRefused) as error:
            return Result(FAILED, str(error), again=True)
        except Exception as error:
            return Result(FAILED, f"{call.name} failed: {type(error).__name__}: {error}", again=True)
        return Result(OK, outcome.text, outcome.effect, again=_is_true(again))

    def _checked(self, call: Pending, arguments: dict[str, Any]) -> Function:
        if call.error:
            raise FunctionFailed(f"The arguments of {call.name} could not be read: {call.error}")
        function = self.functions.get(call.name)
        if function is None:
            raise FunctionFailed(f"There is no function {call.name}. There are {', '.join(self.functions)}.")
        parameters = dict(list(inspect.signature(function).parameters.items())[1:])
        hints = typing.get_type_hints(function)
        if unknown := [name for name in arguments if name not in parameters]:
            raise FunctionFailed(f"{call.name} has no parameter {unknown[0]}; it has {', '.join(parameters)}.")
        for name, parameter in parameters.items():
            if name not in arguments:
                if parameter.default is inspect.Parameter.empty:
                    raise FunctionFailed(f"{call.name} needs {name}.")
            else:
                arguments[name] = _fitted(arguments[name], hints[name], f"{call.name}: {name}")
        return function


def _fitted(value: Any, hint: Any, where: str) -> Any:
    """The value as its type has it; models write numbers as text and leave optional ones null.

    Raises:
        FunctionFailed: it is not of that type.
    """
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    optional = len(options) < len(typing.get_args(hint)) and bool(options)
    kind = options[0] if optional else hint
    if optional and (value is None or (isinstance(value, str) and value.strip().lower() in ("none", "null", ""))):
        return None
    if kind is int:
        return _integer(value, where)
    if kind is str and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    if typing.get_origin(kind) is list:
        return [str(entry) for entry in value] if isinstance(value, list) else [str(value)]
    return value


def _integer(value: Any, where: str) -> int:
    try:
        number = float(value)
        if isinstance(value, bool) or number != int(number):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise FunctionFailed(f"{where} must be a whole number, not {value!r}.") from None
    return int(number)


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")
