"""What happens on the tour: the words of each stage, and the conversation that is played meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AGENT, MODEL, WINDOW = "guide", "openai/tour", 3264
"""The window is so small that six turns fill it: each of these stages moves its fill past the mark that it speaks of."""

HUMAN = "Name: Ada."
SETTINGS = {"human": "ada", "auto_recall": "on", "paging.warn": 0.781, "paging.keep": 0.4, "engine_linger": 2.0}
SUMMARY = (
    "Ada keeps the lighthouse on Lundy and is allergic to nuts. She told of the winter's repairs: the lens was cleaned, "
    "the foghorn got a new compressor, and the boat Petrel brings supplies."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model: what it thinks, and the function that it calls."""

    thought: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def say(text: str, thought: str = "") -> Reply:
    return Reply(thought, "send_message", {"message": text})


@dataclass(frozen=True, slots=True)
class Turn:
    """What Ada says, and how it is answered: one reply after the other until nothing is called but `send_message`."""

    said: str
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stop of the tour: a sentence, where to look on a small screen, what is played, and with which settings."""

    title: str
    words: str
    pane: Literal["chat", "memory", "monologue"] = "chat"
    turns: tuple[Turn, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


STAGES: tuple[Stage, ...] = (
    Stage(
        "The window",
        "A model knows only what stands in its context window. The map shows all of it, in the order in which it is read.",
    ),
    Stage(
        "Core memory",
        "What it must never lose, it writes into core memory itself: that is a part of every prompt.",
        "memory",
        (
            Turn(
                "Hello! I keep the lighthouse on Lundy. And before you suggest cake: I am allergic to nuts.",
                (
                    Reply(
                        "Where she lives and what she must not eat: worth keeping for good.",
                        "core_memory_append",
                        {"name": "human", "content": "Keeps the lighthouse on Lundy. Allergic to nuts."},
                    ),
                    say("Hello, Ada! A lighthouse keeper. I have noted the nuts, so no almond cake from me."),
                ),
            ),
        ),
    ),
    Stage(
        "The window fills",
        "Every message takes room. The cells of messages grow with each turn, towards two marks: ┊ warns, ┃ evicts.",
        "chat",
        (
            Turn(
                "It was a long winter. In November we took the great lens apart and cleaned its eighteen prisms, one by "
                "one, with vinegar and an old shirt of my grandfather's. The third prism from the top has a chip that "
                "he always called the Admiral, because it looks like a man with a hat. In December the foghorn gave up, "
                "and the new compressor had to come by boat, in four crates, through a swell that made even the gulls "
                "sit down.",
                (
                    say(
                        "Eighteen prisms with vinegar and a shirt: your grandfather would have approved. And the Admiral "
                        "with his hat has survived another winter. How long was the light without its foghorn?",
                        "A good story. The Admiral is the chip in the third prism.",
                    ),
                ),
            ),
            Turn(
                "Nine days. On the eighth a trawler came so close that I could read her name, Gannet's Rest, by the beam. "
                "I rang the old brass bell by hand until my arms gave out, and then I sang. The skipper sent a crate of "
                "oranges afterwards, with a note: 'For the soprano.'",
                (
                    say(
                        "For the soprano! That note deserves a frame beside the bell.",
                        "The trawler was the Gannet's Rest; the skipper sent oranges.",
                    ),
                ),
            ),
        ),
    ),
    Stage(
        "Pressure",
        "Over the mark ┊ the model is warned that memory runs short, and puts what matters into archival memory.",
        "monologue",
        (
            Turn(
                "Now the plans, and please keep them. In April the tower is painted: three coats of white, the gallery "
                "rail in red lead first, and Tomas from Ilfracombe does the ropes. In May the school comes, twenty-two "
                "children and two teachers, and I want to show them how the beam is counted: two flashes every twenty "
                "seconds, and never to count the ones that they only hope for. The big ones may wind the clock, the small ones may "
                "ring the bell, once each. In June I am away for a week at my sister's in Bristol, and Maria holds the watch.",
                (
                    Reply(
                        "Memory runs short, and these plans will be asked for. Into archival memory with them.",
                        "archival_memory_insert",
                        {
                            "content": "Lundy light, plans. April: tower painted, Tomas does the ropes. May: school visit, "
                            "22 children. June: Ada in Bristol for a week, Maria holds the watch."
                        },
                    ),
                    say("All three are written down: paint in April, the school in May, Bristol in June."),
                ),
            ),
        ),
    ),
    Stage(
        "Eviction",
        "Over the mark ┃ the oldest messages leave for recall storage, and a summary ◆ takes their place. Nothing is deleted.",
        "chat",
        (
            Turn(
                "One more thing. The logbook says that the first keeper, one Elias Ward, wrote every evening at ten: "
                "'Light burns, sea listens.' I have taken it up again. Yesterday I added: 'Ada makes soup.' It was leek "
                "and potato, with too much pepper, and I ate it on the gallery while the shearwaters came in by the "
                "hundred, shrieking like wet fingers on glass. I counted until I lost count at three hundred and twelve, "
                "and the moon was so bright that the beam looked pale in it. Then the wind turned to the north, the soup "
                "got cold, and I went in to wind the clock. It is the old turret clock that my grandmother brought from "
                "Barnstaple on a sledge; it loses four minutes a day in winter and wins them back by August.",
                (
                    say(
                        "Light burns, sea listens, Ada makes soup. Elias Ward has a worthy successor, and the clock has all "
                        "year to be right: who else can say that of a clock?",
                        "The log, the birds, the turret clock.",
                    ),
                ),
            ),
            Turn(
                "Ha! That goes into the logbook. And now the radio says that a gale is coming up from Finisterre, force "
                "nine by midnight, with the Petrel still out between Clovelly and here. So I shall light the spare lamp, "
                "lash the crates in the boathouse, and call the coastguard at Hartland on the hour until she is in. If I do not answer tomorrow, I am asleep on the stairs with the "
                "cat on my feet, and all is well.",
                (
                    say(
                        "Spare lamp, crates, Hartland on the hour. Sleep well on the stairs, you and the cat.",
                        "A gale from Finisterre; the Petrel is out.",
                    ),
                ),
            ),
        ),
    ),
    Stage(
        "It comes back",
        "Asked about what has left, the engine finds it in recall, and those pages stand in the window again: ●.",
        "chat",
        (
            Turn(
                "Which prism has the chip, and what did my grandfather call it?",
                (say("The third prism from the top; he called the chip the Admiral, because it looks like a man with a hat."),),
            ),
        ),
    ),
    Stage(
        "It searches by itself",
        "It can look for itself as well, by words and by meaning, in recall and in archival memory.",
        "monologue",
        (
            Turn(
                "And who holds the watch while I am at my sister's?",
                (
                    Reply(
                        "That was one of the plans. I put them into archival memory.",
                        "archival_memory_search",
                        {"query": "who holds the watch in June"},
                    ),
                    say("Maria holds the watch in June, while you are in Bristol."),
                ),
            ),
        ),
        {"auto_recall": "off"},
    ),
    Stage(
        "Your own",
        "That is all there is to it. Your agents do the same: F2 shows each block, Ctrl+F searches all memory, F1 helps.",
    ),
)  # fmt: skip


def turns() -> Iterator[Turn]:
    """Every turn of the conversation."""
    for stage in STAGES:
        yield from stage.turns


def answer(said: str, place: int) -> Reply:
    """The reply to the message, `place` being how many were given in that turn before."""
    turn = next((turn for turn in turns() if turn.said == said), None)
    if turn is None or place >= len(turn.replies):
        return say("…")
    return turn.replies[place]
