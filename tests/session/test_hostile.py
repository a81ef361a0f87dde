"""A share of the hostile conversations that `python -m benchmarks.hostile` runs ten thousand turns of."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import hostile
from tests.support.agents import open_roster
from tests.support.model_server import ModelServer


@settings(max_examples=1)
@example(seed=3)  # an eviction brings edits of core memory into view that had waited for it
@example(seed=440)  # a provider that counts functions for less than we do is sent what is to be summarised
@given(seed=st.integers(0, 100_000))
def test_no_conversation_breaks_paging(seed: int) -> None:
    found = asyncio.run(conversation(seed))
    assert found.prompts and not found.broken


async def conversation(seed: int) -> hostile.Findings:
    with ModelServer() as server, tempfile.TemporaryDirectory() as folder:
        async with open_roster(Path(folder)) as roster:
            return await hostile.conversation(roster, server, seed, 25)
