"""What the built-in model's answers are held to: pure rules, no model."""

from __future__ import annotations

import pytest

from core.context.instructions import plain_core, plain_user
from core.llm.grounding import UNKNOWN, answered_by, asks, given_back, grammar
from core.messages import Block


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What do I play?", "Hi, I'm Ada and I play chess"),
        ("What is my name?", "Hi, I'm Ada and I play chess"),
        ("What is my job?", "I live in Bern and work as a nurse."),
        ("What is the name of my cat?", "We adopted a cat last week, her name is Pepper."),
        ("When does my daughter start school?", "Our daughter Mia starts school in August."),
        ("Where does my brother live?", "My brother moved to Canada two years ago."),
        ("Do you remember my dog", "I have a dog called Rex. Do you like dogs?"),
        ("Who is Clara?", "My sister Clara is a pilot."),
    ],
)
def test_what_answers_a_question(question: str, told: str) -> None:
    assert asks(question) and answered_by(question, told) > 0


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is my dog called?", "My sister is called Clara."),
        ("Where does my uncle live?", "I live in Bern."),
        ("What is my favourite film?", "My favourite colour is green."),
        ("Which instrument do I play in the orchestra?", "Hi, I'm Ada and I play chess."),
        ("What is my name?", "Her dog is called Zeus."),
        ("What is my name?", "Not known yet. To find out: their name."),
        ("What is my dog called?", "Is my dog called Rex?"),
        ("What is the capital of France?", "I was in France once."),
    ],
)
def test_what_does_not(question: str, told: str) -> None:
    assert answered_by(question, told) == 0


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ("Hi, I'm Ada and I play chess", "You're Ada and you play chess."),
        ("My sister Clara is a pilot.", "Your sister Clara is a pilot."),
        ("I was born in Porto, and we were happy.", "You were born in Porto, and you were happy."),
        ("I like talking to you. What is your name?", "You like talking to me."),
    ],
)
def test_the_users_words_are_turned_to_them(told: str, answer: str) -> None:
    assert given_back("What did I say?", "You told me", told) == answer


def test_each_answer_has_its_grammar() -> None:
    def held(text: str) -> str:
        return grammar([{"role": "system", "content": "You are Sam."}, {"role": "user", "content": text}])

    found = [{"role": "user", "text": "My dog is\ncalled Rex."}]
    assert held(plain_user("What is my dog called?", found)) == 'root ::= "Your dog is called Rex."'
    assert held("What is my dog called?") == f'root ::= "{UNKNOWN}"'
    noted = [{"text": "Her dog is called Zeus."}]
    assert held(plain_user("What is my dog called?", noted)) == 'root ::= "From my notes: Her dog is called Zeus."'
    remark = held("I live in Bern.")
    assert '"Bern"' in remark and '"Sam"' in remark and "[A-Z] [a-z]" in remark, "no other name, no number"
    assert "[^.!?" in held("What is the capital of France?"), "the world is free to be spoken of"


def test_core_memory_answers_beside_the_question() -> None:
    blocks = [
        Block("persona", "I am Sam. My dog is a poodle.", 2000, 0, 0),
        Block("human", "Her name is Berta.\nHer dog is called Zeus.", 2000, 0, 0),
    ]
    assert plain_core("What is my dog called?", blocks) == [{"text": "Her dog is called Zeus."}]
    assert plain_core("What is my name?", blocks) == [{"text": "Her name is Berta."}]
    assert plain_core("My dog is ill.", blocks) == plain_core("Where do I live?", blocks) == []
