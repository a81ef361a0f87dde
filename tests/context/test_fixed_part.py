"""What is sent with every call: small, taught from signatures, and exact about its limits."""

from __future__ import annotations

import asyncio
import json

import pytest

from core.context import blocks, instructions
from core.context.blocks import EditRefused
from core.context.queue import Limits, clipped, decide
from core.context.summary import extract
from core.functions.conversation import base_executor
from core.functions.schema import SchemaError, schema_of
from core.llm.protocol import native_tools
from core.llm.tokens import TiktokenCounter
from core.messages import Block

NAMES = {
    "send_message": {"message"},
    "pause_heartbeats": {"minutes"},
    "core_memory_append": {"name", "content", "request_heartbeat"},
    "core_memory_replace": {"name", "old_content", "new_content", "request_heartbeat"},
    "conversation_search": {"query", "page", "request_heartbeat"},
    "conversation_search_date": {"start_date", "end_date", "page", "request_heartbeat"},
    "archival_memory_insert": {"content", "request_heartbeat"},
    "archival_memory_search": {"query", "page", "request_heartbeat"},
}


@pytest.mark.parametrize(("window", "most"), [(200_000, 1700), (16_384, 1700), (8192, 1000), (4096, 1000)])
def test_instructions_and_schemas_are_small(window: int, most: int) -> None:
    plain = window <= 8192
    schemas = base_executor().schemas(plain)
    text = instructions.system_text(window, searches=True)
    counted = asyncio.run(TiktokenCounter().count([text, json.dumps(native_tools(schemas), ensure_ascii=False)]))
    assert sum(counted) <= most, counted
    for word in ("send_message", "request_heartbeat", "monologue", "core_memory_append", "conversation_search",
                 "archival_memory_insert", "pressure"):  # fmt: skip
        assert word in text


def test_the_eight_functions_have_their_names_and_parameters() -> None:
    schemas = {schema["name"]: schema["parameters"] for schema in base_executor().schemas(plain=True)}
    assert {name: set(parameters["properties"]) for name, parameters in schemas.items()} == NAMES
    assert schemas["conversation_search"]["required"] == ["query", "request_heartbeat"]


def test_a_schema_comes_from_signature_and_docstring() -> None:
    async def example(context: object, words: list[str], count: int = 1, note: str | None = None) -> None:
        """Do a thing. And another.

        Args:
            words: The words,
                on two lines.
            count: How often.
            note: A note.
        """

    schema = schema_of(example)
    properties = schema["parameters"]["properties"]
    assert schema["description"] == "Do a thing. And another."
    assert properties["words"] == {
        "type": "array",
        "items": {"type": "string"},
        "description": "The words, on two lines.",
    }
    assert properties["note"]["type"] == "string" and schema["parameters"]["required"] == ["words", "request_heartbeat"]

    async def untold(context: object, x: int) -> None:
        """Do."""

    with pytest.raises(SchemaError, match="lacks a line"):
        schema_of(untold)


def block(text: str, limit: int = 100) -> Block:
    return Block("human", text, limit, 1, 0)


def test_edits_of_core_memory_are_atomic() -> None:
    assert blocks.appended(block("a"), "b") == "a\nb"
    assert blocks.appended(block(""), "b") == "b"
    assert blocks.replaced(block("one two"), "two", "2") == "one 2"
    assert blocks.replaced(block("one\ntwo\nthree"), "two", "") == "one\nthree"
    for wrong in (("", "x"), ("four", "x")):
        with pytest.raises(EditRefused):
            blocks.replaced(block("one two"), *wrong)
    with pytest.raises(EditRefused, match=r"lines 1, 3"):
        blocks.replaced(block("one\ntwo\none"), "one", "1")
    with pytest.raises(EditRefused, match="may have 100 characters and would have 102"):
        blocks.appended(block("a" * 100), "b")


def test_the_lines_of_a_window() -> None:
    limits = Limits.of(8192, {})
    assert (limits.reserve, limits.room) == (1024, 7168)
    assert (limits.warn, limits.flush, limits.keep) == (5017, 7168, 3584)
    assert Limits.of(4096, {}).reserve == 512
    assert decide(7169, 100, limits, False, False) == "evict"
    assert decide(5018, 100, limits, False, False) == "pressure"
    assert decide(5018, 100, limits, True, False) == decide(5018, 100, limits, False, True) == "fine"


def test_what_is_cut_keeps_head_and_tail() -> None:
    text = "head " + "middle " * 1000 + "tail"
    cut = clipped(text, 2000, 100, "look it up")
    assert cut.startswith("head") and cut.endswith("tail") and "look it up" in cut and len(cut) < len(text) / 10
    assert clipped("short", 2, 100, "x") == "short"


def test_an_extract_never_outgrows_its_room() -> None:
    lines = [f"User: fact number {n} is here. And more words." for n in range(300)]
    first = extract("", lines, 800)
    assert len(first) <= 800 and "fact number" in first
    again = first
    for _ in range(30):
        again = extract(again, lines, 800)
        assert len(again) <= 800
    assert extract("", [], 800) == ""
