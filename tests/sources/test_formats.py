"""Every kind of document, through the command line: what is found of it, in which file and in which place."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.support import papers
from tests.support.program import Program

MAIL = """From: Ada <ada@example.org>
To: bob@example.org
Subject: Lunch on Friday
Date: Tue, 03 Mar 2026 10:00:00 +0100
Content-Type: text/html; charset=utf-8

<html><body><p>Shall we meet at the <b>Quarry</b> Inn?</p></body></html>
"""
PYTHON = 'class Kiln:\n    """Fires pots."""\n\n    def fire(self):\n        return "glaze"\n'
HTML = """<html><head><title>Handbook</title><script>var hidden = "zeppelin";</script></head><body>
<nav>zeppelin menu</nav>
<h1>Travel</h1><p>Book <i>early</i>.</p>
<h2>Hotels</h2>
<p>At most 120 crowns a night in Uppsala.</p>
</body></html>"""
# query -> file, place, what the title ends with
EXPECTED = {
    "marmalade": ("plain.txt", "lines 1-3", "plain.txt"),
    "sourdough starter": ("notes.md", "lines 5-7", "Kitchen › Bread"),
    "crowns Uppsala": ("page.html", "lines 4-5", "Handbook › Travel › Hotels"),
    "porcupine": ("report.pdf", "page 2", "Yearly report"),
    "umbrella": ("letter.docx", "paragraphs 3-5", "letter.docx › Weather › Rain"),
    "lighthouse": ("book.epub", "chapter 2", "The Coast › North"),
    "Wilhelmina": ("people.csv", "rows 2-3", "people.csv"),
    "glaze": ("sub/kiln.py", "lines 1-5", "kiln.py › Kiln"),
    "Quarry Inn": ("lunch.eml", "", "Lunch on Friday"),
    "regatta": ("all.mbox", "message 2", "Second"),
    "Köln": ("latin.txt", "line 1", "latin.txt"),
    "Größenwahn": ("wide.txt", "line 1", "wide.txt"),
    "москва": ("cyrillic.txt", "line 1", "cyrillic.txt"),
    "newt": (r"two\nlines.txt", "line 1", r"two\nlines.txt"),
    "croissant": (r"caf\xe9.txt", "line 1", r"caf\xe9.txt"),
    "sprocket": ("Makefile", "line 1", "Makefile"),
}


def fill(folder: Path) -> None:
    (folder / "plain.txt").write_text("First.\n\nMarmalade is made of oranges.\n")
    (folder / "notes.md").write_text("# Kitchen\n\nWhat is in it.\n\n## Bread\n\nFeed the sourdough starter daily.\n")
    (folder / "page.html").write_text(HTML)
    papers.pdf(folder / "report.pdf", ["Nothing here.", "The porcupine budget\nis 12 (twelve)."], "Yearly report")
    papers.docx(
        folder / "letter.docx", [(1, "Weather"), (0, "Fine."), (2, "Rain"), (0, "Take an umbrella.")], [["a", "b"]]
    )
    papers.epub(folder / "book.epub", "The Coast", [("South", "Sand & sun."), ("North", "A lighthouse stands there.")])
    (folder / "people.csv").write_text("name;age\nWilhelmina;7\nOtto;9\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "kiln.py").write_text(PYTHON)
    (folder / "lunch.eml").write_text(MAIL)
    box = "From a@b.c Tue Mar  3 10:00:00 2026\nFrom: a@b.c\nSubject: {}\n\n{}\n\n"
    (folder / "all.mbox").write_text(box.format("First", "Nothing.") + box.format("Second", "The regatta is off."))
    (folder / "latin.txt").write_bytes("Grüße aus Köln, später mehr.".encode("latin-1"))
    (folder / "wide.txt").write_bytes("Über Größenwahn.".encode("utf-16"))
    (folder / "cyrillic.txt").write_bytes(
        ("Мы едем в город. Москва большая, и там живут друзья. " * 3).encode("cp1251")
    )
    (folder / "two\nlines.txt").write_text("A newt in a pond.")
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("A croissant, with a\0 stray byte." + " And more." * 9)
    (folder / "Makefile").write_text("sprocket: all\n")
    (folder / ".hidden.txt").write_text("zeppelin")
    for name in (".git", "node_modules"):
        (folder / name).mkdir()
        (folder / name / "x.txt").write_text("zeppelin")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "sub" / "round").symlink_to("..")


def found(program: Program, agent: str, folder: Path, *queries: str) -> dict[str, list[dict[str, str]]]:
    """The hits of many queries by words, in one process."""
    file = folder / "queries.jsonl"
    file.write_text("".join(json.dumps({"id": query, "query": query}) + "\n" for query in queries), encoding="utf-8")
    lines = program.good("search", "archival", "--queries", str(file), "--agent", agent, "--mode", "text").lines
    return {line["id"]: line["results"] for line in lines}


def test_every_kind_of_file_is_found_with_its_place(program: Program, reader: str, tmp_path: Path) -> None:
    (folder := tmp_path / "folder").mkdir()
    fill(folder)
    source = f"s{reader}"
    done = program("load", "directory", source, str(folder), "--recursive")
    assert (done.status, done.err) == (0, ""), done
    assert done.out == "22 passages in; files: 16 read, 1 no documents\n"
    program.good("attach", source, "--agent", reader)
    answers = found(program, reader, tmp_path, *EXPECTED, "zeppelin")
    assert answers.pop("zeppelin") == []
    places = {query: (hits[0]["file"], hits[0].get("place", "")) for query, hits in answers.items()}
    assert places == {query: (file, place) for query, (file, place, _) in EXPECTED.items()}
    assert {hit["source"] for hits in answers.values() for hit in hits} == {source}
    (mail, *_) = answers["Quarry Inn"]
    assert mail["created_at"].startswith("2026-03-03T09:00:00") and "ada@example.org" in mail["text"]
    titles = found(program, reader, tmp_path, *(title for _, _, title in EXPECTED.values()))
    for query, (_, _, title) in EXPECTED.items():
        assert answers[query][0]["id"] in [hit["id"] for hit in titles[title]], f"{query} is found by its title"


def test_only_some_files_of_a_folder(program: Program, reader: str, tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "c.rst", "sub/d.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Words of {name}.")
    flat = program.good("load", "directory", f"s{reader}", str(tmp_path), "--extensions", "md,.TXT")
    assert flat.out == "2 passages in; files: 2 read\n"
    deep = program.good("load", "directory", f"s{reader}", str(tmp_path), "--recursive")
    assert deep.out == "2 passages in; files: 2 read, 2 there already\n"
    one = program.good("load", "file", f"s{reader}", str(tmp_path / "sub" / "d.md"))
    assert one.out == "0 passages in; files: 1 there already\n"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("directory", "x", "/nowhere"), 1, "There is no folder"),
        (("file", "x", "/nowhere"), 1, "There is no file"),
        (("file", "x", "/tmp"), 1, "There is no file"),
        (("file", "x", "/etc/hostname", "--recursive"), 2, "are for folders"),
        (("directory", "../x", "/tmp"), 2, "is not a name"),
    ],
)
def test_what_cannot_be_loaded(program: Program, arguments: tuple[str, ...], status: int, words: str) -> None:
    done = program("load", *arguments)
    assert done.status == status and words in done.err and done.err.count("\n") == 1 and done.out == ""


# --- files that are broken ------------------------------------------------------------------------------------


def broken(folder: Path) -> dict[str, str]:
    """Files that nothing can be made of, and what is said of each."""
    (folder / "cut.pdf").write_bytes(papers.pdf(folder / "whole.pdf", ["Fine."] * 20).read_bytes()[:900])
    (folder / "no.pdf").write_bytes(b"%PDF-1.4 and then nothing")
    papers.pdf(folder / "scanned.pdf", ["", ""])
    whole = papers.docx(folder / "whole.docx", [(0, "The docx that is whole.")]).read_bytes()
    (folder / "cut.docx").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(folder / "empty.docx", "w") as archive:
        archive.writestr("hello.txt", "no Word in it")
    with zipfile.ZipFile(folder / "bomb.docx", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(4):
            archive.writestr(f"{number}.xml", bytes(80_000_000))
    with zipfile.ZipFile(folder / "hollow.epub", "w") as archive:
        archive.writestr("META-INF/container.xml", papers.CONTAINER)
    (folder / "torn.epub").write_bytes(os.urandom(3000))
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (folder / "no.eml").write_bytes(b"\n\n\n")
    (folder / "no.mbox").write_text("just words")
    with (folder / "huge.pdf").open("wb") as file:
        file.truncate(5_000_000_000)
    with (folder / "long.txt").open("wb") as file:
        file.truncate(60_000_000)
    (folder / "ring").symlink_to("ring")
    (folder / "bad\nname\x1b[31m.eml").write_text("nothing")
    return {
        "cut.pdf": "damaged", "no.pdf": "damaged", "scanned.pdf": "no text in it", "cut.docx": "damaged",
        "empty.docx": "damaged", "bomb.docx": "unpack to more than", "hollow.epub": "damaged", "torn.epub": "damaged",
        "binary.txt": "no text", "no.eml": "no mail", "no.mbox": "no mail", "huge.pdf": "larger than 200 MB",
        "long.txt": "more than 50 MB", "ring": "cannot be read", r"bad\nname\x1b[31m.eml": "no mail",
    }  # fmt: skip


def test_a_broken_file_is_one_line_and_stops_nothing(program: Program, reader: str, tmp_path: Path) -> None:
    (folder := tmp_path / "folder").mkdir()
    expected = broken(folder)
    os.mkfifo(folder / "pipe.txt")
    done = program("load", "directory", f"s{reader}", str(folder))
    lines = done.err.splitlines()
    assert done.status == 1 and "Traceback" not in done.err and "\x1b" not in done.err
    assert sorted(line.removeprefix("memgpt: ").partition(" was skipped")[0] for line in lines) == sorted(expected)
    for name, words in expected.items():
        assert words in next(line for line in lines if line.startswith(f"memgpt: {name} ")), name
    assert done.out == "21 passages in; files: 2 read, 15 bad\n"
    program.good("attach", f"s{reader}", "--agent", reader)
    (hit,) = found(program, reader, tmp_path, "docx")["docx"]
    assert hit["file"] == "whole.docx"
    alone = program("load", "file", f"s{reader}", str(folder / "binary.txt"))
    assert alone.status == 1 and alone.out == "0 passages in; files: 1 bad\n"
