"""Exact strings of every kind and script among a hundred thousand messages: how many are the first result.

Each stands in one message, in a sentence; near misses of it stand in others.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import uuid
from pathlib import Path

from benchmarks.support import row
from core.agents.importing import import_messages
from core.memory.scope import Query
from core.operations.memory import external_of
from core.roster import Roster
from memgpt.config import AgentConfig
from memgpt.home import Home

MESSAGES = 100_000
# A string, and what is nearly it.
STRINGS = {
    "uuid": ("3fa85f64-5717-4562-b3fc-2c963f66afa6", "3fa85f64-5717-4562-b3fc-2c963f66afa7"),
    "error code": ("ERR_CONN_4711", "ERR_CONN_4712"),
    "hexadecimal": ("0x80070005", "0x80070006"),
    "hash": ("9b74c9897bac770ffc029102a200c5de", "9b74c9897bac770ffc029102a200c5df"),
    "e-mail": ("maria.k@example.org", "maria.j@example.org"),
    "path": ("/usr/lib/x86_64/libfoo.so.2", "/usr/lib/x86_64/libfoo.so.3"),
    "windows path": (r"C:\Users\ada\notes.txt", r"C:\Users\eve\notes.txt"),
    "version": ("v2.13.0-rc1", "v2.13.0-rc2"),
    "address": ("https://example.org/a?b=1&c=2", "https://example.org/a?b=1&c=3"),
    "ip": ("192.168.17.4", "192.168.17.40"),
    "ipv6": ("2001:db8::ff00:42:8329", "2001:db8::ff00:42:8330"),
    "phone": ("+49 30 901820", "+49 30 901821"),
    "number": ("1,234,567.89", "1,234,567.88"),
    "time": ("10:45", "10:46"),
    "date": ("2031-02-17", "2031-02-18"),
    "ticket": ("JIRA-8812", "JIRA-8813"),
    "one letter": ("vitamin Q", "vitamin W"),
    "language": ("written in C++", "written in C"),
    "snake case": ("max_retry_count", "max_retry_delay"),
    "camel case": ("parseHttpRequest", "parseHttpResponse"),
    "kebab case": ("kebab-case-word", "kebab-case-world"),
    "flag": ("--no-verify", "--no-verbose"),
    "mixed": ("o(n log n)", "o(n)"),
    "apostrophe": ("O'Brien", "O'Bryan"),
    "function words": ("to be or not to be", "to be and not to be"),
    "band": ("The Who", "the why"),
    "smiley": (":-)", ":-("),
    "arrow": ("-->", "<--"),
    "emoji": ("🎉", "🎊"),
    "emoji with skin": ("👍🏽", "👍🏻"),
    "family": ("👩‍👩‍👧", "👩‍👩‍👦"),
    "flag of a country": ("🇮🇸", "🇮🇹"),
    "accents": ("Zürich", "Zurich"),
    "polish": ("Łódź", "Łodź"),
    "cyrillic": ("Достоевский", "Достоевского"),
    "greek": ("Ωμέγα", "Ωμεγα"),
    "arabic": ("القاهرة", "الجيزة"),
    "hebrew": ("ירושלים", "תל אביב"),
    "hindi": ("नमस्ते दुनिया", "नमस्ते भारत"),
    "thai": ("มะม่วง", "มะพร้าว"),
    "chinese": ("写真", "写字"),
    "one character": ("猫", "犬"),
    "japanese": ("東京タワー", "東京駅"),
    "korean": ("김치찌개", "김치전"),
    "full width": ("ＡＢＣ１２３", "ＡＢＣ１２４"),
    "rare name": ("Zygmunt Quorlax", "Zygmunt Quorlan"),
    "phrase": ("blue kite over harbour", "kite over the blue harbour"),
}  # fmt: skip
WORDS = """the a we they boat lake launch weather people talk quiet small come see who what why will be not to and or of
letter table night morning garden yellow river window stone paper market coffee winter summer road train number code
error file path version name meeting house music water light""".split()


def messages(count: int) -> list[str]:
    """Talk of common words, with near misses of every string some times in it, and each string once."""
    rng = random.Random(7)
    said = [" ".join(rng.choice(WORDS) for _ in range(rng.randint(6, 30))) for _ in range(count)]
    for string, near in STRINGS.values():
        for place in rng.sample(range(count), 20):
            said[place] += f" {near} "
        said[rng.randrange(count)] = f"Here it is: {string} and nothing else of the kind."
    return said


async def measure(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="memgpt-exact-") as folder:
        home = Home(Path(folder) / "home")
        home.create()
        path = Path(folder) / "talk.jsonl"
        lines = (json.dumps({"id": str(uuid.UUID(int=n)), "text": text}) for n, text in enumerate(messages(count)))
        path.write_text("\n".join(lines), encoding="utf-8")
        roster = Roster(home, 60)
        await roster.create(AgentConfig(name="a"))
        session = await roster.session("a")
        await import_messages(session, path, False, lambda *_: None)
        session.corpus.backlog.pause()
        external, first, taken = external_of(session), 0, list[float]()
        for kind, (string, _) in STRINGS.items():
            answer = await external.find(Query(string, "recall", "text", 3))
            good = bool(answer.hits) and string in answer.hits[0].text
            first, taken = first + good, [*taken, answer.ms]
            if not good:
                row(f"  missed: {kind}", string, str([hit.text[:60] for hit in answer.hits[:1]]))
        row(
            f"exact strings first among {count:,}",
            f"{first} of {len(STRINGS)}",
            f"{sorted(taken)[len(taken) // 2]:.1f} ms",
        )
        await roster.finish(True, 5)


def main() -> None:
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else MESSAGES))


if __name__ == "__main__":
    main()
