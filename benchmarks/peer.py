"""One other store over given data, in a process and often an environment of its own: needs numpy and that store alone.
Called by `benchmarks.peers` as `peer.py NAME FOLDER`; prints one JSON object."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

os.environ["ANONYMIZED_TELEMETRY"] = "False"  # Chroma's
TOP, WARM, INSERTS = 10, 10, 20
MARK = "qzx47110815"


class Vectors:
    """Stores that are searched by vector. `find` gives row numbers, best first; `put` adds one row and commits it."""

    exact, text, durable = True, False, True

    def __init__(self, rows: Any, folder: Path) -> None:
        self.rows, self.folder = rows, folder
        self.fill()

    def fill(self) -> None: ...

    def find(self, query: Any) -> Any:
        raise NotImplementedError

    def put(self, number: int, row: Any) -> None:
        raise NotImplementedError


class Numpy(Vectors):
    """The floor: one pass over a matrix in memory, nothing kept on disk."""

    durable = False

    def find(self, query: Any) -> Any:
        scores = self.rows @ query
        top = numpy.argpartition(-scores, TOP)[:TOP]
        return top[numpy.argsort(-scores[top])]

    def put(self, number: int, row: Any) -> None:
        self.rows = numpy.concatenate([self.rows, row[None]])


class Faiss(Vectors):
    """To be on disk, the index is written whole."""

    def fill(self) -> None:
        import faiss

        self._faiss, self._index = faiss, faiss.IndexFlatIP(self.rows.shape[1])
        self._index.add(self.rows)

    def find(self, query: Any) -> Any:
        return self._index.search(query[None], TOP)[1][0]

    def put(self, number: int, row: Any) -> None:
        self._index.add(row[None])
        self._faiss.write_index(self._index, str(self.folder / "index"))


class Usearch(Vectors):
    """Exact search over a matrix of the caller's; its own index would be approximate."""

    durable = False

    def fill(self) -> None:
        from usearch import index

        self._search, self._metric = index.search, index.MetricKind.IP

    def find(self, query: Any) -> Any:
        return self._search(self.rows, query, TOP, self._metric, exact=True).keys

    def put(self, number: int, row: Any) -> None:
        self.rows = numpy.concatenate([self.rows, row[None]])


class Lance(Vectors):
    def fill(self) -> None:
        import lancedb
        import pyarrow

        rows, width = len(self.rows), self.rows.shape[1]
        self._column: Any = lambda values: pyarrow.FixedSizeListArray.from_arrays(values.ravel(), width)
        table = pyarrow.table({"id": numpy.arange(rows), "vector": self._column(self.rows)})
        self._pyarrow, self._table = pyarrow, lancedb.connect(self.folder).create_table("rows", table)

    def find(self, query: Any) -> Any:
        found = self._table.search(query).distance_type("dot").select(["id"]).limit(TOP).to_arrow()
        return found["id"].to_numpy()

    def put(self, number: int, row: Any) -> None:
        self._table.add(self._pyarrow.table({"id": [number], "vector": self._column(row)}))


class Chroma(Vectors):
    exact = False

    def fill(self) -> None:
        import chromadb

        client = chromadb.PersistentClient(str(self.folder), chromadb.Settings(anonymized_telemetry=False))
        self._rows = client.create_collection("rows", metadata={"hnsw:space": "ip"}, embedding_function=None)
        for first in range(0, len(self.rows), 5000):
            part = self.rows[first : first + 5000]
            self._rows.add(ids=[str(first + place) for place in range(len(part))], embeddings=part)

    def find(self, query: Any) -> Any:
        found = self._rows.query(query_embeddings=query[None], n_results=TOP, include=[])
        return numpy.array([int(key) for key in found["ids"][0]])

    def put(self, number: int, row: Any) -> None:
        self._rows.add(ids=[str(number)], embeddings=row[None])


class Texts(Vectors):
    text = True


