"""Source code, which is cut at its functions and classes."""

from __future__ import annotations

import tokenize
from collections.abc import Iterator
from pathlib import Path

from core.sources.names import shown
from core.sources.readers.sections import Section, line_marks
from core.sources.readers.text import text_of

# Endings and the language whose grammar they are cut with; those without one are cut at their paragraphs.
LANGUAGES = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".jsx": "javascript", ".ts": "typescript", ".mts": "typescript", ".tsx": "tsx", ".java": "java", ".go": "go",
    ".rs": "rust", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp",
    ".sh": "bash", ".bash": "bash", ".cs": "", ".rb": "", ".php": "", ".kt": "", ".swift": "", ".scala": "",
    ".lua": "", ".pl": "", ".r": "", ".jl": "", ".sql": "", ".zig": "", ".hs": "", ".ex": "", ".exs": "", ".clj": "",
    ".el": "", ".lisp": "", ".css": "", ".scss": "", ".vue": "", ".svelte": "", ".toml": "", ".yaml": "", ".yml": "",
    ".json": "", ".xml": "", ".ini": "", ".cfg": "", ".mk": "", ".tf": "", ".proto": "", ".graphql": "",
}  # fmt: skip


def read(path: Path) -> Iterator[Section]:
    language = LANGUAGES.get(path.suffix.lower(), "")
    text = text_of(path, _declared(path) if language == "python" else "")
    yield Section(text, shown(path.name), "line", line_marks(text), language or "code")


def _declared(path: Path) -> str:
    """The encoding that a Python file names in its first lines."""
    try:
        with path.open("rb") as file:
            return tokenize.detect_encoding(file.readline)[0]
    except SyntaxError:  # it names none, or one that nobody knows
        return ""
