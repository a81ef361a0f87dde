"""Mail: who wrote to whom and when, and what. Attachments are named, not opened."""

from __future__ import annotations

import email
import mailbox
from collections.abc import Iterator
from datetime import UTC
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path

from core.sources.names import shown
from core.sources.readers import html
from core.sources.readers.sections import Section, Unreadable, trail
from core.sources.readers.text import decoded
from memgpt.events import bounded

HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read(path: Path) -> Iterator[Section]:
    """One mail.

    Raises:
        Unreadable: there is none in it.
    """
    yield _section(path.read_bytes(), shown(path.name), 0)


def read_box(path: Path) -> Iterator[Section]:
    """Every mail of an mbox file; what is no mail in it is passed over.

    Raises:
        Unreadable: there is none in it.
    """
    box = mailbox.mbox(path, create=False)
    found = False
    try:
        for number, key in enumerate(box.iterkeys(), 1):
            try:
                yield _section(box.get_bytes(key), shown(path.name), number)
                found = True
            except Exception:  # whatever the library makes of an odd mail: the others are still worth reading
                continue
    finally:
        box.close()
    if not found:
        raise Unreadable("there is no mail in it")


def _section(data: bytes, name: str, number: int) -> Section:
    try:
        return _read(email.message_from_bytes(data, policy=default), name, number)
    except RecursionError:  # parts in parts in parts: what its head says is still worth reading
        return _read(BytesHeaderParser(policy=default).parsebytes(data), name, number)


def _read(message: EmailMessage, name: str, number: int) -> Section:
    headers = {header: _header(message, header) for header in HEADERS}
    if not (headers["From"] or headers["Subject"] or headers["Date"]):
        raise Unreadable("there is no mail in it")
    attached = [part.get_filename() or "" for part in message.walk() if part.get_content_disposition() == "attachment"]
    lines = [f"{header}: {value}" for header, value in headers.items() if value]
    lines += [f"Attached: {', '.join(filter(None, attached))}"] if any(attached) else []
    text = "\n".join(lines) + f"\n\n{_body(message)}"
    marks = ((0, number),) if number else ()
    return Section(text, trail(headers["Subject"] or name), "message", marks, at=_time(headers["Date"]))


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError):  # the library stumbles over some broken headers
        return ""


def _body(message: EmailMessage) -> str:
    """The plain words of a mail, or those of its page."""
    try:
        part = message.get_body(("plain", "html"))
    except (KeyError, AttributeError, ValueError):
        part = None
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, ValueError, AttributeError, KeyError):
        payload = part.get_payload(decode=True)
        text = decoded(payload) if isinstance(payload, bytes) else ""
    if part.get_content_subtype() != "html":
        return text
    try:
        return html.plain(text)
    except Unreadable:
        return ""


def _time(text: str) -> int:
    """UTC microseconds; 0 where the mail does not say, or nonsense."""
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, bounded(round(aware.timestamp() * 1_000_000)))
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0
