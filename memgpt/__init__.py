"""MemGPT from Python: `from memgpt import MemGPT`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memgpt.client import MemGPT
    from memgpt.config import AgentConfig
    from memgpt.home import UserError

__all__ = ["AgentConfig", "MemGPT", "UserError"]
_HOMES = {"MemGPT": "memgpt.client", "AgentConfig": "memgpt.config", "UserError": "memgpt.home"}


def __getattr__(name: str) -> Any:
    """Loaded when first used: the command line starts without any of it."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'memgpt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
