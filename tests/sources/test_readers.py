"""The readers of each kind of file, over what documents of the world hold and made ones do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sources.chunks import chunks
from core.sources.readers import sections
from core.sources.readers.sections import Section, line_marks
from core.sources.readers.text import decoded


def words(path: Path) -> str:
    """All that is read of a file."""
    return "\n\n".join(section.text for section in sections(path))


# --- text -----------------------------------------------------------------------------------------------------

PIECES = st.text(st.sampled_from("ab é\f\v\x85\u2028\u2029\r\n"), max_size=40)


@given(PIECES)
def test_lines_are_counted_as_an_editor_counts_them(before: str) -> None:
    text = f"{before}Heron"
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    data = decoded(text.encode())
    found = [chunk for chunk in chunks(Section(data, "", "line", line_marks(data))) if "Heron" in chunk.text]
    assert len(found) == 1 and found[0].place.rpartition(" ")[2].rpartition("-")[2] == str(len(lines))


@pytest.mark.parametrize("ending", [".txt", ".md", ".py"])
def test_a_form_feed_ends_no_line(tmp_path: Path, ending: str) -> None:
    (path := tmp_path / f"old{ending}").write_text("First.\f\v\x85\u2028\nSecond.\f\n\n# Heron\n", encoding="utf-8")
    *_, last = [chunk for section in sections(path) for chunk in chunks(section)]
    assert last.place.endswith("4") and "Heron" in last.text


# --- web pages ------------------------------------------------------------------------------------------------


def test_a_page_that_is_one_form_is_read_without_its_controls(tmp_path: Path) -> None:
    (path := tmp_path / "page.html").write_text(
        """<html><body><form id="aspnetForm"><input type="hidden" name="__VIEWSTATE" value="zeppelin">
        <h1>Opening hours</h1><p>The museum opens at nine.</p>
        <label>Your name</label> <input value="zeppelin"><button>zeppelin</button>
        <select><option>zeppelin</option></select><textarea>zeppelin</textarea>
        <object data="film.swf"><p>The film shows a heron.</p></object></form><p>Closed on Mondays.</p></body></html>"""
    )
    found = words(path)
    assert "zeppelin" not in found
    for sentence in ("Opening hours", "The museum opens at nine.", "The film shows a heron.", "Closed on Mondays."):
        assert sentence in found.split("\n\n"), found


# --- tables ---------------------------------------------------------------------------------------------------

PLAIN_ROWS = "".join(f"{number},plain\n" for number in range(3000))


@pytest.mark.parametrize(
    ("table_text", "row"),
    [
        ("Artikel;Preis, EUR;Menge\nWare1;1,50;1\nWare2;2,50\n", "Artikel: Ware1; Preis, EUR: 1,50; Menge: 1"),
        (f'id,text\n{PLAIN_ROWS}7,"She said ""yes, of course"", then left"\n',
         'id: 7; text: She said "yes, of course", then left'),
        ("id,text,mood\n1,'Tis the season,joy\n2,the dogs',sad\n", "id: 1; text: 'Tis the season; mood: joy"),
        ("sep=;\nName, first;City\nAda;London, UK\n", "Name, first: Ada; City: London, UK"),
        ("The list of May\nname|note\nAda|a, b\nBob|c, d, e\nEve|f, g\n", "The list of May: Bob; c, d, e"),
        ('a, b, c\n1, "x, y", 3\n', "a: 1; b: x, y; c: 3"),
        ("words\nof one column; no more\n", "words: of one column; no more"),
    ],
    ids=["commas in a heading", "quotes far below", "apostrophes", "named", "titled", "blanks", "one column"],
)  # fmt: skip
def test_a_table_is_parted_where_its_rows_are(tmp_path: Path, table_text: str, row: str) -> None:
    (path := tmp_path / "table.csv").write_text(table_text)
    assert row in words(path).split("\n")
    (path := tmp_path / "table.tsv").write_text("a, b\tc\n1, 2\t3\n")
    assert words(path) == "a, b: 1, 2; c: 3"


# --- Word -----------------------------------------------------------------------------------------------------

CONTROL = "<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>"
PARAGRAPH = "<w:p><w:pPr><w:tabs><w:tab w:val='left' w:pos='9'/></w:tabs></w:pPr>{}</w:p>"
RUN = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
BOX = (
    "<w:r><mc:AlternateContent xmlns:mc='http://schemas.openxmlformats.org/markup-compatibility/2006'><mc:Choice>{0}"
    "</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent></w:r>"
)


def table(*rows: str) -> str:
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def cell(content: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{content}</w:tc>"


def written(text: str) -> str:
    return PARAGRAPH.format(RUN.format(text))


def word(path: Path, *blocks: str) -> Path:
    """A Word document with those blocks of XML after its first paragraph."""
    import docx
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    document = docx.Document()
    whole = document.add_paragraph("Beginning.")._p
    for block in reversed(blocks):
        tag, _, rest = block.partition(">") if block.startswith(("<w:p>", "<w:tbl>", "<w:sdt>")) else (block, "", "")
        whole.addnext(parse_xml(f"{tag} {nsdecls('w')}>{rest}"))
    document.save(str(path))
    return path


def test_every_cell_of_a_table_is_read_once(tmp_path: Path) -> None:
    inner = table(cell(written("North")) + cell(written("12")))
    path = word(
        tmp_path / "table.docx",
        table(
            cell(written("7")) + cell(written("7")) + cell(written("8")),
            cell(written("wide"), "<w:gridSpan w:val='2'/>") + cell(written("wide")),
            cell(written("Year"), "<w:vMerge w:val='restart'/>") + cell(written("2025")) + cell(written("")),
            cell("<w:p/>", "<w:vMerge/>") + cell(written("2026")) + CONTROL.format(cell(written("late"))),
            cell(inner + written("below")) + cell(written("beside")),
        ),
    )
    assert words(path).split("\n\n") == [
        "Beginning.", "7 | 7 | 8", "wide | wide", "Year | 2025", "Year | 2026 | late", "North 12 below | beside"]  # fmt: skip


def test_controls_insertions_and_boxes_are_read_and_what_was_deleted_is_not(tmp_path: Path) -> None:
    deleted = "<w:del w:id='2' w:author='a'><w:r><w:delText>zeppelin</w:delText></w:r></w:del>"
    moved = f"<w:moveFrom w:id='3' w:author='a'>{RUN.format('zeppelin')}</w:moveFrom>"
    inserted = f"<w:ins w:id='1' w:author='a'>{RUN.format('at noon')}</w:ins>"
    path = word(
        tmp_path / "controls.docx",
        CONTROL.format(written("In a control.") + CONTROL.format(table(cell(written("in both"))))),
        PARAGRAPH.format(RUN.format("We meet ") + inserted + deleted + moved + CONTROL.format(RUN.format(" today."))),
        PARAGRAPH.format(
            RUN.format("Beside a box.") + BOX.format(f"<w:txbxContent>{written('In it.')}</w:txbxContent>")
        ),
    )
    assert words(path).split("\n\n") == [
        "Beginning.", "In a control.", "in both", "We meet at noon today.", "Beside a box.", "In it."]  # fmt: skip


# --- mail -----------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """A mail whose parts are parts of parts."""
    head = b"From: odd@example.org\nSubject: Zeppelin\n"
    for number in range(depth):
        head += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)
    return head + b"Content-Type: text/plain\n\nThe innermost words.\n"


@pytest.mark.parametrize("depth", [3, 80, 150, 300, 480, 700, 1200, 5000])
def test_an_odd_mail_costs_no_other(tmp_path: Path, depth: int) -> None:
    mails = [b"From: a@example.org\nSubject: First\n\nThe first.\n", nested(depth),
             b"From: a@example.org\nSubject: Last\n\nThe last.\n"]  # fmt: skip
    (path := tmp_path / "all.mbox").write_bytes(
        b"".join(b"From a@b.c Tue Mar  3 10:00:00 2026\n" + mail + b"\n" for mail in mails)
    )
    found = list(sections(path))
    assert [section.title for section in found] == ["First", "Zeppelin", "Last"]
    assert "The first." in found[0].text and "odd@example.org" in found[1].text and "The last." in found[2].text
    (alone := tmp_path / "odd.eml").write_bytes(nested(depth))
    assert "odd@example.org" in words(alone)


HEADS = st.sampled_from([b"Content-Type", b"Content-Disposition", b"Content-Transfer-Encoding", b"From", b"Date"])
VALUES = st.binary(max_size=30) | st.sampled_from(
    [
        b"text/plain; charset=\xff",
        b"multipart/mixed; boundary=",
        b"attachment; filename*0*=x''%ff",
        b"=?utf-8?b?!?=",
        b'"',
    ]
)


@given(st.lists(st.tuples(HEADS, VALUES), max_size=5), st.binary(max_size=60))
def test_whatever_a_mail_holds_its_neighbours_are_read(
    tmp_path_factory: pytest.TempPathFactory, heads: list[tuple[bytes, bytes]], body: bytes
) -> None:
    odd = b"".join(name + b": " + value + b"\n" for name, value in heads) + b"\n" + body.replace(b"From ", b"")
    good = b"From: a@example.org\nSubject: %s\n\nWords.\n"
    path = tmp_path_factory.getbasetemp() / "any.mbox"
    path.write_bytes(b"".join(b"From a\n" + mail + b"\n" for mail in (good % b"First", odd, good % b"Last")))
    titles = [section.title for section in sections(path)]
    assert titles[0] == "First" and titles[-1] == "Last"


# --- Markdown -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "front",
    [
        "title: Springbok notes",
        "tags: [a, b]\n\n# in YAML\ntitle: 'Springbok notes'",
        '"title": x\ntitle: Springbok notes',
    ],
)
@pytest.mark.parametrize("end", ["---", "...", "--- "])
def test_front_matter_is_no_heading(tmp_path: Path, front: str, end: str) -> None:
    (path := tmp_path / "notes.md").write_text(f"---\n{front}\n{end}\nBefore.\n\n# Habitat\n\nSavanna.\n")
    found = list(sections(path))
    assert [section.title for section in found] == ["Springbok notes", "Springbok notes › Habitat"]
    assert front in found[0].text and "Before." in found[0].text
    assert found[1].marks[0][1] == front.count("\n") + 6


def test_front_matter_alone_is_found(tmp_path: Path) -> None:
    (path := tmp_path / "notes.md").write_text("---\ntitle: Springbok notes\n---")
    assert [(section.title, section.text) for section in sections(path)] == [
        ("Springbok notes", "---\ntitle: Springbok notes\n---")]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["---\n\n# Habitat\n\nSavanna: dry.\n\n---\n", "---\n# Habitat\n---\n", "----\na: b\n\n# Habitat\n---\n"]
)
def test_a_rule_at_the_beginning_is_no_front_matter(tmp_path: Path, text: str) -> None:
    (path := tmp_path / "notes.md").write_text(text)
    assert "Habitat" in [section.title for section in sections(path)]
