"""`memgpt search`: what the agent's own search functions would find."""

from __future__ import annotations

import argparse
import contextlib
import json
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import Any
from zoneinfo import ZoneInfo

from memgpt.home import UserError
from memgpt.link import Link
from tui.cli.asking import ask, with_link
from tui.text import inert

SHOWN = 4000  # characters of one result


def run(options: argparse.Namespace) -> int:
    params = {
        "agent": options.agent, "kind": options.kind, "limit": options.limit, "page": options.page,
        "mode": options.mode, "since": options.since, "until": options.until, "roles": parts(options.roles),
        "sources": [options.source] if options.source else [], "tags": parts(options.tags), "start": options.start,
        "end": options.end, "explain": options.explain,
    }  # fmt: skip
    if options.queries:
        if options.query:
            raise UserError("Give QUERY or --queries, not both.", status=2)
        queries = _queries(Path(options.queries))
        with_link(lambda link: _many(link, params, queries))
        return 0
    if not options.query:
        raise UserError("There is nothing to search for.", "Give QUERY or --queries FILE.jsonl.", status=2)
    answer = ask("search", query=options.query, **params)
    if options.json:
        print(json.dumps({name: answer[name] for name in ("results", "ms", "embed_ms")}, ensure_ascii=False))
        return 0
    for hit in answer["results"]:
        print(f"{_head(hit, answer['timezone'])}\n{_body(hit['text'])}")
    note = f" ({answer['note']})" if answer["note"] else ""
    print(f"{len(answer['results'])} of {answer['total']} results{note}")
    return 0


def parts(text: str | None) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _body(text: str) -> str:
    """The text under its head; of a very long one the beginning, since `--json` has the whole."""
    left_out = len(text) - SHOWN
    cut = f"{text[:SHOWN]}… ({left_out:,} characters more; --json has them)" if left_out > 0 else text
    return indent(inert(cut), "  ")


def _head(hit: dict[str, Any], timezone: str) -> str:
    place = ", ".join(part for part in (hit.get("file"), hit.get("place")) if part)
    why = ""
    if "text_rank" in hit:
        why = f"words {hit['text_rank'] or '-'}, vector {hit['vector_rank'] or '-'}, score {hit['score']:.2f}"
    shown = (
        _minute(hit["created_at"], timezone),
        hit["role"],
        hit["id"],
        place,
        ", ".join(hit.get("tags", ())),
        why,
    )
    return inert("  ".join(part for part in shown if part))


def _minute(at: str, timezone: str) -> str:
    """A time in the agent's zone, in which days are searched for, too."""
    moment = datetime.fromisoformat(at)
    with contextlib.suppress(OverflowError):  # at the ends of the calendar
        moment = moment.astimezone(None if timezone == "local" else ZoneInfo(timezone))
    return moment.isoformat(" ")[:16]


def _queries(path: Path) -> list[dict[str, str]]:
    found, number = [], 0
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for line in lines:
                number += 1
                if line.strip():
                    value = json.loads(line)
                    found.append({"id": _printable(value["id"]), "query": _printable(value["query"])})
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(f'{path}: line {number} is not {{"id": …, "query": …}}.', status=2) from None
    return found


def _printable(value: object) -> str:
    text = str(value)
    text.encode("utf-8")  # lone surrogates are no text
    return text


async def _many(link: Link, params: dict[str, Any], queries: list[dict[str, str]]) -> None:
    async for told in link.stream("search_many", queries=queries, **params):
        if "id" in told:
            kept = {name: told[name] for name in ("id", "results", "ms", "embed_ms")}
            print(json.dumps(kept, ensure_ascii=False), flush=True)
