"""A front end that speaks the wire by hand, for what well-behaved ones never do."""

from __future__ import annotations

import json
import socket
from typing import Any

from memgpt import wire
from memgpt.home import Home


class RawFrontEnd:
    """One connection to a home's engine."""

    def __init__(self, home: Home, **hello: Any) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(home.socket))
        self._lines = self._socket.makefile("rb")
        greeting = {"protocol": wire.PROTOCOL, "version": wire.version(), "build": wire.build(), "role": "screen"}
        self.put({"hello": {**greeting, **hello}})

    def put(self, value: dict[str, Any]) -> None:
        self._socket.sendall(wire.encode(value))

    def line(self) -> dict[str, Any] | None:
        """The next line; None where the engine has hung up."""
        try:
            read = self._lines.readline()
        except ConnectionError:
            return None
        return json.loads(read) if read.endswith(b"\n") else None

    def answer(self, number: int) -> Any:
        """The result of a request, put together where it comes in parts."""
        text = ""
        while (line := self.line()) is not None:
            if line.get("id") != number:
                continue
            if "result" in line:
                return line["result"]
            text += line["part"]
            if line["last"]:
                return json.loads(text)
        raise ConnectionError("the engine hung up")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
