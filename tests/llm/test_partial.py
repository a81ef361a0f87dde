"""A string out of JSON that is still arriving, whatever the cuts."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from core.llm.partial import PartialString

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
BEFORE = st.dictionaries(st.sampled_from(["thought", "x"]), TEXT, max_size=2)


@given(value=TEXT, before=BEFORE, ascii_only=st.booleans(), cuts=st.lists(st.integers(1, 5), min_size=1))
def test_what_is_read_is_the_value(value: str, before: dict[str, str], ascii_only: bool, cuts: list[int]) -> None:
    whole = json.dumps({**before, "message": value, "after": 'x"message": "y'}, ensure_ascii=ascii_only)
    reader, read, place, turn = PartialString("message"), "", 0, 0
    while place < len(whole):
        size = cuts[turn % len(cuts)]
        read += reader.feed(whole[place : place + size])
        assert value.startswith(read) or '"message"' in json.dumps(before)
        place, turn = place + size, turn + 1
    assert reader.done
    if '\\"message\\"' not in json.dumps(before):
        assert read == value


def test_an_escape_that_has_not_ended_waits() -> None:
    reader = PartialString("message")
    assert reader.feed('{"message": "a\\') == "a"
    assert reader.feed("ud83d") == ""
    assert reader.feed("\\ude0") == ""
    assert reader.feed('0"}') == "😀"
    assert reader.done
