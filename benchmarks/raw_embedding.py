"""Seconds in which the shipped model encodes the texts of a JSONL file and does nothing else: what embedding is measured
against. Called by `benchmarks.scale`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from core.memory.models import load


def main() -> None:
    texts = [json.loads(line)["text"] for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    model = load("")
    model.embed(texts[:64])
    began = time.perf_counter()
    model.embed(texts)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
