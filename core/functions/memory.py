"""The functions that edit memory and page it in: MemGPT's own, with their names and parameters.

Docstrings here are what the model reads.
"""

from __future__ import annotations

import json

from core.context import blocks
from core.functions.executor import BlockChange, Context, FunctionFailed, NewPassage, Outcome, Page
from core.memory.filters import Filters, listed, tags_of

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
    start: str | None = None,
    end: str | None = None,
    mode: str | None = None,
) -> Outcome:
    """Search all earlier messages, by words and by meaning.

    Args:
        query: What to find.
        page: From 0.
        roles: Only of these: user, assistant, inner_monologue.
        start: First day or span, as 2026-05-03 or last month.
        end: Last day or span.
        mode: hybrid, text or vector.
    """
    number = _page_number(page)
    filters = Filters(listed(roles), start or "", end or "", mode=mode or "hybrid")
    return Outcome(shown(await context.external.search("recall", query, number, filters), number, context))


async def conversation_search_date(
    context: Context,
    start_date: str,
    end_date: str,
    page: int | None = 0,
) -> Outcome:
    """List earlier messages by day, both days included.

    Args:
        start_date: First day or span, as 2026-05-03.
        end_date: Last day or span.
        page: From 0.
    """
    number = _page_number(page)
    return Outcome(shown(await context.external.by_date(start_date, end_date, number), number, context))


async def archival_memory_insert(context: Context, content: str, tags: list[str] | None = None) -> Outcome:
    """Put a passage into archival memory. Write it so that it can be understood alone.

    Args:
        content: The passage.
        tags: What to file it under.
    """
    if not content.strip():
        raise FunctionFailed("content is empty: say what to store.")
    if same := await context.external.holds(content):
        return Outcome(f"That passage is there already, as {same}.")
    try:
        return Outcome(DONE, NewPassage(content, tags_of(tags or ())))
    except ValueError as error:
        raise FunctionFailed(str(error)) from None


async def archival_memory_search(
    context: Context,
    query: str,
    page: int | None = 0,
    source: str | None = None,
    tags: list[str] | None = None,
    start: str | None = None,
    end: str | None = None,
    mode: str | None = None,
) -> Outcome:
    """Search archival memory and attached documents.

    Args:
        query: What to find.
        page: From 0.
        source: Only this one; archival for your own passages.
        tags: All that a passage must have.
        start: First day.
        end: Last day.
        mode: hybrid, text or vector.
    """
    number = _page_number(page)
    filters = Filters((), start or "", end or "", listed([source] if source else None), listed(tags), mode or "hybrid")
    return Outcome(shown(await context.external.search("archival", query, number, filters), number, context))


CHANGING = frozenset(
    function.__name__ for function in (core_memory_append, core_memory_replace, archival_memory_insert)
)


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
