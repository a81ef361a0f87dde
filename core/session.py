"""One open agent: turns that queue, listeners that watch, and the parts that a turn needs, made for its model."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from core.agent import Agent
from core.context import instructions
from core.llm.gateway import Gateway
from core.llm.types import ModelError
from core.memory.search import Corpus
from core.messages import Item, State
from core.parts import make_agent
from core.store.database import Database
from core.store.journal import Draft, Journal, now
from core.turn import adapting
from core.turn.approvals import Approvals
from core.turn.external import Sources
from core.turn.replies import commit_interrupted
from core.turn.rerender import rerendered
from core.waiting import Turns, Waiting
from memgpt import events as e
from memgpt.home import UserError
from memgpt.words import WAITING_FOR_YOU

REPACKED_BY = ("learnt_protocol", "standing_in")  # settings after which the queue is packed anew
LOGGED = "/retry asks again; logs/memgpt.log in the home says more."
Listener = Callable[[e.Event], None]


class Session:
    """One agent's file, open. Everything that changes the agent goes through here, one turn at a time."""

    def __init__(self, name: str, journal: Journal, corpus: Corpus, gateway: Gateway, sources: Sources) -> None:
        self.name, self.journal, self.corpus, self.gateway = name, journal, corpus, gateway
        self.sources = sources
        self._listeners: dict[Listener, bool] = {}  # and whether its user may answer what the agent asks
        self._heir: Session | None = None  # who took them over
        self.approvals = Approvals(lambda: any(self._listeners.values()))
        self.turns = Turns(self._run_one, self._enter, lambda: self.tell(self.activity()))
        self.importing = asyncio.Lock()  # from the look at what is there to the commit of what is not
        self._agent: Agent | None = None
        self._made_for: tuple[Any, ...] = ()
        self._background: set[asyncio.Future[None]] = set()
        self.phase = "idle"
        self.opened_at = journal.next_step - 1
        self.owes_login = False  # a new agent whose greeting has not begun
        self.news: list[str] = []  # for whoever looks on or asks first
        self.timer_keys: Mapping[str, str] = {}  # of the front end that attached last

    @classmethod
    async def open(cls, name: str, database: Database, corpus: Corpus, gateway: Gateway, sources: Sources) -> Session:
        return cls(name, await Journal.open(database), corpus, gateway, sources)

    # --- who watches ------------------------------------------------------------------------------------------

    def listen(self, listener: Listener, answers: bool = False) -> Callable[[], None]:
        """Gives every event from now on to `listener`, which must not block; the result takes it off again. `answers` says
        that its user may answer what the agent asks."""
        self._listeners[listener] = answers

        def leave() -> None:
            session: Session | None = self
            while session is not None:
                session._listeners.pop(listener, None)
                session = session._heir

        return leave

    def adopt(self, old: Session, why: str) -> None:
        """Takes over those who watched this agent before its file was opened anew, or one that was called so."""
        self._listeners |= old._listeners
        old._heir = self
        self.tell(e.Rewound(step=self.journal.state.head, at=now(), why=why))

    @property
    def watched(self) -> bool:
        return bool(self._listeners)

    def tell(self, event: e.Event) -> None:
        for listener in list(self._listeners):
            listener(event)

    def activity(self) -> e.Activity:
        return e.Activity(step=self.journal.state.head, at=now(), phase=self.phase, queued=self.turns.queued)

    def _enter(self, phase: str) -> None:
        if phase != self.phase:
            self.phase = phase
            self.tell(self.activity())

    # --- turns ------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return self.turns.busy

    def submit(self, text: str, keys: Mapping[str, str], asker: object = None) -> Waiting:
        """Queues a message of the user; iterated, it gives the events of its turn. The turn goes on if nobody reads them."""
        return self.turns.add(Waiting(text, lambda agent: agent.user_message(text), keys, asker))

    def happen(self, kind: str, packed: str, reason: str, keys: Mapping[str, str]) -> Waiting:
        """Queues a turn that something else than a message begins."""
        return self.turns.add(Waiting("", lambda agent: agent.event(kind, packed, reason), keys))

    def resume(self, keys: Mapping[str, str]) -> Waiting:
        """Queues the rest of a turn that was cut off."""
        return self.turns.add(Waiting("", lambda agent: agent.go_on(), keys))

    async def _run_one(self, turn: Waiting) -> None:
        try:
            self._tell_news(turn)
            await self._back_to_own_model(turn)
            agent = await self.agent(turn.keys)
            if self.owes_login:  # the user was quicker than the greeting
                self.owes_login = False
                await self.journal.append(await self.login_draft())
            events: AsyncIterator[e.Event] | None = turn.begin(agent)
            while events is not None:
                events = await self._tell_all(turn, events)
        except (ModelError, UserError) as error:
            self._agent = None  # what it took for committed may not be
            self._failed(turn, error.message, error.hint)
        except Exception as error:  # whatever it is, the turn ends in words
            traceback.print_exc()
            self._agent = None
            self._failed(turn, f"The turn failed: {type(error).__name__}: {_line(error)}", LOGGED)
        await self.tell_context()

    async def _tell_all(self, turn: Waiting, events: AsyncIterator[e.Event]) -> AsyncIterator[e.Event] | None:
        """Tells the events of a turn. Where its model cannot be called as it was, and there is another way, the rest of
        the turn is given, to go on that way, which is journalled, or its end where nobody can be had."""
        try:
            async for event in events:
                self._told(turn, event)
        except ModelError as error:
            agent = await self.agent()
            changes = dict(agent.adapts(error))
            if not changes:
                raise
            if "learnt_protocol" in changes:
                refused = adapting.REFUSED[agent.renderer.protocol]
                model, endpoint = adapting.in_effect(self.state.settings)
                self.gateway.remembered.learn(model, endpoint, **refused, source="refusal")
            await self._adapted(changes)
            agent = await self.agent(turn.keys)
            if changes == adapting.ITSELF_AGAIN:
                return agent.given_up(error)
            turn.events.put_nowait(self._notice(adapting.told(changes, error)))
            return agent.taken_over()
        return None

    async def _adapted(self, changes: Mapping[str, Any]) -> None:
        """Journals how the model is called from now on, together with the queue packed anew where that is otherwise."""
        settled = Draft("settings", {"changes": changes})
        if set(changes) & set(REPACKED_BY):
            agent = await self.agent(changes=changes)
            settled = await rerendered(agent.manager, await agent.fixed())
            settled.body |= {"changes": changes}
        await self.journal.append(settled)

    async def _back_to_own_model(self, turn: Waiting) -> None:
        """Asks the model itself again, where another has stood in for it for long enough."""
        if adapting.is_over(self.state.settings):
            await self._adapted(adapting.ITSELF_AGAIN)
            turn.events.put_nowait(self._notice(f"{self.state.settings['model']} is asked again."))

    async def rerender(self) -> None:
        """The queue again as the present model reads it."""
        agent = await self.agent()
        await self.journal.append(await rerendered(agent.manager, await agent.fixed()))

    def _failed(self, turn: Waiting, message: str, hint: str) -> None:
        """A turn that could not begin, or broke: what was committed of it stays, and it can be gone on with."""
        step = self.journal.state.head
        self._told(turn, e.Error(step=step, at=now(), message=message, hint=hint))
        self._told(turn, e.TurnEnd(step=step, at=now(), reason="error", steps=0))

    def _told(self, turn: Waiting, event: e.Event) -> None:
        match event:
            case e.Delta():
                self._enter("answering")
            case e.Question(call_id=asked) if asked in self.approvals:
                self._enter(WAITING_FOR_YOU)
            case e.FunctionCall(name=name):
                self._enter(name)
            case e.FunctionReturn() | e.Retry():
                self._enter("thinking")
        turn.events.put_nowait(event)
        self.tell(event)
        if isinstance(event, e.UserMessage | e.Evicted | e.Recalled | e.Usage):
            self._context_later()

    # --- the parts that a turn needs --------------------------------------------------------------------------

    async def agent(self, keys: Mapping[str, str] | None = None, changes: Mapping[str, Any] | None = None) -> Agent:
        """The agent as its settings have it now, or with changes of them that are about to be journalled. Whether a model
        that could not be loaded is there is looked again each time."""
        settings = {**self.journal.state.settings, **(changes or {})}
        made_for = tuple(sorted((name, str(value)) for name, value in settings.items()))
        if self._agent is None or self._agent.absent or made_for != self._made_for:
            self._agent = await make_agent(
                self.journal, self.corpus, self.gateway, self.sources, self.turns.cancelled, self.approvals, settings
            )
            self._made_for = made_for
            self.corpus.use(str(settings.get("embedding_model", "")))
        if keys is not None:
            self._agent.thinking.model = replace(self._agent.thinking.model, keys=keys)
        return self._agent

    @property
    def corpora(self) -> list[Corpus]:
        """What it searches: its own documents, and the sources that are attached."""
        return [self.corpus, *self.sources(self.state)]

    # --- the present ------------------------------------------------------------------------------------------

    async def context(self) -> e.ContextChanged:
        """The ledger of main context with its cells, in the order in which the model reads them."""
        agent = await self.agent()
        ledger, limits, state = await agent.ledger(), agent.manager.limits, self.journal.state
        return e.ContextChanged(
            step=state.head,
            at=now(),
            total=ledger.total,
            window=ledger.window,
            warn=limits.warn,
            flush=limits.flush,
            source=ledger.source,
            sections=ledger.rows(),
            cells=[_cell(item) for item in state.queue],
            gone=state.evicted,
            model=adapting.in_effect(state.settings)[0],
        )

    async def tell_context(self) -> None:
        if self._listeners:
            try:
                self.tell(await self.context())
            except (ModelError, UserError) as error:
                self._notice(str(error))
            except Exception:  # a figure that is missing is no reason to end the turn
                traceback.print_exc()

    def _notice(self, text: str) -> e.Notice:
        notice = e.Notice(step=self.journal.state.head, at=now(), text=text)
        self.tell(notice)
        return notice

    def tell_news(self) -> None:
        """Says once what the user should know of this agent's opening."""
        while self.news:
            self._notice(self.news.pop(0))

    def _tell_news(self, turn: Waiting) -> None:
        while self.news:
            turn.events.put_nowait(self._notice(self.news.pop(0)))

    def _context_later(self) -> None:
        task = asyncio.ensure_future(self.tell_context())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # --- opening and closing ----------------------------------------------------------------------------------

    async def recover(self) -> None:
        """After a crash: what had been shown of an open answer is kept, marked interrupted."""
        found = await self.journal.open_reply()
        if found and self.journal.state.turn:
            agent = await self.agent()
            await commit_interrupted(self.journal, agent.renderer, agent.external, found.said, found.thought)

    async def login_draft(self) -> Draft:
        """That the app was opened, and how long ago the last time was."""
        agent = await self.agent()
        steps = await self.journal.steps(kinds=("login", "user"), limit=1)
        packed = instructions.login_event(now(), steps[-1].at if steps else None, agent.renderer.zone)
        items = (await agent.renderer.event("login", packed),) if agent.renderer.searches else ()
        return Draft("login", {"event": "login"}, items=items)

    async def close(self) -> None:
        """Waits for the turns, and closes the file."""
        await self.turns.finished()
        await self.corpus.close()
        await self.journal.database.close()

    @property
    def state(self) -> State:
        return self.journal.state


def _line(error: Exception) -> str:
    words = " ".join(str(error).split())
    return words if len(words) <= 200 else f"{words[:200].rpartition(' ')[0]} …"


def _cell(item: Item) -> dict[str, Any]:
    return {
        "section": "messages",
        "tokens": item.tokens,
        "step": item.step,
        "role": item.kind,
        "recalled": item.recalled,
    }
