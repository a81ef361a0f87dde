"""What the built-in model remembers, and what it makes up: `python -m benchmarks.builtin [all]`.

Facts are told in varied words and each asked for; things never told are asked for too, of an agent that knows nothing
and of one that knows the facts, where every answer but a plain "I don't know" counts as made up; then a little small
talk. With `all`, every question is printed with its answer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.support import median, program, quantile, row
from tests.support.program import Program

TOLD: tuple[tuple[str, str, str], ...] = (
    ("Hi, I'm Ada and I play chess.", "What do I play?", "chess"),
    ("I live in Bern and work as a nurse.", "What is my job?", "nurse"),
    ("My sister Clara is a pilot.", "What is my sister called?", "clara"),
    ("We adopted a cat last week, her name is Pepper.", "What is the name of my cat?", "pepper"),
    ("I was born in 1984 in Porto.", "Where was I born?", "porto"),
    ("My favourite colour is green.", "What is my favourite colour?", "green"),
    ("I am allergic to peanuts.", "What am I allergic to?", "peanut"),
    ("On Tuesdays I sing in a choir.", "On which day do I sing in the choir?", "tuesday"),
    ("My car is an old blue Volvo.", "What car do I drive?", "volvo"),
    ("I studied physics in Vienna.", "What did I study?", "physics"),
    ("My brother moved to Canada two years ago.", "Where did my brother move?", "canada"),
    ("I drink my coffee without sugar.", "How do I drink my coffee?", "sugar"),
    ("Our daughter Mia starts school in August.", "When does my daughter start school?", "august"),
    ("I am reading a novel called Middlemarch.", "Which novel am I reading?", "middlemarch"),
    ("My best friend is Jonas, we met in the army.", "Who is my best friend?", "jonas"),
    ("I broke my left arm when I was nine.", "Which arm did I break?", "left"),
    ("We are going to Iceland in June.", "Where are we going in June?", "iceland"),
    ("My boss is called Mrs Keller.", "Who is my boss?", "keller"),
    ("I run ten kilometres every Sunday.", "How far do I run on Sunday?", "ten"),
    ("My wife teaches maths at a high school.", "What does my wife teach?", "math"),
    ("I bought a red bicycle yesterday.", "What colour is my bicycle?", "red"),
    ("My phone number ends with 4471.", "What does my phone number end with?", "4471"),
    ("I hate the smell of fish.", "Which smell do I hate?", "fish"),
    ("The password of my wifi is bluebird.", "What is my wifi password?", "bluebird"),
    ("My grandmother turned ninety in March.", "How old is my grandmother?", "ninety"),
)  # fmt: skip
NEVER_TOLD = (
    "What is my dog called?",
    "Where does my uncle live?",
    "What is my shoe size?",
    "Which instrument do I play in the orchestra?",
    "When is my wedding anniversary?",
    "What is my favourite film?",
    "Who is my dentist?",
    "What did I have for breakfast?",
    "Which football team do I support?",
    "How many children does my neighbour have?",
    "What is the name of my street?",
    "How tall am I?",
)
ON_EMPTY = ("What is my name?", "Where does my sister live?", "What is my dog called?", "What do I play?", "Who am I?")
IN_CORE = (
    ("What is my dog called?", "zeus"),
    ("What is my name?", "berta"),
    ("Where do I live?", "lisbon"),
)
HUMAN = "Her name is Berta. She lives in Lisbon with two children.\nHer dog is called Zeus.\nShe likes exact answers."
SMALL_TALK = (
    "Hello!",
    "How are you today?",
    "I am a bit tired, work was long.",
    "Tell me something nice.",
    "What can you do?",
    "It is raining again here.",
    "Thank you, that was kind.",
    "Good night!",
)
IGNORANT = re.compile(
    r"(do(n't| not)|did(n't| not)) (yet )?(know|have|remember|tell)|have(n't| not) (been )?told|not sure|no idea"
    r"|I forgot|nothing about|can you tell me|tell me (more|about)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Turn:
    """One question or remark with what came of it."""

    text: str
    answer: str
    recalled: bool
    tokens: int
    seconds: float
    first_s: float


def conversation(found: Program, agent: str, texts: Sequence[str]) -> tuple[list[Turn], dict[str, int]]:
    """The turns of these messages, and how often memory was under pressure and messages left."""
    done = found.good(
        "send", "--agent", agent, "--create", "--json", "--lines", text="\n".join(texts) + "\n", timeout=1800
    )
    turns: list[Turn] = []
    answer, recalled, tokens, first = "", False, 0, 0.0
    for line in done.lines:
        match line["type"]:
            case "assistant_message":
                answer = line["text"]
            case "recalled":
                recalled = True
            case "usage":
                tokens, first = line["prompt_tokens"], line["first_token_ms"] / 1000
            case "turn_end":
                seconds = line["total_ms"] / 1000
                turns.append(Turn(texts[len(turns)], answer, recalled, tokens, seconds, first))
                answer, recalled = "", False
    counts = {kind: len(done.of(kind)) for kind in ("memory_pressure", "evicted")}
    return turns, counts


def holds(turn: Turn, fact: str) -> bool:
    return fact in turn.answer.lower()


def invented(turns: Sequence[Turn]) -> list[Turn]:
    return [turn for turn in turns if not IGNORANT.search(turn.answer)]


def main() -> None:
    show = "all" in sys.argv[1:]
    with program() as found:
        empty, _ = conversation(found, "empty", ON_EMPTY)
        human = found.home.path / "humans"
        human.mkdir(exist_ok=True)
        (human / "berta.txt").write_text(HUMAN, encoding="utf-8")
        found.good("configure", "--set", "human=berta")
        core, _ = conversation(found, "core", [question for question, _ in IN_CORE])
        found.good("configure", "--set", "human=basic")
        told, _ = conversation(found, "told", [text for text, _, _ in TOLD])
        asked, counts = conversation(found, "told", [question for _, question, _ in TOLD])
        never, more = conversation(found, "told", NEVER_TOLD)
        talk, last = conversation(found, "told", SMALL_TALK)
    right = [turn for turn, (_, _, fact) in zip(asked, TOLD, strict=True) if holds(turn, fact)]
    wrong = [turn for turn in asked if turn not in right]
    every = [*empty, *core, *told, *asked, *never, *talk]
    row("told, asked, answered with the fact", f"{len(right)} of {len(asked)}")
    row("  made up instead", len(invented(wrong)), f"of {len(asked)}")
    row(
        "in core memory, answered with it",
        sum(holds(turn, IN_CORE[place][1]) for place, turn in enumerate(core)),
        f"of {len(core)}",
    )
    row("never told, made up", len(invented(never)), f"of {len(never)}")
    row("never told, made up by an empty agent", len(invented(empty)), f"of {len(empty)}")
    row(
        "seconds a turn: median, p95",
        round(median([t.seconds for t in every]), 2),
        round(quantile([t.seconds for t in every], 0.95), 2),
    )
    row(
        "  to the first token",
        round(median([t.first_s for t in every]), 2),
        round(quantile([t.first_s for t in every], 0.95), 2),
    )
    row("largest prompt, tokens", max(turn.tokens for turn in every))
    row(
        "memory_pressure, evicted",
        sum(c["memory_pressure"] for c in (counts, more, last)),
        sum(c["evicted"] for c in (counts, more, last)),
    )
    answers = [turn.answer for turn in (*told, *talk)]
    row("different answers to remarks and small talk", len(set(answers)), f"of {len(answers)}")
    if show:
        for turn in every:
            mark = "*" if turn.recalled else " "
            print(f"{turn.seconds:5.1f} s {turn.tokens:5} {mark} {turn.text}\n                {turn.answer}")


if __name__ == "__main__":
    main()
