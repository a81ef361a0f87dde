"""What the import contracts cannot say: another database must be able to come without anybody else noticing."""

from __future__ import annotations

from pathlib import Path

import core

ALLOWED = {"store", "memory", "sources"}


def test_sql_stands_in_the_store_alone() -> None:
    root = Path(core.__file__).parent
    speaking = {path.relative_to(root) for path in root.rglob("*.py") if ".execute(" in path.read_text("utf-8")}
    assert {path.parts[0] for path in speaking} == ALLOWED
