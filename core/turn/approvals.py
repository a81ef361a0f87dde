"""What the model may do only with the user's word: calls that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from core.functions.memory import CHANGING
from core.functions.schema import HEARTBEAT
from core.messages import Pending, written
from core.store.journal import now
from memgpt import events as e

NOBODY = "nobody is there who could allow it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The user's word on a call; `reason` is why not, empty where none was given."""

    allowed: bool
    reason: str = ""

    @property
    def told(self) -> str:
        """What the model is told of a call that may not run."""
        return f"The user did not allow this{f': {self.reason}' if self.reason else ''}."


@dataclass(slots=True)
class Approvals:
    """The calls of one agent that wait, by their ids, oldest first. `heard` says whether anybody is there to ask."""

    heard: Callable[[], bool]
    _waiting: dict[str, tuple[e.Question, asyncio.Future[Verdict]]] = field(default_factory=dict)

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._waiting

    @property
    def questions(self) -> list[e.Question]:
        """What is being asked: whoever comes to look on is asked too."""
        return [question for question, _ in self._waiting.values()]

    def ask(self, call: Pending, agent: str, step: int) -> e.Question:
        given = {name: value for name, value in call.arguments.items() if name != HEARTBEAT}
        text = f"{agent} wants to call {written(call.name, given)}"
        question = e.Question(step=step, at=now(), call_id=call.call_id, text=text)
        self._waiting[call.call_id] = question, asyncio.get_running_loop().create_future()
        return question

    async def verdict(self, question: e.Question) -> Verdict:
        """Waits for the user's word; where nobody is there to give it, that is a no."""
        try:
            return await self._waiting[question.call_id][1] if self.heard() else Verdict(False, NOBODY)
        finally:
            self._waiting.pop(question.call_id)

    def answer(self, verdict: Verdict) -> str:
        """Gives the user's word on the call that has waited longest, and says which that was; empty where none waits."""
        for question, future in self._waiting.values():
            if not future.done():
                future.set_result(verdict)
                return question.text
        return ""


def needs_word(setting: str, call: Pending) -> bool:
    """Whether a call waits for the user by the setting `approve`."""
    if setting == "memory":
        return call.name in CHANGING
    return setting == "all" and call.name != "send_message"
