"""`@path` in a message: the file's text goes with it, as much of it as the window can spare."""

from __future__ import annotations

import re
from pathlib import Path

from memgpt.home import UserError
from memgpt.paths import names_something

MENTION = re.compile(r"(?<!\S)@(?:\"([^\"\n]+)\"|(\S+))")
SHARE = 0.25  # of the window, for all files of one message together
CHARACTERS = 3  # of a token, on the careful side
SMALLEST_WINDOW = 8192  # where the window is not known yet


def with_files(text: str, window: int) -> tuple[str, list[str]]:
    """The message with the text of the files behind it, and a line for each that was cut.

    A name that is no file is left as it is: many messages have an `@` in them. Where it looks like one, that is said.

    Raises:
        UserError: a file is there and cannot be read as text.
    """
    said = [f"There is no file {name}; your message goes without it." for name in missing(text)]
    room = int((window or SMALLEST_WINDOW) * SHARE * CHARACTERS)
    parts = [text]
    for path in dict.fromkeys(mentioned(text)):
        body = _read(path)
        kept = body[: max(0, room)]
        room -= len(kept)
        cut = "" if len(kept) == len(body) else f", the first {len(kept):,} of {len(body):,} characters"
        parts.append(f"[file {path.name}{cut}]\n{kept}\n[end of {path.name}]")
        if cut:
            said.append(f"Of {path} the first {len(kept):,} of {len(body):,} characters go with the message; "
                        f"/load {path} makes all of it searchable.")  # fmt: skip
        else:
            said.append(f"{path} goes with the message: {len(body):,} characters.")
    return "\n\n".join(parts), said


def missing(text: str) -> list[str]:
    """What a message names as only files are named, and what is not there."""
    names = [match[1] or match[2].rstrip(".,;:!?)") for match in MENTION.finditer(text)]
    looks = [name for name in names if "/" in name or re.search(r"\w\.\w{1,5}$", name)]
    return [name for name in looks if not names_something(name)]


def mentioned(text: str) -> list[Path]:
    """The files that a message names and that are there."""
    found = []
    for match in MENTION.finditer(text):
        name = match[1] or match[2]
        for spelt in (name, name.rstrip(".,;:!?)")):
            if spelt and names_something(spelt) and (path := Path(spelt).expanduser()).is_file():
                found.append(path)
                break
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(
            f"{path} is not text, and was not sent.",
            f"/load {path} reads PDF, Word, EPUB and more; or take the @ away.",
        ) from None
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise UserError(f"{path} was not sent: {why}.", "Your message is in the prompt again.") from None
