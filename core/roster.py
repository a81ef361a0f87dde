"""The agents of a home: made, opened when somebody needs them, closed when nobody does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import unasked
from core.context.blocks import block_limit
from core.ending import ended
from core.llm import catalog
from core.llm.builtin import Builtin
from core.llm.capabilities import Remembered
from core.llm.gateway import Gateway
from core.llm.purse import Purse
from core.llm.types import ModelError
from core.memory.corpus import Corpus
from core.memory.embedding import Embedder
from core.session import Session
from core.settings import change_settings
from core.sources.library import Library
from core.store.database import Database
from core.store.journal import Draft, now
from memgpt import config
from memgpt.config import AgentConfig
from memgpt.home import Home, UserError, checked_name, fold, read_text

OVERRIDES = ("model", "model_endpoint", "context_window")


@dataclass(slots=True)
class Roster:
    """Everything of a home that the engine holds open."""

    home: Home
    linger_s: float
    gateway: Gateway = field(init=False)
    embedder: Embedder = field(init=False)
    library: Library = field(init=False)
    sessions: dict[str, Session] = field(default_factory=dict)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    jobs: int = 0
    making: set[Path] = field(default_factory=set)  # folders of agents that are not there yet
    renamed: dict[str, str] = field(default_factory=dict)  # old names, for who still uses them
    left: dict[str, Session] = field(default_factory=dict)  # closed while somebody looked on
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.gateway = Gateway(Builtin(self.home.log), Remembered(self.home.models), Purse(self.home.spending))
        self.embedder = Embedder(self.home.log)
        self.library = Library(self.home, self.embedder, str(config.load(self.home)["embedding_model"]))

    async def warm(self) -> None:
        """Begins what takes seconds: litellm and the offline model where it is the default, which an answer waits for, then
        the embedding worker."""
        await self.gateway.warm()
        await self.embedder.start()

    # --- agents -----------------------------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        return self.home.agent_file(name).exists()

    async def create(self, wanted: AgentConfig, throw_if_exists: bool = False) -> str:
        """Makes an agent; its name. Without a name it is `memgpt`.

        Raises:
            UserError: it exists and that was not wanted, or its persona, human or settings are not known.
        """
        name = checked_name(wanted.name or config.DEFAULT_AGENT)
        if self.exists(name):
            if throw_if_exists:
                raise UserError(f"There is already an agent {name!r}.", "Choose another name.")
            return self.home.folder_of(name)
        settings = config.load(self.home)
        news: list[str] = []
        persona = wanted.persona or self._there(settings, "persona", news)
        human = wanted.human or self._there(settings, "human", news)
        texts = {"persona": read_text(self.home, "personas", persona), "human": read_text(self.home, "humans", human)}
        own = {key: settings[key] for key in config.AGENT_KEYS}
        own |= {key: config.checked(key, getattr(wanted, key)) for key in OVERRIDES if getattr(wanted, key) is not None}
        await catalog.check_provider(own["model"], self.gateway)
        window = own["context_window"] or catalog.UNKNOWN_WINDOW
        limit = block_limit(window)
        limits = {label: max(limit, len(text)) for label, text in texts.items()}
        session = await self._open(name)
        body = {
            "name": name, "settings": own, "limits": limits,
            "persona": persona, "human": human,
        }  # fmt: skip
        await session.journal.append(Draft("born", body, texts))
        session.corpus.use(own["embedding_model"])
        session.news += news
        return name

    def _there(self, settings: Mapping[str, Any], setting: str, news: list[str]) -> str:
        """The persona or human that the settings name, or the default one where that is not there, which is news."""
        name, default = str(settings[setting]), str(config.BY_NAME[setting].default)
        try:
            read_text(self.home, f"{setting}s", name)
        except UserError as error:
            news.append(f"{error.message} It is named in config.toml; {default} is used.")
            return default
        return name

    async def session(self, name: str, create: bool = False, overrides: Mapping[str, Any] | None = None) -> Session:
        """The agent of that name, open.

        Raises:
            UserError: there is none, its file is damaged, or an override is wrong.
        """
        given = {key: value for key, value in (overrides or {}).items() if value is not None}
        async with self._opening:
            if not self.exists(name):
                if not create:
                    raise self.unknown(name)
                await self.create(AgentConfig.of({**given, "name": name}))
            session = await self._close_damaged(name) or await self._open(name)
        changes = {key: given[key] for key in OVERRIDES if key in given}
        if changes:
            await change_settings(session, changes)
        return session

    def unknown(self, name: str) -> UserError:
        """That there is no agent of that name, and how it is called now where it was renamed."""
        now_called = self.renamed.get(fold(name))
        if now_called and self.exists(now_called):
            return UserError(f"There is no agent {name!r}.", f"It is called {now_called!r} now.")
        return UserError(
            f"There is no agent {name!r}.",
            "`memgpt list agents` shows them; `memgpt send --create` and `memgpt run` make one.",
        )

    @contextlib.asynccontextmanager
    async def put_down(self, name: str) -> AsyncIterator[None]:
        """While this lasts nobody opens an agent; that one is no longer among those that are open, and its user lets go of
        it here.

        Raises:
            UserError: it is at work.
        """
        async with self._opening:
            session = self.sessions.get(fold(name))
            if session and session.busy:
                raise UserError("The model is at work on this agent.", "Wait until it is done, or stop it.")
            self.sessions.pop(fold(name), None)
            yield

    async def let_go(self, session: Session) -> None:
        """Closes an agent that was put down; what a damaged file says to that is known already. Who looks on at it looks on
        at the one that is opened next under its name."""
        if session.watched:
            self.left[fold(session.name)] = session
        database = session.journal.database
        try:
            await session.close()
        except Exception:
            if not database.damaged:
                raise
            await database.close()

    async def _close_damaged(self, name: str) -> Session | None:
        """The agent if it is open; one whose file was found damaged is closed, so that it can be restored."""
        session = self.sessions.get(fold(name))
        if session is None or not session.journal.database.damaged or session.busy:
            return session
        self.sessions.pop(fold(name))
        await self.let_go(session)
        return None

    async def _open(self, name: str) -> Session:
        fresh = not self.exists(name)
        database = await Database.open(self.home.agent_file(name), "agent")
        try:
            return await self._opened(name, database, fresh)
        except BaseException:
            self.sessions.pop(fold(name), None)
            await database.close()
            raise

    async def _opened(self, name: str, database: Database, fresh: bool) -> Session:
        corpus = Corpus(database, self.embedder, f"agent:{fold(name)}", "")
        if fresh:
            await corpus.indexed()
        session = await Session.open(self.home.folder_of(name), database, corpus, self.gateway, self.library.opened)
        corpus.model = str(session.state.settings.get("embedding_model", ""))
        if session.state.name:
            await session.recover()
        await self._open_sources(session)
        self.sessions[fold(name)] = session
        if left := self.left.pop(fold(name), None):
            session.adopt(left, "opened")
        return session

    async def _open_sources(self, session: Session) -> None:
        """Opens what an agent has attached, with what became of it while the agent was not open."""
        state = session.state
        for source in state.sources:
            if not self.home.source_file(source).exists():
                await session.journal.append(Draft("detach", {"source": source}))
                session.news.append(f"The source {source!r} is gone; it was detached.")
                continue
            try:
                made, passages = (await self.library.corpus(source)).made, await self.library.passages(source)
            except UserError as error:  # damaged, or held: it may come back
                session.news.append(f"The source {source!r} cannot be searched: {error}")
                continue
            if state.made.get(source, made) != made:
                await session.journal.append(Draft("detach", {"source": source}))
                session.news.append(f"The source {source!r} is gone, and another one is called so; it was detached.")
            elif (state.passages.get(source), state.made.get(source, "")) != (passages, made):
                await session.journal.append(Draft("attach", {"source": source, "passages": passages, "made": made}))

    # --- the engine's questions -------------------------------------------------------------------------------

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begins what nobody waits for; the engine stays until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def busy(self) -> bool:
        return self.jobs > 0 or bool(self._tasks) or any(session.busy for session in self.sessions.values())

    def children(self) -> dict[str, int]:
        return {**self.embedder.process_ids(), **self.gateway.builtin.process_ids()}

    async def finish(self, now_: bool, seconds: float) -> None:
        """Waits for turns, or interrupts them; closes every file; ends the children."""
        await asyncio.gather(*map(ended, self._tasks))
        turns = [asyncio.create_task(session.turns.finished()) for session in self.sessions.values()]
        if turns and not now_:
            await asyncio.wait(turns, timeout=seconds)
        await asyncio.gather(*(session.turns.interrupt() for session in self.sessions.values()))
        await self.embedder.close()  # first: a worker that still loads would keep files from closing
        await asyncio.gather(*(session.close() for session in self.sessions.values()))
        self.sessions.clear()
        await self.library.close()
        await self.gateway.close()

    async def beat(self) -> None:
        """Begins the timed heartbeats that are due."""
        for session in list(self.sessions.values()):
            with contextlib.suppress(ModelError, UserError):  # a turn that somebody asks for will tell of it
                await unasked.beat(session)

    async def close_idle(self) -> None:
        """Closes the agents that nobody has used for `linger_s` seconds."""
        for key, session in list(self.sessions.items()):
            unused = not session.watched and now() - session.turns.used_at > self.linger_s * 1_000_000
            if session.busy or not (unused or session.journal.database.damaged):
                continue
            async with self._opening:  # whoever wants it again waits until its file is closed
                # Looked at here: while another agent was closed, somebody may have asked for this one.
                if key in self.sessions and not self.jobs and not session.busy:
                    del self.sessions[key]
                    await self.let_go(session)
