"""An agent as one portable file, and back; its conversation as Markdown or JSON.

The file is the agent's own database file, whole: the journal with all that was left behind in it, memory, vectors. Loaded
sources are files of their own and stay where they are.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.agents.forking import PART, complete, copied, free_name, making
from core.agents.jobs import with_progress
from core.past.show import messages
from core.roster import Roster
from core.sources.progress import Progress
from core.store.copying import copy
from core.store.database import Database
from core.store.digest import digest
from core.store.journal import Draft, Journal
from core.store.schema import foreign
from memgpt.home import UserError, checked_name, write_private

if TYPE_CHECKING:
    from core.session import Session

TEXTS = (".md", ".json")
ARRIVING = ".import-"  # folders of agents that are being looked at; no agent's name begins with a dot
NOT_OURS = "Give a file that `memgpt export` wrote."


async def export(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """`export_agent` (agent, path): `{"path", "digest", "bytes"}`; a path that ends in .md or .json is the conversation
    alone, and has `messages` in place of a digest."""
    session, path = await roster.session(given["agent"]), Path(given["path"])
    async for part in with_progress(lambda told: _export(roster, session, path, told)):
        yield part


async def bring(roster: Roster, given: Mapping[str, Any], caller: object) -> AsyncIterator[tuple[str, Any]]:
    """`import_agent` (path, name=""): `{"name", "digest", "model", "model_endpoint"}`."""
    async for part in with_progress(lambda told: _import(roster, Path(given["path"]), given.get("name") or "", told)):
        yield part


async def _export(roster: Roster, session: Session, path: Path, progress: Progress) -> dict[str, Any]:
    _check_target(roster, path)
    await session.turns.finished()
    if path.suffix.lower() in TEXTS:
        return await _write_conversation(session, path)
    part = path.with_name(f".{path.name}.part")
    try:
        found = await copied(session, part, progress, digested=True)
        size = part.stat().st_size
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return {"path": str(path), "digest": found, "bytes": size}


def _check_target(roster: Roster, path: Path) -> None:
    """Raises:
    UserError: it is a folder, in none, or in the home, whose files are not to be overwritten.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder.", "Give the path of a file.", status=2)
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent}.", "Make it first.")
    if path.parent.resolve().is_relative_to(roster.home.path.resolve()):
        raise UserError(f"{path} lies in the home of this program.", "Choose a place outside of it.")


async def _write_conversation(session: Session, path: Path) -> dict[str, Any]:
    found = await messages(session, None, None)
    text = (
        markdown(session.name, found)
        if path.suffix.lower() == ".md"
        else json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    )
    try:
        write_private(path, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.", "Choose another place.") from None
    return {"path": str(path), "messages": len(found), "bytes": path.stat().st_size}


def markdown(name: str, found: list[dict[str, Any]]) -> str:
    """A conversation to be read: days as headings, thoughts as quotations, calls and their results as code."""
    lines, day = [f"# {name}"], ""
    for row in found:
        if row["role"] == "event":  # what no one said
            continue
        if row["at"][:10] != day:
            day = row["at"][:10]
            lines.append(f"## {day}")
        lines.append(_paragraph(name, row))
    return "\n\n".join(line for line in lines if line) + "\n"


def _paragraph(name: str, row: Mapping[str, Any]) -> str:
    text = row["text"]
    match row["role"]:
        case "user":
            return f"**You** {row['at'][11:16]}\n\n{text}"
        case "assistant":
            return f"**{name}** {row['at'][11:16]}\n\n{text}"
        case "inner_monologue":
            return "\n".join(f"> {line}" for line in text.splitlines())
        case "function_call" | "function":
            fence = "`" * max(3, _longest_run(text) + 1)
            return f"{fence}\n{text}\n{fence}"
    return str(text)


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


async def _import(roster: Roster, path: Path, name: str, progress: Progress) -> dict[str, Any]:
    wanted = checked_name(name) if name else ""
    if not path.is_file():
        raise UserError(f"There is no file {path}.", NOT_OURS)
    folder = Path(tempfile.mkdtemp(prefix=ARRIVING, dir=roster.home.agents))
    try:
        part = folder / PART
        try:
            await copy(path, part, lambda done, size: progress("copying", done, size))
        except OSError as error:
            raise UserError(f"{path} cannot be copied: {error}.", "Look at its rights, and at the room left.") from None
        old, found = await _looked_at(path, part)
        chosen = wanted or (old if not roster.exists(old) else free_name(roster, old))
        async with making(roster, chosen) as place:
            await _adopt(part, chosen, old)
            part.replace(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    settings = (await roster.session(chosen)).state.settings
    return {
        "name": chosen, "digest": found, "model": settings.get("model"), "model_endpoint": settings.get("model_endpoint"),
    }  # fmt: skip


async def _looked_at(path: Path, part: Path) -> tuple[str, str]:
    """The name and the digest of what came. What a file from elsewhere holds is data: only tables of ours are taken, and
    its present must be what its journal comes to.

    Raises:
        UserError: it is no agent.
    """
    try:
        database = await Database.open(part, "agent")
    except UserError as error:
        newer = "newer" in error.message
        raise UserError(error.message if newer else f"{path} is not an exported agent.", NOT_OURS) from None
    try:
        strange = await database.read(foreign)
        journal = await Journal.open(database)
        if strange or not journal.state.name or await journal.folded() != journal.state:
            raise UserError(f"{path} is not an exported agent, or was changed since.", NOT_OURS)
        return checked_name(journal.state.name), await database.read(lambda each: digest(each, journal.state))
    except (KeyError, ValueError, TypeError, LookupError):
        raise UserError(f"{path} is not an exported agent, or was changed since.", NOT_OURS) from None
    finally:
        await database.close()


async def _adopt(part: Path, name: str, old: str) -> None:
    """The first step of its own: another name, and no turn under way."""
    database = await Database.open(part, "agent")
    try:
        journal = await Journal.open(database)
        target = await journal.read(lambda connection: complete(connection, journal.state.head))
        await journal.append(Draft("adopted", {"name": name, "of": old}), parent=await journal.state_at(target))
    finally:
        await database.close()
