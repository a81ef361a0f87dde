"""The files of a source in its database: what they were when they were read, and their passages."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.memory import documents
from core.memory.documents import Document
from core.sources.chunks import Chunk
from core.sources.folder import Found
from core.sources.readers import VERSION

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Known:
    """A file as it was when it was read. `digest` is empty where it is not wholly in."""

    size: int
    modified: int
    changed: int
    digest: str
    passages: int

    def seems(self, file: Found) -> bool:
        """Whether the file looks the same from outside."""
        looks = (file.size, file.modified, file.changed)
        return bool(self.digest) and looks == (self.size, self.modified, self.changed)


def known(connection: duckdb.DuckDBPyConnection) -> dict[str, Known]:
    """The files by their path; those that older readers read are to be read again."""
    query = "SELECT path, size, modified, changed, CASE WHEN reader = ? THEN digest ELSE '' END, passages FROM file"
    return {path: Known(*row) for path, *row in connection.execute(query, [VERSION]).fetchall()}


def put(
    connection: duckdb.DuckDBPyConnection, file: Found, passages: Sequence[Document], first: bool, digest: str
) -> int:
    """Puts passages of a file in; with the first of them, those that were there of it go. How many went. `digest` is
    given with the last of them."""
    gone = 0
    if first:
        gone = documents.remove(connection, "conversation = ?", [file.key])
        connection.execute("DELETE FROM file WHERE path = ?", [file.key])
        connection.execute(
            "INSERT INTO file (path, size, modified, changed, digest, passages, reader) VALUES (?, ?, ?, ?, '', 0, ?)",
            [file.key, file.size, file.modified, file.changed, VERSION],
        )
    numbers = connection.execute("SELECT doc + 1, text + 1 FROM given").fetchone()
    assert numbers is not None
    documents.insert(connection, passages, 0, 0, *numbers)
    connection.execute("UPDATE given SET doc = doc + ?, text = text + ?", [len(passages)] * 2)
    connection.execute(
        "UPDATE file SET passages = passages + ?, digest = ? WHERE path = ?", [len(passages), digest, file.key]
    )
    return gone


def same(connection: duckdb.DuckDBPyConnection, file: Found, path: str) -> None:
    """Notes that a file holds what was read at that path, with another time or from another place."""
    connection.execute(
        "UPDATE file SET path = ?, size = ?, modified = ?, changed = ? WHERE path = ?",
        [file.key, file.size, file.modified, file.changed, path],
    )
    if path != file.key:
        connection.execute(
            "UPDATE doc SET conversation = ?, file = ? WHERE conversation = ?", [file.key, file.name, path]
        )


class Maker:
    """Makes the passages of one file: each with an id that is the same whenever the same stands in the same place."""

    def __init__(self, file: Found) -> None:
        self._file = file
        self._made: dict[str, int] = {}
        self._position = 0

    def document(self, chunk: Chunk) -> Document:
        file = self._file
        same = f"{file.key}\0{chunk.place}\0{chunk.text}"
        again = self._made[same] = self._made.get(same, 0) + 1
        key = hashlib.blake2b(f"{same}\0{again if again > 1 else ''}".encode(), digest_size=10).hexdigest()
        self._position += 1
        at = chunk.at or file.modified // 1000
        return Document(
            key,
            "archival",
            "passage",
            "",
            chunk.title,
            file.key,
            self._position,
            at,
            chunk.text,
            file.name,
            chunk.place,
        )
