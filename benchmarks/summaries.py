"""What becomes of facts after twenty evictions: `python -m benchmarks.summaries`. Told first, then driven out by small
talk; do they stand in the summary, or are they found by search? With summaries that are extracts, with a model that
forgets everything, and with the offline model.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.support import row
from core.roster import Roster
from core.slash.commands import change_settings
from memgpt.config import AgentConfig
from tests.support import model_server as scripted
from tests.support.agents import asked, open_roster
from tests.support.facts import FACTS, planted
from tests.support.model_server import ModelServer, Scripted

EVICTIONS = 20
LONG, SHORT = 12, 6  # pieces of small talk in a turn


async def measured(roster: Roster, name: str, window: int, model: str, url: str | None, words: int) -> None:
    wanted = AgentConfig(name=name, model=model, model_endpoint=url, context_window=window)
    session = await roster.session(await roster.create(wanted))
    if model == "builtin":
        await change_settings(session, {"paging.keep": 0.85})  # evictions come sooner
    began = time.monotonic()
    result = await planted(session, EVICTIONS, words)
    kept = [fact for fact in FACTS if fact.answer in result.summary]
    found = []
    for fact in FACTS:
        hits = await asked(roster, "search", agent=name, kind="recall", query=fact.question, limit=5)
        found += [fact] if any(fact.told == hit["text"] for hit in hits["results"]) else []
    either = sum(fact in kept or fact in found for fact in FACTS)
    assert session.state.summary
    limit = (await session.agent()).manager.limits.summary
    row(
        f"{name} ({result.evictions} evictions)", f"{len(kept)} of {len(FACTS)}", f"{len(found)} of {len(FACTS)}",
        f"{either} of {len(FACTS)}", f"{session.state.summary.tokens} of {limit}", round(time.monotonic() - began),
    )  # fmt: skip


def answering(summary: str) -> Any:
    def answer(request: dict[str, Any]) -> Scripted:
        return scripted.say("I see.") if request.get("tools") else scripted.plain(summary)

    return answer


async def _measure() -> None:
    row("who writes the summary", "in the summary", "by search", "either", "tokens", "seconds")
    with tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            for name, words in (("nobody, an extract", ""), ("a model that forgets", "We talked about the weather.")):
                with ModelServer(fallback=answering(words)) as server:
                    await measured(roster, name.replace(",", ""), 4096, "openai/scripted", server.url, LONG)
            await measured(roster, "offline", 2048, "builtin", None, SHORT)


def main() -> None:
    asyncio.run(_measure())


if __name__ == "__main__":
    main()
