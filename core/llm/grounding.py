"""What keeps a model of 135 M parameters to what it was told: which of the user's words answer a question of theirs, and
the grammar that its answer is held to.

Left free, such a model answers any question, and mostly with something made up. So a question about the user is
answered with the words that were found for it, or with `UNKNOWN`; and no answer to a remark names anybody or anything
that the user has not named. The rules are for English, the one language that the model knows.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

UNKNOWN = "I don't know that yet."
MEMORY = re.compile(r"^\((You told me|I told you|From [^:]+): (.*)\)$")  # a line of memory in front of a message
SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
WORD = re.compile(r"[\w'’.@:/-]*\w", re.UNICODE)
ASKING = re.compile(
    r"^(?:(?:and|so|but|hey|please|ok),? )*(?:what|where|when|who|whose|whom|which|why|how"
    r"|(?:can|could|do|did|will) you (?:tell|know|remember|recall|say)|tell me (?:about|what|where|when|who|which|how)"
    r"|(?:do|did|am|was|were|have|are|is|does) (?:i|we|my|our)\b)",
    re.IGNORECASE,
)
FIRST_PERSON = frozenset(re.findall(r"\S+", "i me my mine we us our ours myself i'm i've i'd i'll we're we've"))
OF_MINE = re.compile(r"\b(?:my|our) ((?:\w+ ?){1,4})", re.IGNORECASE)
NAMES_ME = re.compile(
    r"\b[Mm]y name(?: is|['’]s) [A-Z]|\b[Cc]all me [A-Z]|(?:^|[.!\n] ?)(?:Her|His|Their|The) name(?: is|:) [A-Z]"
)
MAY_NAME_ME = re.compile(r"\bI(?: am|['’]m) [A-Z]")
ASKS_NAME = re.compile(r"\b(?:my (?:\w+ )?name|who (?:am i|i am)|(?:am i|i am|i'm) called|call me)\b", re.IGNORECASE)
# What says nothing of what a question is about: it may stand beside any fact.
SILENT = frozenset(
    re.findall(
        r"\w+",
        "a an the and or but so as at by for from in into of off on onto out over to under up with without about after"
        " before is are was were be been am do does did done have has had having can could will would should shall may"
        " might must it its he him his she her hers they them their you your yours this that these those there here who"
        " whom whose what which when where why how not no yes ok please tell say said told know remember recall call"
        " called name named kind sort type favourite favorite best new old own first last much many some any one thing"
        " again now still really just go going get got far long hey well think s t m d ll re ve",
    )
)
# Words of one meaning, as a question asks for it and as it is told.
SAME = {
    word: group[0]
    for group in (
        ("job", "work", "works", "working", "worked", "profession", "occupation", "living", "employed"),
        ("live", "lives", "lived", "home", "reside", "moved", "move", "moving", "address", "town", "city"),
        ("mother", "mum", "mom"),
        ("father", "dad"),
        ("film", "films", "movie", "movies"),
        ("old", "age", "turned"),
        ("break", "broke", "broken"),
        ("drive", "drove", "car"),
        ("buy", "bought"),
        ("eat", "ate", "lunch", "dinner", "meal"),
        ("teach", "taught"),
    )
    for word in group
}  # fmt: skip
OF_ANOTHER = 0.9  # of its share: what is told of one's sister seldom answers what is asked about oneself
SAYS_OF_ME = re.compile(r"\b(?:I|we)\b")
TO_THE_MODEL = re.compile(r"\b(?:you|your|yours)\b", re.IGNORECASE)
GREETING = re.compile(
    r"^(?:(?:hi|hello|hey|oh|ok|okay|well|so|yes|no|actually|by the way)\b(?: there)?[,.!]* +)+", re.IGNORECASE
)
TURNED = {
    "i": "you",
    "i'm": "you're",
    "i've": "you've",
    "i'll": "you'll",
    "i'd": "you'd",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
    "we": "you",
    "we're": "you're",
    "we've": "you've",
    "we'll": "you'll",
    "we'd": "you'd",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "you": "me",
    "your": "my",
    "yours": "mine",
    "i was": "you were",
    "i wasn't": "you weren't",
    "am i": "are you",
    "was i": "were you",
}
TURNING = re.compile(rf"\b(?:{'|'.join(sorted(TURNED, key=len, reverse=True))})\b", re.IGNORECASE)
LONGEST_ANSWER = 300  # characters
MOST_NAMES = 200

ANY_SENTENCES = r"""root ::= sentence (" " sentence)?
sentence ::= [^.!?\n]{2,140} [.!?]"""
# Small letters, "I", and the names that were said; digits only as they were said.
REMARK = r"""root ::= first (" " word){{1,18}} end
first ::= [A-Z] [a-z]{{0,11}} ("'" [a-z]{{1,2}})? ","?
word ::= (plain | "I" ("'" [a-z]{{1,2}})?{names}) ","?
plain ::= [a-z]{{1,14}} ([-'] [a-z]{{1,10}})?
end ::= [.!?]"""


def asks(text: str) -> bool:
    """Whether the text is a question."""
    return text.rstrip().endswith(("?", "？")) or bool(ASKING.match(text.strip()))


def about_the_user(question: str) -> bool:
    """Whether it asks for something that only the user can have told."""
    words = {word.lower().replace("’", "'") for word in WORD.findall(re.sub(r"\btell me\b", "", question, flags=re.I))}
    return asks(question) and bool(words & FIRST_PERSON)


def answered_by(question: str, told: str) -> float:
    """How much of what the question is about stands in what was told; 0 where that cannot answer it.

    It has to speak of everything that the question calls the user's own, and of half of what it asks for, or of most of
    it where the question is not about the user.
    """
    own, told = about_the_user(question), telling(told)
    if own and ASKS_NAME.search(question) and not subjects(question):
        return 1.0 if NAMES_ME.search(told) else 0.9 if MAY_NAME_ME.search(told) else 0.0
    asked, found = subjects(question), subjects(told)
    share = len(asked & found) / max(1, len(asked))
    for phrase in OF_MINE.findall(question):
        head = next((term for word in WORD.findall(phrase) if (term := _term(word))), None)
        if head and head not in found:
            return 0.0
    if not (share >= 0.5 if own else share > 0.5):
        return 0.0
    return share * OF_ANOTHER if own and _of_another(told, asked) else share


def _of_another(told: str, asked: set[str]) -> bool:
    """Whether what was told is about somebody or something of the user's that the question does not ask for, and says nothing
    of the user."""
    heads = [
        next((term for word in WORD.findall(phrase) if (term := _term(word))), "") for phrase in OF_MINE.findall(told)
    ]
    return bool(heads) and not any(head in asked for head in heads) and not SAYS_OF_ME.search(told)


def telling(text: str) -> str:
    """The sentences of a text that ask nothing."""
    return " ".join(sentence for sentence in SENTENCE.split(text) if not asks(sentence))


def subjects(text: str) -> set[str]:
    """What a text is about: its words by their stems, without those that say nothing."""
    return {term for word in WORD.findall(text) if (term := _term(word))}


@functools.lru_cache(16384)
def _term(word: str) -> str:
    plain = re.sub(r"['’]s?$", "", word.lower())
    if plain in SAME:
        return SAME[plain]
    if plain in SILENT or plain in FIRST_PERSON or not plain:
        return ""
    return str(_stemmer().stemWord(plain))


@functools.cache
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")


def grammar(messages: Sequence[Mapping[str, Any]]) -> str:
    """The GBNF grammar that the answer to the last of these messages is held to."""
    lines = str(messages[-1]["content"]).split("\n")
    found = [match for line in lines if (match := MEMORY.match(line))]
    said = "\n".join(line for line in lines if not MEMORY.match(line))
    if not asks(said) or (TO_THE_MODEL.search(said) and not about_the_user(said) and not found):
        return REMARK.format(names="".join(f" | {_literal(name)}" for name in _names(messages)))
    if found:
        answers = dict.fromkeys(given_back(said, match[1], match[2]) for match in found)
        return f"root ::= {' | '.join(_literal(answer) for answer in answers)}"
    return f"root ::= {_literal(UNKNOWN)}" if about_the_user(said) else ANY_SENTENCES


def given_back(question: str, origin: str, text: str) -> str:
    """What was found for a question as its answer: the user's own words turned to them, other words as they stand."""
    if len(text) > LONGEST_ANSWER:
        text = max(SENTENCE.split(text), key=lambda sentence: answered_by(question, sentence))[:LONGEST_ANSWER]
    text = text.strip() if text.rstrip().endswith((".", "!", "?", "…")) else f"{text.strip()}."
    if origin.startswith("From"):
        return f"{'From my notes' if origin == 'From memory' else origin}: {text}"
    turned = " ".join(_turned(GREETING.sub("", sentence)) for sentence in SENTENCE.split(telling(text)))
    return turned or text


def _turned(sentence: str) -> str:
    def other(match: re.Match[str]) -> str:
        word = match[0].lower().replace("’", "'")
        return "I" if word == "you" and match.start() == 0 else TURNED[word]

    text = TURNING.sub(other, sentence.replace("’", "'"))
    return text[:1].upper() + text[1:]


def _names(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names and numbers that core memory and the last few messages of the user hold."""
    spoken = [*messages[:1], *(message for message in messages[-5:] if message["role"] == "user")]
    texts = [str(message["content"]) for message in spoken]
    words = [word for text in texts for word in WORD.findall(text)]
    return list(dict.fromkeys(word for word in words if word[0].isupper() or word[0].isdigit()))[-MOST_NAMES:]


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
