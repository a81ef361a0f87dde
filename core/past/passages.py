"""The user's own hand on archival memory: passages added, reworded, filed under tags, and deleted.

Each is a step, so `/undo` takes it back and going back in the conversation carries it over: what the user wrote lies on a
branch of its own, as imports do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.memory import documents
from core.memory.corpus import Row
from core.memory.documents import Document
from core.memory.filters import tags_of
from core.memory.scope import Path, Query, Scope
from core.messages import Step
from core.past.moving import announce
from core.store.journal import Draft, now
from memgpt.home import UserError

if TYPE_CHECKING:
    from core.session import Session

USAGE = "add TEXT | edit ID TEXT | tag ID TAGS | delete ID"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of a passage: `verb` is store, reword, file or delete; `text` is None where it goes."""

    verb: str
    key: str
    before: Row | None
    text: str | None
    tags: str = ""

    @property
    def done(self) -> str:
        return self.verb + ("d" if self.verb.endswith("e") else "ed")

    @property
    def asks(self) -> bool:
        """Whether words would be gone, which nobody does by one keystroke."""
        return self.verb in ("reword", "delete")


async def planned(session: Session, argument: str) -> Change:
    """The change that `add TEXT`, `edit ID TEXT`, `tag ID TAG, TAG` or `delete ID` asks for.

    Raises:
        UserError: it is none of these, or there is no such passage.
    """
    verb, _, rest = argument.strip().partition(" ")
    if verb == "add":
        return await added(session, rest.strip())
    key, _, text = rest.strip().partition(" ")
    if verb not in ("edit", "tag", "delete") or not key:
        raise UserError(f"/passage {verb} means nothing.", f"Write /passage {USAGE}.", status=2)
    before = await find(session, key)
    match verb:
        case "delete":
            return Change("delete", key, before, None)
        case "tag":
            return Change("file", key, before, before.text, checked_tags(text.split(",")))
    if not text.strip():
        raise UserError("There are no new words.", "Give them after the id; `delete` takes a passage away.", status=2)
    await _check_new(session, text.strip(), key)
    return Change("reword", key, before, text.strip(), before.tags)


def described(change: Change) -> str:
    """A change as it is shown before it is made."""
    before = change.before.text if change.before else ""
    lines = [f"- {line}" for line in before.splitlines()]
    return "\n".join([*lines, *(f"+ {line}" for line in (change.text or "").splitlines())])


async def find(session: Session, key: str) -> Row:
    """The agent's own passage with that id.

    Raises:
        UserError: there is none.
    """
    scope = Scope.of(Query("", "archival"), Path(session.state.path, session.state.hidden))
    row = await session.corpus.by_key(scope, key)
    if row is None:
        hint = "A search with /archival or `memgpt search archival` gives the ids; those of sources are changed in their files."
        raise UserError(f"There is no passage {key!r} in archival memory.", hint)
    return row


async def added(session: Session, text: str) -> Change:
    """A new passage.

    Raises:
        UserError: it is empty, or there already.
    """
    if not text.strip():
        raise UserError("There is nothing to store.", "Give the words of the passage.", status=2)
    await _check_new(session, text)
    return Change("store", "", None, text)


async def _check_new(session: Session, text: str, key: str = "") -> None:
    """
    Raises:
        UserError: another passage has those very words.
    """
    scope = Scope.of(Query("", "archival"), Path(session.state.path, session.state.hidden))
    if (same := await session.corpus.same_text(scope, text)) and same != key:
        raise UserError(f"That passage is there already, as {same}.", "Edit that one, or file it under other tags.")


async def apply(session: Session, change: Change) -> Step:
    """Commits a change and tells of it; the step that it is."""
    journal, before = session.journal, change.before
    body: dict[str, Any] = {"key": change.key, "tags": change.tags}
    if before is not None:
        body["unpassage"] = before.doc
    if change.text is None:
        (step,) = await journal.append(Draft("edit", body, {"before": before.text if before else ""}))
    else:
        number, branch = journal.reserve_docs(1), session.state.branches
        body |= {"passage": number, "branch": branch}
        text, at = change.text, before.at if before else now()

        def effect(connection: Any, step: Step) -> None:
            key = change.key or f"m{step.id}"
            document = Document(
                key, "archival", "passage", "", "", "archival", step.id, at, text, tags=change.tags
            )  # fmt: skip
            documents.insert(connection, [document], step.id, branch, number, 0, [step.texts["passage"].id])

        texts = {"passage": text, **({"before": before.text} if before else {})}
        (step,) = await journal.append(Draft("edit", body, texts, effect=effect))
    await announce(session, [step])
    return step


def checked_tags(tags: Sequence[str]) -> str:
    """Tags as they are stored, parted by line breaks.

    Raises:
        UserError: there are too many, or one is too long.
    """
    try:
        return "\n".join(tags_of(tags))
    except ValueError as error:
        raise UserError(str(error), "Give fewer or shorter ones.", status=2) from None
