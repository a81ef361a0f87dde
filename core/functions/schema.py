"""From a Python function to the schema that a model is given: signature for types, docstring for meaning."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

HEARTBEAT = "request_heartbeat"
HEARTBEAT_HELP = "true: another step after it"
WITHOUT_HEARTBEAT = frozenset({"send_message", "pause_heartbeats"})
SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}
ARGUMENT = re.compile(r"^\s{4,}(\w+):\s*(.+)$")


class SchemaError(Exception):
    """A function that cannot be offered to a model; the message says which and why."""


def schema_of(function: Callable[..., Any], name: str | None = None, plain: bool = False) -> dict[str, Any]:
    """The schema of a function whose first parameter (`self` or a context) is not the model's to give.

    `plain` leaves out what a small window has no room for: the descriptions of parameters, and optional parameters
    other than `page`.

    Raises:
        SchemaError: a parameter lacks a type or a line in the docstring, or its type has no schema.
    """
    shown = name or function.__name__
    summary, described = _docstring(function)
    hints = typing.get_type_hints(function)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        optional = parameter.default is not inspect.Parameter.empty
        if plain and optional and parameter.name != "page":
            continue
        if parameter.name not in hints:
            raise SchemaError(f"{shown}: {parameter.name} lacks a type annotation.")
        if parameter.name not in described:
            raise SchemaError(f"{shown}: {parameter.name} lacks a line in the docstring.")
        entry = _type_schema(hints[parameter.name], f"{shown}: {parameter.name}")
        properties[parameter.name] = entry if plain else {**entry, "description": described[parameter.name]}
        if not optional:
            required.append(parameter.name)
    if shown not in WITHOUT_HEARTBEAT:
        beat = {"type": "boolean"}
        properties[HEARTBEAT] = beat if plain else {**beat, "description": HEARTBEAT_HELP}
        required.append(HEARTBEAT)
    text = summary.partition(". ")[0].rstrip(".") + "." if plain else summary
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"name": shown, "description": text, "parameters": parameters}


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    text = inspect.getdoc(function) or ""
    head, _, arguments = text.partition("\nArgs:\n")
    described: dict[str, str] = {}
    last = ""
    for line in arguments.split("\n"):
        found = ARGUMENT.match(line)
        if line.strip() in ("Returns:", "Raises:"):
            break
        if found:
            last = found[1]
            described[last] = found[2].strip()
        elif last and line.strip():
            described[last] += " " + line.strip()
    return " ".join(head.split()), described


def _type_schema(hint: Any, where: str) -> dict[str, Any]:
    if hint in SIMPLE:
        return {"type": SIMPLE[hint]}
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        rest = [entry for entry in get_args(hint) if entry is not type(None)]
        if len(rest) == 1:
            return _type_schema(rest[0], where)
    if origin is list:
        (entry,) = get_args(hint)
        return {"type": "array", "items": _type_schema(entry, where)}
    raise SchemaError(f"{where} has a type that no schema can say: {hint}.")
