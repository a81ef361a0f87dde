"""Source code, which is cut at its functions and classes."""

from __future__ import annotations

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
    text = text_of(path)
    language = LANGUAGES.get(path.suffix.lower(), "")
    yield Section(text, shown(path.name), "line", line_marks(text), language or "code")
