"""One DuckDB file, opened once: one thread that writes, a small pool of cursors that read.

The file must never be opened, copied or closed by other means while it is open here: POSIX drops a process's locks
on a file when any descriptor of it is closed, and a second writer would then lose data in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.store.faults import fault_in_use, fault_when_opened, is_damage
from core.store.schema import Kind, migrate
from memgpt.home import PRIVATE_FOLDER, make_private

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
READERS = 3
CHECKPOINT_TRIES, CHECKPOINT_WAIT_S = 100, 0.02
CONFLICTS = 3  # attempts at a transaction before its conflict is an error
MEMORY_LIMIT_MB = 128  # for each open file; the system caches more. DuckDB would take 80 % of the machine


class Database:
    """A DuckDB file of ours. Open with `Database.open`; every method may be called from the event loop."""

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, writer: ThreadPoolExecutor, analysis: int
    ) -> None:
        self.path = path
        self.analysis = analysis  # the version of the rules by which the words in it are indexed
        self._connection = connection
        self._writer = writer
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix=f"read-{path.parent.name}")
        self._cursors = threading.local()
        self._all_cursors: list[duckdb.DuckDBPyConnection] = []
        self._aside = asyncio.Lock()
        self.damaged = False
        self.changes = 0  # rises with every transaction
        self._closed = False

    @classmethod
    async def open(cls, path: Path, kind: Kind) -> Database:
        """Opens or creates the file and brings its schema up to date.

        Raises:
            UserError: the file is damaged, held by another program, or written by a newer version. It is left as it was.
        """
        writer = ThreadPoolExecutor(1, thread_name_prefix=f"write-{path.parent.name}")
        try:
            opened = await asyncio.get_running_loop().run_in_executor(writer, connect, path, kind)
        except BaseException:
            writer.shutdown(wait=False)
            raise
        return cls(path, opened[0], writer, opened[1])

    async def write(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs `work` in one transaction on the writing thread; all of it is on disk when this returns, or none.

        A caller that is cancelled meanwhile does not stop the transaction.

        Raises:
            UserError: the file is damaged, or its disk is full.
        """
        future = asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)
        return await asyncio.shield(future)

    def _write(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Tried again where work done `aside` touched the same rows and was first."""
        import duckdb

        with self._told():
            try:
                for _ in range(CONFLICTS):
                    with contextlib.suppress(duckdb.TransactionException):
                        return _transaction(self._connection, work)
                return _transaction(self._connection, work)
            finally:
                self.changes += 1

    async def aside(self, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Runs long `work` in a transaction beside the writer, which is not held up. Where both touch the same rows and
        the writer is first, nothing is done; there will be another time."""
        import duckdb

        async with self._aside:
            with contextlib.suppress(duckdb.TransactionException):
                await self.read(lambda cursor: _transaction(cursor, work))

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """While this lasts nothing is written: the file on disk is whole, its log folded into it, so that another process
        may copy it. Reading goes on; who writes waits."""
        release, checkpointed = threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold() -> None:
            self._fold_log()
            loop.call_soon_threadsafe(checkpointed.set)
            release.wait()

        async with self._aside:
            holding = loop.run_in_executor(self._writer, hold)
            waiting = asyncio.ensure_future(checkpointed.wait())
            either: set[asyncio.Future[Any]] = {holding, waiting}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not holding.done():
                    yield
            finally:
                waiting.cancel()
                release.set()
                await asyncio.shield(holding)

    def _fold_log(self) -> None:
        """Waits for work `aside` that was cancelled and still takes back what it did; DuckDB refuses meanwhile."""
        import duckdb

        for _ in range(CHECKPOINT_TRIES):
            try:
                self._connection.execute("CHECKPOINT")
                return
            except duckdb.TransactionException:
                time.sleep(CHECKPOINT_WAIT_S)
        self._connection.execute("CHECKPOINT")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """A damaged file and a full disk are the user's to mend; what else goes wrong in the database is ours."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            fault = fault_in_use(self.path, error)
            if fault is None:
                raise
            self.damaged = self.damaged or is_damage(error)
            raise fault from error

    async def read(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Runs `work` with a cursor of a reading thread; cancelling interrupts its query."""
        running: list[duckdb.DuckDBPyConnection] = []

        def run() -> T:
            cursor = self._cursor()
            running.append(cursor)
            try:
                with self._told():
                    return work(cursor)
            finally:
                running.clear()
                _let_go(cursor)

        future = asyncio.get_running_loop().run_in_executor(self._readers, run)
        try:
            return await future
        except asyncio.CancelledError:
            for cursor in list(running):
                cursor.interrupt()
            raise

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._cursors, "cursor", None)
        if cursor is None:
            cursor = self._connection.cursor()
            self._cursors.cursor = cursor
            self._all_cursors.append(cursor)
        return cursor

    async def noted(self, name: str) -> str | None:
        """What is noted in the file under a name."""
        query = "SELECT value FROM meta WHERE name = ?"
        row = await self.read(lambda connection: connection.execute(query, [name]).fetchone())
        return str(row[0]) if row else None

    async def note(self, name: str, value: str) -> None:
        def work(connection: duckdb.DuckDBPyConnection) -> None:
            connection.execute("DELETE FROM meta WHERE name = ?", [name])
            connection.execute("INSERT INTO meta VALUES (?, ?)", [name, value])

        await self.write(work)

    async def close(self) -> None:
        """Waits for what is being written, folds the log into the file and lets go of it; once is enough."""
        if self._closed:
            return
        self._closed = True
        self._readers.shutdown(wait=True, cancel_futures=True)
        await asyncio.get_running_loop().run_in_executor(self._writer, self._close)
        self._writer.shutdown()

    def _close(self) -> None:
        for cursor in self._all_cursors:
            cursor.close()
        self._connection.close()


def _let_go(cursor: duckdb.DuckDBPyConnection) -> None:
    """Takes what `fetchone` has left. Until then its transaction stays open, with all that was written since: the log
    could not be folded into the file, which would grow, and no copy could be made."""
    import duckdb

    with contextlib.suppress(duckdb.Error):  # what went wrong was told already
        cursor.fetchall()


def _transaction(connection: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
    connection.execute("BEGIN")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(Exception):  # the first error is the one to tell of
            connection.execute("ROLLBACK")
        raise
    return result


def connect(path: Path, kind: Kind) -> tuple[duckdb.DuckDBPyConnection, int]:
    """A connection to the file with our limits, its schema up to date, and the version of the rules by which its words
    are indexed (see `Database.open` for errors)."""
    import duckdb

    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    make_private(path.parent)
    try:
        with _private_umask():
            connection = duckdb.connect(str(path), config=_limits())
            try:
                connection.execute(f"SET allowed_directories = ['{_quoted(path.parent)}']")
                connection.execute("SET enable_external_access = false")
                analysis = migrate(connection, kind)
                # Of what a small write costs, planning is the most; readers keep their optimizer.
                connection.execute("PRAGMA disable_optimizer")
            except BaseException:
                connection.close()  # or the next try would find it still open
                raise
    except duckdb.Error as error:
        raise fault_when_opened(path, error) from error
    make_private(path)
    return connection, analysis


def _limits() -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{MEMORY_LIMIT_MB}MB",
        "threads": max(1, (os.cpu_count() or 2) // 2),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


@contextlib.contextmanager
def _private_umask() -> Iterator[None]:
    """The write-ahead log is made with the process's umask; engine processes already run with this one."""
    old = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(old)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
