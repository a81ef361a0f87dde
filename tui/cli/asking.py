"""What commands share: a link for one job, yes or no, tables, text that a terminal can be shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from memgpt.home import UserError, find_home
from tui.text import inert

if TYPE_CHECKING:
    from memgpt.link import Link

T = TypeVar("T")
STOPPED = "memgpt: stopped; the same command goes on from here."


def with_link(work: Callable[[Link], Awaitable[T]], role: str = "tool", start: bool = True) -> T:
    """Runs a job with a link to the engine, which is started where none runs."""
    import asyncio

    from memgpt.link import Link

    async def job() -> T:
        link = await Link.open(find_home(), role=role, start=start)
        try:
            return await work(link)
        finally:
            await link.close()

    return asyncio.run(job())


def ask(op: str, **params: Any) -> Any:
    """One question to the engine."""
    return with_link(lambda link: link.ask(op, **params))


def waited(op: str, **params: Any) -> dict[str, Any]:
    """The result of a job, with its progress on a terminal."""
    try:
        return with_link(lambda link: _job(link, op, **params))
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        raise


async def _job(link: Link, op: str, **params: Any) -> dict[str, Any]:
    result: dict[str, Any] = {}
    bar = None
    if sys.stderr.isatty():
        from tui.cli.progress import Bar

        bar = Bar()
    try:
        async for told in link.stream(op, **params):
            if "result" in told:
                result = told["result"]
            elif bar:
                bar.show(told["phase"], told["count"], told.get("total", 0))
    finally:
        if bar:
            bar.close()
    return result


def confirmed(question: str, yes: bool) -> bool:
    """Whether the user agrees; without a terminal nobody can, and `--yes` has to be given.

    Raises:
        UserError: there is nobody to ask.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UserError("This asks first, and there is no terminal to ask on.", "Add --yes.", status=2)
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def listed(rows: Sequence[dict[str, Any]], as_json: bool, columns: Sequence[str]) -> None:
    """Rows as one JSON array, or as an aligned table."""
    if as_json:
        print(json.dumps(list(rows), ensure_ascii=False, indent=2))
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max([len(column), *(len(line[place]) for line in cells)]) for place, column in enumerate(columns)]
    for line in ([list(columns)] if rows else []) + cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = inert(str("" if value is None else value)).replace("\n", " ")
    return text if len(text) <= 60 else text[:59] + "…"
