"""What stands for the messages that have left: the facts first, as they were said.

A summary is sentences. Each is worth what it holds: numbers, dates and codes, names, promises and questions that are
open. Where not all of them fit the worthiest stay, however long ago they were said, so that a summary of summaries does
not rot; and what a model's summary drops of the old one's facts is put back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])|\n+")
LONGEST_SENTENCE = 240  # characters
FIGURE = re.compile(r"\S*\d\S*|\S+@\S+")
NAME = re.compile(r"(?<![.!?…:\"'(] )(?<!^)\b[^\W\d_a-z]\w+")
PROMISE = re.compile(
    r"\b(?:promis\w+|remind\w*|agreed?|decid\w+|must|deadline|until|appointment|remember|never|always|allerg\w+"
    r"|I(?:'ll| will| shall)|called|named?|born|birthday|password|code|address|live[sd]? in|work(?:s|ed)? (?:as|at))\b",
    re.IGNORECASE,
)
OWN = re.compile(r"\b(?:my|our|I am|I'm|I have)\b", re.IGNORECASE)
QUESTION = re.compile(r"[?？]\s*$")
SPEAKER = re.compile(r"^(?:User|I said|Event): ")
LONG_WORD = re.compile(r"\w{5,}")
WORTHY = 1.5  # of a sentence that a model's summary may not drop
PUT_BACK = 2  # of a model's summary, one part in so many may be facts that it dropped


def sentences(text: str) -> list[str]:
    """The sentences of a text in one line each, long ones cut."""
    found = (" ".join(part.split()) for part in SENTENCE.split(text))
    return [part if len(part) <= LONGEST_SENTENCE else f"{part[: LONGEST_SENTENCE - 1]}…" for part in found if part]


def worth(sentence: str) -> float:
    """How much would be lost with a sentence."""
    words = SPEAKER.sub("", sentence)
    figures, names = len(FIGURE.findall(words)), len(NAME.findall(words))
    held = 3.0 * min(figures, 2) + 2.0 * min(names, 3) + 2.0 * bool(PROMISE.search(words)) + bool(OWN.search(words))
    return held + bool(QUESTION.search(words)) - len(words) / LONGEST_SENTENCE


def facts(sentence: str) -> set[str]:
    """What a sentence holds that can be neither guessed nor said in other words: its figures and names."""
    words = SPEAKER.sub("", sentence)
    return {found.strip(".,;:!?()\"'").lower() for found in (*FIGURE.findall(words), *NAME.findall(words))}


def extract(old: str, lines: Sequence[str], characters: int) -> str:
    """A summary that needs no model and never fails: of the old one and of all that was said, the worthiest sentences
    in the order in which they were said."""
    said = [sentence for line in lines for sentence in _spoken(line)]
    return kept([*sentences(old), *said], characters)


def kept(every: Sequence[str], characters: int) -> str:
    """The worthiest of these sentences that fit, each once, in their order; of equal ones, the newest."""
    order = {sentence: place for place, sentence in enumerate(every)}
    best = sorted(order, key=lambda sentence: (-worth(sentence), -order[sentence]))
    chosen, room = [], characters
    for sentence in best:
        if len(sentence) < room:
            chosen.append(sentence)
            room -= len(sentence) + 1
    return " ".join(sorted(chosen, key=order.__getitem__))


def without_rot(fresh: str, old: str, lines: Sequence[str], characters: int) -> str:
    """A model's summary with what it has dropped of the old one, and of the worthiest that was said since; that may take
    half of it, and more where the model leaves more."""
    said = [sentence for line in lines for sentence in _spoken(line) if worth(sentence) >= WORTHY]
    lost = [sentence for sentence in (*sentences(old), *said) if _is_lost(sentence, fresh.lower())]
    back = kept(lost, max(characters // PUT_BACK, characters - len(fresh) - 1)) if lost else ""
    written = sentences(fresh)
    if len(back) + len(fresh) + 1 > characters:
        written = [kept(written, characters - len(back) - 1)]
    return " ".join(part for part in (back, *written) if part)


def _is_lost(sentence: str, there: str) -> bool:
    """Whether a figure or a name of it stands nowhere there; of sentences without any, whether most long words do not."""
    if held := facts(sentence):
        return any(fact not in there for fact in held)
    words = {word.lower() for word in LONG_WORD.findall(SPEAKER.sub("", sentence))}
    return worth(sentence) >= WORTHY and sum(word in there for word in words) * 2 < len(words)


def _spoken(line: str) -> list[str]:
    """The sentences of one line, each with who said it."""
    found = SPEAKER.match(line)
    who = found[0] if found else ""
    return [who + sentence for sentence in sentences(line[len(who) :])]