class Tantivy(Texts):
    def fill(self) -> None:
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_integer_field("id", stored=True)
        schema.add_text_field("body", stored=False, tokenizer_name="en_stem")
        self._tantivy, self._index = tantivy, tantivy.Index(schema.build(), str(self.folder))
        self._writer = self._index.writer(128_000_000, 1)
        for number, text in enumerate(self.rows):
            self._writer.add_document(tantivy.Document(id=number, body=text))
        self._commit()

    def _commit(self) -> None:
        self._writer.commit()
        self._index.reload()

    def find(self, query: Any) -> Any:
        searcher = self._index.searcher()
        hits = searcher.search(self._index.parse_query(query, ["body"]), TOP).hits
        return [searcher.doc(address)["id"][0] for _, address in hits]

    def put(self, number: int, row: Any) -> None:
        self._writer.add_document(self._tantivy.Document(id=number, body=row))
        self._commit()


class Bm25s(Texts):
    """Not incremental: each insertion builds the index anew."""

    def fill(self) -> None:
        import bm25s

        self._bm25s, self._index = bm25s, bm25s.BM25()
        self._index.index(self._tokens(list(self.rows)), show_progress=False)

    def _tokens(self, texts: Any) -> Any:
        return self._bm25s.tokenize(texts, stopwords="en", show_progress=False)

    def find(self, query: Any) -> Any:
        return self._index.retrieve(self._tokens([query]), k=TOP, show_progress=False)[0][0]

    def put(self, number: int, row: Any) -> None:
        self.rows = [*self.rows, row]
        self.fill()
        self._index.save(str(self.folder / "index"))


class Sqlite(Texts):
    def fill(self) -> None:
        self._base = sqlite3.connect(self.folder / "base")
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute("CREATE VIRTUAL TABLE rows USING fts5(body, content='', tokenize='porter unicode61')")
        self._base.executemany("INSERT INTO rows (rowid, body) VALUES (?, ?)", enumerate(self.rows, 1))
        self._base.commit()

    def find(self, query: Any) -> Any:
        wanted = " OR ".join(query.split())
        found = self._base.execute("SELECT rowid FROM rows WHERE rows MATCH ? ORDER BY rank LIMIT ?", (wanted, TOP))
        return [row[0] - 1 for row in found]

    def put(self, number: int, row: Any) -> None:
        self._base.execute("INSERT INTO rows (rowid, body) VALUES (?, ?)", (number + 1, row))
        self._base.commit()


PEERS: dict[str, type[Vectors]] = {
    "numpy": Numpy, "faiss flat": Faiss, "usearch exact": Usearch, "lancedb flat": Lance, "chroma": Chroma,
    "tantivy": Tantivy, "bm25s": Bm25s, "sqlite fts5": Sqlite,
}  # fmt: skip


def timed(work: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    found = work(*given)
    return (time.perf_counter() - began) * 1000, found


def measured(kind: type[Vectors], data: Path, folder: Path) -> dict[str, Any]:
    """Milliseconds of a query and of one row inserted and committed, and whether that was found at once."""
    if kind.text:
        rows = (data / "texts").read_text(encoding="utf-8").split("\n")
        queries: Any = (data / "questions").read_text(encoding="utf-8").split("\n")
        fresh: Any = [f"{MARK}{number} {rows[number]}" for number in range(INSERTS)]
        asked = [text.split()[0] for text in fresh]
    else:
        rows, queries = numpy.load(data / "rows.npy"), numpy.load(data / "queries.npy")
        fresh = asked = queries[:INSERTS]
    filling, store = timed(kind, rows, folder)
    for query in queries[:WARM]:
        store.find(query)
    taken, found = zip(*(timed(store.find, query) for query in queries), strict=True)
    recall = None
    if not kind.text:
        truth = numpy.load(data / "truth.npy")
        recall = sum(len({*map(int, a)} & {*b.tolist()}) for a, b in zip(found, truth, strict=True)) / truth.size
    first, inserting, at_once = len(rows), [], 0
    for number, (row, question) in enumerate(zip(fresh, asked, strict=True), first):
        inserting.append(timed(store.put, number, row)[0])
        at_once += number in [int(key) for key in store.find(question)]
        if sum(inserting) > 20_000:
            break
    return {
        "seconds": filling / 1000, "query": float(numpy.median(taken)), "p95": float(numpy.quantile(taken, 0.95)),
        "insert": float(numpy.median(inserting)) if kind.durable else None,
        "at_once": at_once == len(inserting), "recall": recall,
    }  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="memgpt-peer-") as folder:
        print(json.dumps(measured(PEERS[sys.argv[1]], Path(sys.argv[2]), Path(folder))))


if __name__ == "__main__":
    main()
