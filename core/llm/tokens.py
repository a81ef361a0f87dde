"""Counting tokens: with tiktoken's tables, or by the server that owns the tokenizer."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from core.llm.templates import functions_as_read

MESSAGE_OVERHEAD = 4  # tokens that a chat template adds to a message
PRIMING = 3  # and to the whole
LEAST, MOST, ADDED = 0.5, 4.0, 500  # of our count, and tokens beyond it: see `believable`
OLD_ENCODING = ("gpt-4-", "gpt-3.5", "gpt-4")
NEW_ENCODING = ("gpt-4o", "gpt-4.1", "gpt-4.5")


def believable(own: int, counted: int) -> bool:
    """Whether a provider can have counted so many tokens in a prompt of `own` by our count. Its tokenizer may need some times
    as many for a script that it has seldom seen, and words of its own come to some hundred; what is beyond that is no count
    of this prompt, and would close the window for good or let it overflow."""
    return LEAST * own <= counted <= MOST * own + ADDED


class Counter(Protocol):
    """Counts the tokens of texts as one model's tokenizer does, or as near as can be had."""

    async def count(self, texts: Sequence[str]) -> list[int]: ...

    async def functions(self, tools: Sequence[Mapping[str, Any]]) -> int:
        """Tokens of the functions as the model is shown them."""
        ...


def prepare_environment() -> None:
    """What has to stand in the environment before litellm or tiktoken is imported: no network at import.

    litellm carries the tables of cl100k and o200k; tiktoken would fetch them from the network.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    found = importlib.util.find_spec("litellm")
    if found and found.origin:
        tables = Path(found.origin).parent / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(tables))


class TiktokenCounter:
    """Special tokens in a text count as the plain text that they are."""

    def __init__(self, model: str = "") -> None:
        self.model, self.encoding = model, encoding_of(model)

    async def functions(self, tools: Sequence[Mapping[str, Any]]) -> int:
        written, added = functions_as_read(self.model, tools)
        return (await self.count([written]))[0] + added

    async def count(self, texts: Sequence[str]) -> list[int]:
        if sum(map(len, texts)) > 100_000 or self.encoding not in _LOADED:
            return await asyncio.to_thread(self._count, texts)
        return self._count(texts)

    def _count(self, texts: Sequence[str]) -> list[int]:
        encoding = _encoding(self.encoding)
        _LOADED.add(self.encoding)
        return [len(encoding.encode(text, disallowed_special=())) for text in texts]


class ServerCounter:
    """Asks a llama.cpp server, whose `/tokenize` is exact. `address` gives its URL and secret, starting it if need be."""

    def __init__(self, address: Callable[[], Awaitable[tuple[str, str]]]) -> None:
        self._address = address

    async def count(self, texts: Sequence[str]) -> list[int]:
        import httpx

        url, secret = await self._address()
        headers = {"Authorization": f"Bearer {secret}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            return list(await asyncio.gather(*(self._one(client, text) for text in texts)))

    async def functions(self, tools: Sequence[Mapping[str, Any]]) -> int:
        return (await self.count([functions_as_read("", tools)[0]]))[0]

    async def _one(self, client: Any, text: str) -> int:
        if not text:
            return 0
        answer = await client.post("/tokenize", json={"content": text})
        answer.raise_for_status()
        return len(answer.json()["tokens"])


_LOADED: set[str] = set()


@functools.cache
def _encoding(name: str) -> Any:
    prepare_environment()
    import tiktoken

    return tiktoken.get_encoding(name)


def encoding_of(model: str) -> str:
    """The encoding that counts that model best: cl100k for OpenAI's older ones, o200k for all others."""
    name = model.rpartition("/")[2]
    old = name.startswith(OLD_ENCODING) and not name.startswith(NEW_ENCODING)
    return "cl100k_base" if old else "o200k_base"
