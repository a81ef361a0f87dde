"""Facts that are planted early in a conversation, and small talk that drives them out of main context."""

from __future__ import annotations

from dataclasses import dataclass

from core.session import Session
from memgpt import events as e
from tests.support.agents import turn


@dataclass(frozen=True, slots=True)
class Fact:
    """What is told, what asks for it, and the words that an answer has to hold."""

    told: str
    question: str
    answer: str


FACTS = (
    Fact("My sister Clara lives in Porto.", "Where does my sister live?", "Porto"),
    Fact("I was born on 3 May 1984.", "When was I born?", "1984"),
    Fact("My locker code is Quartz-4411.", "What is my locker code?", "Quartz-4411"),
    Fact("I promised Jonas to bring the tent in August.", "What did I promise Jonas?", "tent"),
    Fact("The invoice of Keller came to 1,280 francs.", "How much was the invoice of Keller?", "1,280"),
    Fact("My cat is called Pepper.", "What is my cat called?", "Pepper"),
    Fact("I am allergic to peanuts.", "What am I allergic to?", "peanuts"),
    Fact("Should we meet in Vienna or in Graz?", "Which towns did I ask about?", "Graz"),
)
TALK = (
    "it rained again and nobody was out for long",
    "the bread was good and the coffee was better",
    "there was a film on and we fell asleep over it",
    "the garden looks fine after all that sun",
    "work was slow and the day went by with little done",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """The summary at the end, and how many facts stand in it after so many evictions and turns."""

    summary: str
    in_summary: int
    evictions: int
    turns: int


async def planted(session: Session, evictions: int, words: int = 12, most: int = 600) -> Planted:
    """Tells the facts, then talks until messages have left so many times."""
    for fact in FACTS:
        await turn(session, fact.told)
    seen = number = 0
    while seen < evictions and number < most:
        said = " and ".join(TALK[(number + place) % len(TALK)] for place in range(words))
        events = await turn(session, f"{said}.")
        seen += sum(isinstance(event, e.Evicted) for event in events)
        number += 1
    summary = session.state.summary_text.body if session.state.summary_text else ""
    return Planted(summary, sum(fact.answer in summary for fact in FACTS), seen, number)
