"""Names of files: stored and shown in one line, and no two of them alike."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.sources.names import INVISIBLE, path_of, shown
from tests.support.program import Program

PARTS = st.sampled_from(
    [b"\\", b"n", b"\n", b"x", b"f", b"\xff", b"\xad", "\xad".encode(), b"a", b"d", "\u2028".encode()]
)
NAMES = st.lists(PARTS, max_size=4).map(b"".join) | st.binary(max_size=6)
ORDINARY = st.text(st.characters(exclude_characters="\\", exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")))


@given(st.sets(NAMES))
def test_no_two_names_are_shown_alike(names: set[bytes]) -> None:
    found = {shown(os.fsdecode(name)) for name in names}
    assert len(found) == len(names)
    assert {path_of(name) for name in found} == {Path(os.fsdecode(name)) for name in names}
    for name in names:
        literal = shown(os.fsdecode(name))
        assert literal == os.fsdecode(name) or shown(literal) != literal, (
            "a file may be called what is shown of another"
        )
    assert not any(unicodedata.category(character) in ("Cs", *INVISIBLE) for name in found for character in name)


@given(ORDINARY)
def test_an_ordinary_name_is_shown_as_it_is(name: str) -> None:
    assert shown(name) == name


def test_files_of_similar_names_keep_their_passages(program: Program, reader: str, tmp_path: Path) -> None:
    names = [b"a\nb.txt", rb"a\nb.txt", b"c\xffd.txt", rb"c\xffd.txt", b"e\xadf.txt", "e\xadf.txt".encode()]
    for number, name in enumerate(names):
        (tmp_path / os.fsdecode(name)).write_text(f"The vole of hedge{number}.")
    source = f"s{reader}"
    done = program.good("load", "directory", source, str(tmp_path))
    assert done.out == f"{len(names)} passages in; files: {len(names)} read\n"
    program.good("attach", source, "--agent", reader)
    found = program.good("search", "archival", "vole", "--agent", reader, "--json").json["results"]
    assert {hit["text"].removeprefix("The vole of ") for hit in found} == {f"hedge{n}." for n in range(len(names))}
    assert {hit["file"] for hit in found} == {
        r"a\nb.txt", r"a\\nb.txt", r"c\xffd.txt", r"c\\xffd.txt", r"e\xadf.txt", r"e\u00adf.txt"}  # fmt: skip
    again = program.good("load", "directory", source, str(tmp_path))
    assert again.out == f"0 passages in; files: {len(names)} there already\n"
