"""How an agent goes on where its model cannot be called as it was: with a simpler protocol, with the window that the
server says it has, or with the next of the models that may stand in.

Each is a change of settings, journalled with the agent; the turn stays open and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.llm.protocol import next_protocol
from core.llm.types import ModelError
from core.store.journal import now

STAND_IN_US = 10 * 60_000_000  # after which the model itself is asked again
PASSED_ON = ("connection", "timeout", "rate", "quota", "auth", "not_found", "garbled", "other")
LEAST_WINDOW = 512  # tokens; into less no agent fits
REFUSED = {"tools": {"tools": False}, "json": {"json_schema": False}}  # what a model cannot, by the protocol it refused
ITSELF_AGAIN: dict[str, Any] = {"standing_in": None}  # the change with which the model itself is asked again
Settings = Mapping[str, Any]
Place = tuple[str, str | None]
"""A model and its endpoint."""


def in_effect(settings: Settings) -> Place:
    """The model that is asked, and where: the agent's own, or the one that stands in for it."""
    own = _own(settings)
    standing = settings.get("standing_in")
    if standing and standing["for"] == list(own) and standing["model"] in fallbacks(settings):
        return place_of(standing["model"])
    return own


def fallbacks(settings: Settings) -> list[str]:
    """The models that may stand in, in order, as the setting has them."""
    return [name.strip() for name in str(settings.get("fallbacks", "")).split(",") if name.strip()]


def place_of(name: str) -> Place:
    """`MODEL` or `MODEL@URL`."""
    model, at, endpoint = name.rpartition("@http")
    return (model, f"http{endpoint}") if at else (name, None)


def learnt(settings: Settings, name: str) -> Any:
    """What a refusal told of the model in effect, at its endpoint; None where it told nothing. An earlier version kept it
    without the endpoint: that holds wherever the model is."""
    *of, told = settings.get(name) or (None,)
    model, endpoint = in_effect(settings)
    return told if of in ([model], [model, endpoint]) else None


def adaptation(settings: Settings, protocol: str, window: int, error: ModelError) -> dict[str, Any]:
    """The change of settings with which the turn can go on after that error; empty where there is none. Where the last one
    that may stand in cannot be had either, it is ITSELF_AGAIN: the turn ends, and the next one begins with the model itself."""
    place, simpler = in_effect(settings), next_protocol(protocol)
    if error.kind == "protocol" and settings["protocol"] == "auto" and simpler:
        return {"learnt_protocol": [*place, simpler]}
    real = error.window or error.taken
    if error.kind == "context" and LEAST_WINDOW <= real < window:
        return {"learnt_window": [*place, real]}
    if error.kind not in PASSED_ON:
        return {}
    if other := _next_fallback(settings):
        return {"standing_in": {"model": other, "for": list(_own(settings)), "until": now() + STAND_IN_US}}
    return {} if in_effect(settings) == _own(settings) else ITSELF_AGAIN


def told(changes: Settings, error: ModelError) -> str:
    """What the user is told of it."""
    if "standing_in" in changes:
        return f"{error.message} {changes['standing_in']['model']} stands in for it."
    if "learnt_window" in changes:
        if error.window:
            return f"{error.message} That is the window from now on."
        return f"{error.message} Its window is taken to be {error.taken:,} tokens from now on."
    model, _, simpler = changes["learnt_protocol"]
    how = {"json": "JSON held to a schema", "text": "text"}[simpler]
    return f"{model} calls no functions there; it is asked for {how} from now on."


def is_over(settings: Settings) -> bool:
    """Whether the model itself is to be asked again."""
    standing = settings.get("standing_in")
    return standing is not None and now() > standing["until"]


def _next_fallback(settings: Settings) -> str:
    """The one after the model in effect; empty after the last."""
    names = fallbacks(settings)
    standing = settings.get("standing_in")
    held = str(standing["model"]) if standing and in_effect(settings) != _own(settings) else ""
    rest = names[names.index(held) + 1 :] if held in names else names
    return next((name for name in rest if place_of(name) != _own(settings)), "")


def _own(settings: Settings) -> Place:
    return str(settings["model"]), settings["model_endpoint"] or None
