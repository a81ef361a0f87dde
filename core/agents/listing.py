"""The agents of a home, each with what one wants to see of it in a list."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from core.context.wording import as_reworded
from core.messages import Step
from core.roster import Roster
from memgpt.events import rfc3339
from memgpt.home import UserError

LAST_WORDS = 12  # steps among which the last words are looked for
LONGEST_WORDS = 400


async def listed(roster: Roster) -> list[dict[str, Any]]:
    """A row for each agent; of one that cannot be opened, why."""
    return [await _row(roster, name) for name in roster.home.agent_names()]


async def _row(roster: Roster, name: str) -> dict[str, Any]:
    try:
        session = await roster.session(name)
    except UserError as error:
        return {"name": name, "error": str(error)}
    state = session.state
    first = await session.journal.steps(kinds=("born",), limit=1)
    born = first[0] if first else None
    last = as_reworded(await session.journal.steps(kinds=("user", "reply", "rewrite"), limit=LAST_WORDS))
    spoken = [step for step in last if _words(step)]
    return {
        "name": name,
        "model": state.settings.get("model"),
        "messages": state.recall,
        "created_at": rfc3339(born.at) if born else None,
        "persona": born.body["persona"] if born else None,
        "human": born.body["human"] if born else None,
        "sources": list(state.sources),
        "archived": state.archived,
        "last_words": _words(spoken[-1])[:LONGEST_WORDS] if spoken else "",
        "last_at": rfc3339(spoken[-1].at) if spoken else None,
        "bytes": _size(roster.home.agent_file(name).parent),
        "busy": session.busy,
        "open": session.watched,
    }


def _size(folder: Path) -> int:
    """What an agent takes on disk: its file and the log beside it, in which the newest stands until it is folded in."""
    size = 0
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # folded in meanwhile
            size += file.stat().st_size
    return size


def _words(step: Step) -> str:
    """What was said in a step."""
    return step.text({"user": "text", "reply": "said"}.get(step.kind, ""))
