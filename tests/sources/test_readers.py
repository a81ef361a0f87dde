"""The readers of each kind of file, over what documents of the world hold and made ones do not."""

from __future__ import annotations

from pathlib import Path

from core.sources.readers import sections


def words(path: Path) -> str:
    """All that is read of a file."""
    return "\n\n".join(section.text for section in sections(path))


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
