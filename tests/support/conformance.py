"""What conformance is: a conversation that calls every function once, and the table of who was asked in which protocol.

`python -m tests.support.conformance` writes the table of docs/models.md anew; tests/models/test_conformance.py runs what
it says.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import model_server as scripted
from tests.support.dialects import DIALECTS

PROTOCOLS = ("tools", "json", "text")
ANSWER = "Done — “Ñandú”.\nNext?"
CALLS = (
    scripted.call("core_memory_append", heartbeat=True, name="human", content="Plays chess."),
    scripted.call(
        "core_memory_replace", heartbeat=True, name="human", old_content="Plays chess.", new_content="Plays go."
    ),
    scripted.call("archival_memory_insert", heartbeat=True, content="The boat is called “Ñandú”."),
    scripted.call("archival_memory_search", heartbeat=True, query="boat"),
    scripted.call("conversation_search", heartbeat=True, query="chess"),
    scripted.call("conversation_search_date", heartbeat=True, start_date="2020-01-01", end_date="2099-01-01"),
    scripted.call("pause_heartbeats", minutes=10),
    scripted.say(ANSWER),
)
DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "models.md"
BEGIN, END = "<!-- conformance -->", "<!-- end of conformance -->"


def names() -> list[str]:
    """The functions in the order in which they are called."""
    return [entry[0] for call in CALLS for entry in scripted.all_calls(call)]


def table() -> str:
    """Each provider with the protocols in which each function was called, as Markdown."""
    cell = ", ".join(PROTOCOLS)
    heads = [str(dialect.name) for dialect in DIALECTS]
    lines = [f"| function | {' | '.join(heads)} |", f"| --- |{' --- |' * len(heads)}"]
    lines += [f"| `{name}` |{f' {cell} |' * len(heads)}" for name in sorted(names())]
    return "\n".join(lines)


def main() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    fresh = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{table()}\n{END}", text, flags=re.DOTALL)
    DOCUMENT.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
