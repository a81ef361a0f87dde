"""The documents say what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from tui.cli.reference import reference

ROOT = Path(__file__).parents[2]


def test_the_page_of_commands_is_the_one_that_the_tables_make() -> None:
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == reference(), "run make docs"


def test_links_in_the_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_two_commands_of_the_readme_are_those_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("run", "test", "install", "lint", "types", "snapshots", "bench", "help"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
