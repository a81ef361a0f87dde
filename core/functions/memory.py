"""The functions that edit memory and page it in: MemGPT's own, with their names and parameters.

Docstrings here are what the model reads.
"""

from __future__ import annotations

import json

from core.context import blocks
from core.functions.executor import BlockChange, Context, FunctionFailed, NewPassage, Outcome, Page

DONE = "None"


async def core_memory_append(context: Context, name: str, content: str) -> Outcome:
    """Add to a block of core memory.

    Args:
        name: The block: persona or human.
        content: What to add, on a line of its own.
    """
    block = blocks.find(context.blocks, name)
    return Outcome(DONE, BlockChange(name, blocks.appended(block, content)))


async def core_memory_replace(context: Context, name: str, old_content: str, new_content: str) -> Outcome:
    """Replace text in a block of core memory. Empty new_content deletes it.

    Args:
        name: The block: persona or human.
        old_content: The exact text that stands there, once.
        new_content: What takes its place.
    """
    block = blocks.find(context.blocks, name)
    return Outcome(DONE, BlockChange(name, blocks.replaced(block, old_content, new_content)))


async def conversation_search(
    context: Context,
    query: str,
    page: int | None = 0,
    roles: list[str] | None = None,
) -> Outcome:
    """Search all earlier messages, by words and by meaning.

    Args:
        query: What to look for.
        page: Page of results, from 0.
        roles: Only messages of these roles: user, assistant, inner_monologue.
    """
    number = _page_number(page)
    found = await context.external.search("recall", query, number, roles=tuple(roles or ()))
    return Outcome(shown(found, number, context))


async def conversation_search_date(
    context: Context,
    start_date: str,
    end_date: str,
    page: int | None = 0,
) -> Outcome:
    """List earlier messages by day, both days included.

    Args:
        start_date: First day, YYYY-MM-DD.
        end_date: Last day, YYYY-MM-DD.
        page: Page of results, from 0.
    """
    number = _page_number(page)
    return Outcome(shown(await context.external.by_date(start_date, end_date, number), number, context))


async def archival_memory_insert(context: Context, content: str) -> Outcome:
    """Put a passage into archival memory. Write it so that it can be understood and found alone.

    Args:
        content: The passage.
    """
    if not content.strip():
        raise FunctionFailed("content is empty: say what to store.")
    return Outcome(DONE, NewPassage(content))


async def archival_memory_search(
    context: Context,
    query: str,
    page: int | None = 0,
) -> Outcome:
    """Search archival memory and attached documents, by words and by meaning.

    Args:
        query: What to look for.
        page: Page of results, from 0.
    """
    number = _page_number(page)
    return Outcome(shown(await context.external.search("archival", query, number), number, context))


def _page_number(page: int | None) -> int:
    if page is not None and page < 0:
        raise FunctionFailed(f"page must be 0 or more, not {page}; pages are counted from 0.")
    return page or 0


def shown(found: Page, page: int, context: Context) -> str:
    """A page of results in the words and the JSON that the model is given."""
    pages = -(-found.total // context.page_size)
    if not found.hits and (page or not found.total):
        return f"No results on page {page}; there are {pages} pages" if page else _none(found)
    head = f"Showing {len(found.hits)} of {found.total} results (page {page} of {pages}): "
    return head + json.dumps(list(found.hits), ensure_ascii=False) + (f" ({found.note})" if found.note else "")


def _none(found: Page) -> str:
    return "Showing 0 of 0 results (page 0 of 0): []" + (f" ({found.note})" if found.note else "")
