"""The tables of our files, as numbered migrations: a file's number says which of them it has been through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from memgpt.home import UserError

if TYPE_CHECKING:
    import duckdb

Kind = Literal["agent", "source"]

# What can be searched. `doc` is one message or passage: `key` is the id that users see, `branch` and `step` say on
# which path of the journal it lies, `conversation` and `position` where in its talk. Terms are 63-bit hashes of
# words, so no vocabulary has to be kept. New postings go to the tail; merges sort them into the main table, where
# zone maps make a literal `term IN (…)` cheap (an ART index is eight times the file, and slower).
DOCUMENTS = """
CREATE TABLE text (id BIGINT NOT NULL, step BIGINT NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE doc (
    id INTEGER NOT NULL, key VARCHAR NOT NULL, kind VARCHAR NOT NULL, role VARCHAR NOT NULL, name VARCHAR NOT NULL,
    title VARCHAR NOT NULL, conversation VARCHAR NOT NULL, position INTEGER NOT NULL, moment BIGINT NOT NULL,
    step BIGINT NOT NULL, branch INTEGER NOT NULL, text BIGINT NOT NULL, length INTEGER NOT NULL
);
CREATE TABLE posting (term BIGINT NOT NULL, doc INTEGER NOT NULL, tf UTINYINT NOT NULL, dl USMALLINT NOT NULL);
CREATE TABLE posting_tail (term BIGINT NOT NULL, doc INTEGER NOT NULL, tf UTINYINT NOT NULL, dl USMALLINT NOT NULL);
CREATE TABLE vector (doc INTEGER NOT NULL, piece INTEGER NOT NULL, model VARCHAR NOT NULL, value BLOB NOT NULL);
"""

# The journal. `body` is a small JSON object; long texts stand in `text` and are named by their id. `item` is one
# message of main context exactly as it is sent, `part` one piece of the system message or the schemas, by hash.
# `present` is the fold's result, written in the transaction of the step that made it; `snapshot` is the same at
# earlier steps; `open_reply` is the part of a streaming answer that has arrived.
JOURNAL = """
CREATE TABLE step (
    id BIGINT NOT NULL, parent BIGINT NOT NULL, branch INTEGER NOT NULL, kind VARCHAR NOT NULL, moment BIGINT NOT NULL,
    body VARCHAR NOT NULL
);
CREATE TABLE item (
    id BIGINT NOT NULL, step BIGINT NOT NULL, kind VARCHAR NOT NULL, tokens INTEGER NOT NULL,
    recalled INTEGER NOT NULL, sent VARCHAR NOT NULL
);
CREATE TABLE part (hash VARCHAR NOT NULL, tokens INTEGER NOT NULL, body VARCHAR NOT NULL);
CREATE TABLE present (step BIGINT NOT NULL, state VARCHAR NOT NULL);
CREATE TABLE snapshot (step BIGINT NOT NULL, state VARCHAR NOT NULL);
CREATE TABLE open_reply (call BIGINT NOT NULL, said VARCHAR NOT NULL, thought VARCHAR NOT NULL, moment BIGINT NOT NULL);
"""

# Where a passage stands in what was loaded, in words (`page 12`, `lines 30-55`), and what it is filed under.
PLACES = """
ALTER TABLE doc ADD COLUMN file VARCHAR DEFAULT '';
ALTER TABLE doc ADD COLUMN place VARCHAR DEFAULT '';
ALTER TABLE doc ADD COLUMN tags VARCHAR DEFAULT '';
"""

# The files of a source as they were when they were read; their passages have `path` as their conversation. `digest` is
# empty while a file is not wholly in, `reader` the version of the readers that read it. `given` are the last document and
# text that were given a number: passages of a changed file go, and a number that a running search may still hold must
# not come to mean another passage.
FILES = """
CREATE TABLE file (
    path VARCHAR NOT NULL, size BIGINT NOT NULL, modified BIGINT NOT NULL, digest VARCHAR NOT NULL,
    passages INTEGER NOT NULL, reader INTEGER NOT NULL
);
CREATE TABLE given AS SELECT (SELECT coalesce(max(id), 0) FROM doc) AS doc, (SELECT coalesce(max(id), 0) FROM text) AS text;
"""

# A posting says only that a word stands in a document: how often it does never helped (benchmarks/retrieval), and a
# third of the space is saved. `marks` are what a text is besides its words, `language` the one that it was stemmed in.
# Postings of the older form are made anew, since `analysis` in `meta` names no rules for words or older ones.
PRESENCE = """
DROP TABLE posting;
DROP TABLE posting_tail;
CREATE TABLE posting (term BIGINT NOT NULL, doc INTEGER NOT NULL);
CREATE TABLE posting_tail (term BIGINT NOT NULL, doc INTEGER NOT NULL);
ALTER TABLE doc ADD COLUMN marks UTINYINT DEFAULT 0;
ALTER TABLE doc ADD COLUMN language UTINYINT DEFAULT 0;
"""

# When a file was last changed in any way: its time of modification may be set back, and its size may be the same.
CHANGED = "ALTER TABLE file ADD COLUMN changed BIGINT DEFAULT 0;"

MIGRATIONS: dict[Kind, tuple[str, ...]] = {
    "agent": (DOCUMENTS + JOURNAL, PLACES, PRESENCE),
    "source": (DOCUMENTS, PLACES + FILES, PRESENCE, CHANGED),
}


def foreign(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """What a file holds beside tables of ours: views and macros could stand for anything."""
    found = connection.execute(
        """SELECT view_name FROM duckdb_views() WHERE NOT internal
           UNION ALL SELECT function_name FROM duckdb_functions() WHERE NOT internal"""
    ).fetchall()
    return [row[0] for row in found]


def migrate(connection: duckdb.DuckDBPyConnection, kind: Kind) -> int:
    """Brings the file's schema up to date, one transaction a migration; the version of the rules by which its words are
    indexed.

    Raises:
        UserError: the file is of the other kind, or a newer version of this program has written it.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS meta (name VARCHAR NOT NULL, value VARCHAR NOT NULL)")
    meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    if meta.get("kind", kind) != kind:
        raise UserError(f"This file is one of an {meta['kind']}, not of an {kind}.", "Put it where it belongs.")
    done = int(meta.get("schema", 0))
    if done > len(MIGRATIONS[kind]):
        raise UserError("This file was written by a newer version of this program.", "Update it to open the file.")
    for number, statements in enumerate(MIGRATIONS[kind][done:], done + 1):
        connection.execute("BEGIN")
        connection.execute(statements)
        connection.execute("DELETE FROM meta WHERE name IN ('schema', 'kind')")
        connection.execute("INSERT INTO meta VALUES ('schema', ?), ('kind', ?)", [str(number), kind])
        connection.execute("COMMIT")
    return int(meta.get("analysis", 0))
