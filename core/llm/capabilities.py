"""What each model can do: from litellm's table, from what its server says, from a probe or a refusal; then remembered.

What was found out is kept in `models.json` of the home, by model and endpoint. It is a cache: without it, it is found
out again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from memgpt.home import read_stored, write_private
from memgpt.servers import is_ollama

TABLE = {  # ours, as litellm's table has them
    "tools": "supports_function_calling",
    "parallel_tools": "supports_parallel_function_calling",
    "json_schema": "supports_response_schema",
    "reasoning": "supports_reasoning",
    "system": "supports_system_messages",
}


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Each is None where nobody knows: it is tried then. `window` in tokens, 0 where nobody says. `source` is `table`,
    `server`, `probe` or `refusal`. `first_own` and `first_counted` are the tokens of the last first prompt of an agent, or
    before any of a live test call, by our count and by the provider's; 0 where there was none."""

    tools: bool | None = None
    parallel_tools: bool | None = None
    json_schema: bool | None = None
    reasoning: bool | None = None
    system: bool | None = None
    window: int = 0
    source: str = ""
    first_own: int = 0
    first_counted: int = 0

    def over(self, other: Capabilities) -> Capabilities:
        """These, with the other's where these do not know."""
        gaps = {entry.name: getattr(other, entry.name) for entry in fields(self) if self._lacks(entry.name)}
        return replace(self, **gaps)

    def _lacks(self, name: str) -> bool:
        value = getattr(self, name)
        return value is None or (not value and value is not False)


def from_table(litellm: Any, model: str) -> Capabilities:
    """What litellm's table says of a hosted model; its windows are there too."""
    if is_ollama(model):
        return Capabilities()  # litellm would ask the server, and block
    try:
        info = litellm.get_model_info(model)
    except Exception:  # litellm raises many kinds for models that it does not list
        return Capabilities()
    told = {name: info.get(column) for name, column in TABLE.items()}
    window = int(info.get("max_input_tokens") or info.get("max_tokens") or 0)
    return Capabilities(**told, window=window, source="table")


class Remembered:
    """What was found out about models, in a file of the home."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, Capabilities] | None = None

    def of(self, model: str, endpoint: str | None) -> Capabilities:
        return self._all().get(_key(model, endpoint), Capabilities())

    def learn(self, model: str, endpoint: str | None, **found: Any) -> Capabilities:
        """Keeps what was found out, over what was known."""
        known = self._all()
        key = _key(model, endpoint)
        known[key] = replace(known.get(key, Capabilities()), **found)
        rows = {name: asdict(entry) for name, entry in sorted(known.items())}
        write_private(self.path, json.dumps(rows, indent=1) + "\n")
        return known[key]

    def _all(self) -> dict[str, Capabilities]:
        if self._known is None:
            rows = read_stored(self.path)
            self._known = {key: _read(row) for key, row in rows.items() if isinstance(row, dict)}
        return self._known


def _read(row: Mapping[str, Any]) -> Capabilities:
    names = {entry.name for entry in fields(Capabilities)}
    return Capabilities(**{name: value for name, value in row.items() if name in names})


def _key(model: str, endpoint: str | None) -> str:
    return f"{model} {endpoint.rstrip('/')}" if endpoint else model
