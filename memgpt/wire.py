"""The wire between front ends and the engine: one JSON object a line, a greeting first, long answers in parts."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memgpt.home import Home, UserError, make_private

PROTOCOL = 1
LINE_LIMIT = 17 * 1024 * 1024  # bytes of one line
LONGEST_REQUEST = 16 * 10**6  # bytes; less, since what is sent comes back in an event
PART = 256 * 1024  # characters of one part of a longer answer: small enough for an outbox
KEY_ENDINGS = ("_API_KEY", "_API_BASE", "_BASE_URL", "_API_VERSION", "_ENDPOINT_KEY", "_PROXY")
AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # no secrets; a network's own certificates
KEY_BEGINNINGS = ("AWS_", "AZURE_", "VERTEX", "GOOGLE_", "WATSONX_", "DATABRICKS_", "HF_TOKEN", "OPENROUTER_")


def version() -> str:
    from importlib.metadata import version as installed

    return installed("memgpt")


@functools.cache
def build() -> str:
    """What distinguishes this installation: its files' sizes and times, and the interpreter's prefix."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(sys.prefix.encode(), digest_size=8)
    for package in ("core", "memgpt", "tui"):
        for path in sorted((root / package).rglob("*.py")):
            found = path.stat()
            digest.update(f"{path.relative_to(root)}:{found.st_size}:{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def is_secret(name: str) -> bool:
    """Whether a variable of the environment is a key, a base URL or a proxy of a model provider."""
    upper = name.upper()
    return upper.endswith(KEY_ENDINGS) or upper.startswith(KEY_BEGINNINGS)


def keys(home: Home) -> dict[str, str]:
    """The keys, base URLs, proxies and certificate authorities that go to the engine in the greeting: those of
    credentials.toml, over which the environment wins.

    Raises:
        UserError: credentials.toml is not TOML.
    """
    environment = {name: value for name, value in os.environ.items() if _is_brought(name) and value}
    return {**_stored_keys(home), **environment}


def _is_brought(name: str) -> bool:
    return is_secret(name) or name in AUTHORITIES


def _stored_keys(home: Home) -> dict[str, str]:
    try:
        make_private(home.credentials)
        stored = tomllib.loads(home.credentials.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = str(error).rpartition("(")[2].rstrip(")")  # the rest of the message may quote a key
        raise UserError(f"{home.credentials} is not TOML ({where}).", 'Write a key as NAME = "value".') from None
    return {name: value for name, value in stored.items() if isinstance(value, str) and value}


def encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def answer_lines(number: int, result: Any) -> Iterator[bytes]:
    """A result as one line, or as parts of its JSON text where it is long."""
    text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= PART:
        yield encode({"id": number, "result": result})
        return
    for start in range(0, len(text), PART):
        last = start + PART >= len(text)
        yield encode({"id": number, "part": text[start : start + PART], "last": last})
