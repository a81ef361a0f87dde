"""Search: what is exact is found exactly, at once, in every page, and only where it may be seen."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.agents.importing import import_messages
from core.memory.documents import Document
from core.memory.terms import index, query_terms, whole_words
from core.roster import Roster
from core.session import Session
from core.slash.commands import change_settings
from memgpt import events as e
from tests.support import model_server as scripted
from tests.support.agents import make_session, turn
from tests.support.model_server import ModelServer

EXACT = (
    "3fa85f64-5717-4562-b3fc-2c963f66afa6", "ERR_CONN_4711", "maria.k@example.org", "/usr/lib/x86_64/libfoo.so.2",
    "v2.13.0-rc1", "Zürich", "写真", "snake_case_name", "https://example.org/a?b=1", "E-4711", "10:45", "O'Brien",
    "1,234.56", "kebab-case-word", "Ωμέγα", "The Who", "x",
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


@pytest.fixture
async def session(roster: Roster, server: ModelServer) -> Session:
    server.unscript()
    server.fallback = lambda request: scripted.say("Good.")
    return await make_session(roster, server, 16384)


async def search(
    session: Session, query: str, mode: str = "text", limit: int = 10, offset: int = 0, **more: Any
) -> Any:
    from core.memory.search import Query

    agent = await session.agent()
    return await agent.external.find(Query(query, more.pop("kind", "recall"), mode, limit, offset, **more))


async def put(session: Session, *texts: str, first_at: int = 1_750_000_000_000_000) -> None:
    """Imported messages, a minute apart."""
    from core.memory import documents
    from core.store.journal import Draft

    journal = session.journal
    rows = [
        Document(f"i{n}", "recall", "user", "", "", "c", n, first_at + n * 60_000_000, text)
        for n, text in enumerate(texts)
    ]
    doc, text_id, branch = journal.reserve_docs(len(rows)), journal.reserve_texts(len(rows)), session.state.branches

    def effect(connection: Any, step: Any) -> None:
        documents.insert(connection, rows, step.id, branch, doc, text_id)

    await journal.append(Draft("import", {"branch": branch, "count": len(rows), "file": "x"}, effect=effect))


@pytest.mark.parametrize("wanted", EXACT)
async def test_exact_strings_come_first(session: Session, wanted: str) -> None:
    fillers = [f"Some talk number {n} about Zurich, photos, errors 4712 and who is who" for n in range(60)]
    await put(session, *fillers[:30], f"Look at {wanted} please", *fillers[30:])
    answer = await search(session, wanted)
    assert answer.hits[0].key == "i30", [hit.text for hit in answer.hits[:3]]


async def test_a_message_is_found_the_moment_it_is_committed(session: Session) -> None:
    mark = uuid.uuid4().hex
    async for event in session.submit(f"The mark is {mark}.", {}):
        if isinstance(event, e.UserMessage):
            assert (await search(session, mark)).hits[0].text == f"The mark is {mark}."


async def test_vectors_find_what_shares_no_word(session: Session) -> None:
    await put(
        session, "The feline slept on the sofa.", "Quarterly taxes are due in April.", "A recipe for lentil soup."
    )
    await asyncio.wait_for(session.corpus.settled(), 60)
    answer = await search(session, "where does my cat nap?", "vector")
    assert answer.hits[0].key == "i0" and answer.embed_ms > 0
    hybrid = await search(session, "cat nap", "hybrid")
    assert hybrid.hits[0].key == "i0" and hybrid.note == ""


async def test_pages_are_disjoint_and_complete(session: Session) -> None:
    await put(session, *(f"apple number {n}" for n in range(23)))
    seen: list[str] = []
    for offset in range(0, 40, 5):
        answer = await search(session, "apple", limit=5, offset=offset)
        assert answer.total == 23
        seen += [hit.key for hit in answer.hits]
    assert len(seen) == len(set(seen)) == 23


async def test_times_roles_and_the_path_are_filters(session: Session, server: ModelServer) -> None:
    await put(session, "early pear", "late pear")
    since = 1_750_000_000_000_000 + 30_000_000
    assert [hit.key for hit in (await search(session, "pear", since=since)).hits] == ["i1"]
    assert [hit.key for hit in (await search(session, "pear", until=since)).hits] == ["i0"]
    server.script(scripted.say("Here is a plum.", thought="Secret quince."))
    await turn(session, "Give me a plum.")
    assert {hit.role for hit in (await search(session, "plum")).hits} == {"user", "assistant"}
    assert (await search(session, "quince")).hits == ()
    assert [hit.role for hit in (await search(session, "quince", roles=("inner_monologue",))).hits] == [
        "inner_monologue"
    ]
    from core.slash import commands as slash

    await slash.run(session, "/pop 100", False, {})
    assert (await search(session, "plum")).hits == ()
    assert len((await search(session, "pear")).hits) == 2, "what was imported stays"


async def test_noise_is_not_found(session: Session, server: ModelServer) -> None:
    """Events, pressure, searches and their results are no memories."""
    server.script(
        scripted.call("conversation_search", heartbeat=True, query="mango"),
        scripted.call("archival_memory_search", heartbeat=True, query="mango"),
        scripted.say("No."),
    )
    await turn(session, "Did I mention the fruit?")
    from core.slash import commands as slash

    outcome = await slash.run(session, "/heartbeat", False, {})
    assert outcome.turn
    async for _ in outcome.turn:
        pass
    for noise in ("mango", "heartbeat", "Showing results", "persona"):
        assert (await search(session, noise)).hits == (), noise


async def test_what_functions_return(session: Session, server: ModelServer) -> None:
    await put(session, *(f"kiwi number {n}" for n in range(12)))
    await change_settings(session, {"search_page_size": 5, "timezone": "Pacific/Auckland"})
    server.script(
        *(scripted.call("conversation_search", heartbeat=True, query="kiwi", page=page) for page in (0, 2, 3)),
        scripted.call("conversation_search", heartbeat=True, query="kiwi", page=-1),
        scripted.call("conversation_search_date", heartbeat=True, start_date="2025-06-16", end_date="2025-06-16"),
        scripted.call("conversation_search_date", heartbeat=True, start_date="June", end_date="2025-06-16"),
        scripted.call("archival_memory_search", heartbeat=True, query="nothing there"),
        scripted.say("OK."),
    )
    events = await turn(session, "Search.")
    returns = [event for event in events if isinstance(event, e.FunctionReturn)]
    head, _, body = returns[0].text.partition(": ")
    total = int(head.split(" of ")[1].split()[0])
    assert head == f"Showing 5 of {total} results (page 0 of {-(-total // 5)})" and total >= 12
    hits = json.loads(body)
    assert all(list(hit) == ["id", "created_at", "ago", "role", "text"] for hit in hits)
    assert returns[2].text.startswith(("Showing", "No results on page 3"))
    assert returns[3].status == "Failed" and "0 or more" in returns[3].text
    dated = json.loads(returns[4].text.partition(": ")[2])
    assert [hit["text"] for hit in dated] == [f"kiwi number {n}" for n in range(5)], (
        "days are the user's, both included"
    )
    assert returns[5].status == "Failed" and "June" in returns[5].text
    assert returns[6].text == "Showing 0 of 0 results (page 0 of 0): []"


async def test_a_word_alone_on_no_page(session: Session, server: ModelServer) -> None:
    await put(session, "one lonely lychee")
    server.script(scripted.call("conversation_search", heartbeat=True, query="lychee", page=50), scripted.say("OK."))
    events = await turn(session, "Search.")
    (returned,) = [event for event in events if isinstance(event, e.FunctionReturn)]
    assert returned.status == "OK" and returned.text.startswith("No results on page 50; there are ")


async def test_pages_found_for_it_are_marked_and_budgeted(session: Session, server: ModelServer) -> None:
    await change_settings(session, {"auto_recall": "on"})
    await put(session, "My locker code is Quartz-4411.", *(f"filler {n}" for n in range(20)))
    events = await turn(session, "What was my locker code?")
    (recalled,) = [event for event in events if isinstance(event, e.Recalled)]
    assert any(item["id"] == "i0" for item in recalled.items)
    packed = json.loads(server.requests[-1]["messages"][-1]["content"])
    assert any("Quartz-4411" in page["text"] for page in packed["recalled"])
    context = await session.context()
    shares = {section["name"]: section["tokens"] for section in context.sections}
    assert shares["recalled"] > 0 and sum(shares.values()) == context.total
    await change_settings(session, {"auto_recall": "off"})
    events = await turn(session, "And again: my locker code?")
    assert not [event for event in events if isinstance(event, e.Recalled)]


async def test_a_dead_worker_is_started_again_and_words_answer_meanwhile(session: Session, roster: Roster) -> None:
    await put(session, "The feline slept on the sofa.", "Quarterly taxes are due.")
    await asyncio.wait_for(session.corpus.settled(), 60)
    assert roster.embedder._process
    roster.embedder._process.kill()
    await roster.embedder._process.wait()
    assert (await search(session, "taxes")).hits[0].key == "i1"
    answer = await search(session, "where does my cat nap?", "vector")
    assert answer.hits[0].key == "i0"


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=200))
def test_every_text_is_found_by_its_own_words(text: str) -> None:
    found = index(text)
    assert all(0 < term < 1 << 63 for term in found.terms)
    for term in query_terms(text, frozenset({0, found.language})):
        assert found.terms & set(term.terms), term


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("We painted the fence", "painting fences"),
        ("Das Haus am See", "Häuser"),
        ("Nous mangeons des pommes", "manger une pomme"),
        ("Мы купили две книги", "книга"),
        ("Café crème in Zurich", "cafe creme zürich"),
        ("東京タワーに行きました", "東京"),
        ("猫が好き", "猫"),
        ("오늘 김치찌개를 먹었다", "김치"),
        ("ฉันชอบกินมะม่วง", "มะม่วง"),
        ("call parseHttpRequest first", "http request"),
        ("set max_retry_count to 3", "retry count"),
        ("it cost 1,234,567 in all", "1234567"),
        ("so happy 🎉 today", "🎉"),
        ("written in C++ mostly", "c++"),
        ("Łódź and Tromsø, with smørrebrød", "lodz tromso smorrebrod"),
        ("ıspanak aldım", "ISPANAK"),
        ("שָׁלוֹם לכולם", "שלום"),
        ("قال مُحَمَّدٌ نعم", "محمد"),
        ("ज़रूर आऊँगा", "जरूर"),
        ("Donau\u00addampf\u00adschiff", "Donaudampfschiff"),
        ("well done 👍🏽", "👍"),
        ("আমি ঢাকায় থাকি", "ঢাকা"),
    ],
)
async def test_words_are_found_in_their_other_forms(session: Session, said: str, asked: str) -> None:
    await put(session, *(f"Nothing of the kind, number {n}" for n in range(5)), said)
    hits = (await search(session, asked)).hits
    assert hits and hits[0].text == said, [hit.text for hit in hits]


async def test_a_part_of_a_longer_identifier_comes_before_resemblance(session: Session) -> None:
    held = {
        "/etc/nginx/sites-enabled": "It stands in /etc/nginx/sites-enabled/default since May",
        "https://example.com/docs": "Read https://example.com/docs/intro.html first",
        "REQ-2024-001": "We closed REQ-2024-001-B today",
        "@acme-corp.com": "Write to bob.smith@acme-corp.com about it",
    }
    filler = [
        f"The etc of nginx sites enabled, example docs com https, req 2024 001 acme corp number {n}" for n in range(66)
    ]
    await put(session, *held.values(), *filler)
    for query, text in held.items():
        assert (await search(session, query, "hybrid")).hits[0].text == text


async def test_a_phrase_of_words_that_say_nothing_is_found_to_the_letter(session: Session) -> None:
    await put(session, "That is how it was to be.", "To be or not to be, he said.", "Not that it was about to be :-)")
    assert (await search(session, "to be or not to be")).hits[0].key == "i1"
    assert (await search(session, ":-)")).hits[0].key == "i2"
    assert (await search(session, "-->")).hits == ()


async def test_words_that_say_nothing_are_found_in_other_spellings(session: Session) -> None:
    held = {  # by what is asked for
        "to be or\nnot to be": "To be,  to be or not\tto be.",
        "that is  not who we are": "Well,\nthat is\nnot   who we\r\nare.",
        "don't you do it to us": "I said: don’t you do it to us!",
        "isn’t it so": "Isn't it so?",
        "a tous les deux": "À tous les deux.",
        ">>> ---\n<<<": "Like this: >>> ---\u00a0\n <<<",
    }
    await put(session, *held.values())
    for place, query in enumerate(held):
        assert [hit.key for hit in (await search(session, query)).hits[:1]] == [f"i{place}"], query
        assert (await search(session, held[query])).hits[0].key == f"i{place}", "as it stands"


async def test_common_words_are_found_in_other_spellings(session: Session) -> None:
    """More have all the words than are looked at one by one."""
    held = {
        "order\tcode time\tnew": "The order\tcode time\tnew",
        "end of day  status order new code time": "end of day status order  new\ncode time",
        "status d'été order": "Time code new: status d’ete\norder",
    }
    filler = [f"day end: time, status; code new order, day {n} d'été" for n in range(160)]
    await put(session, *filler[:80], *held.values(), *filler[80:])
    for place, query in enumerate(held, 80):
        for asked_for in (query, held[query]):
            assert (await search(session, asked_for)).hits[0].key == f"i{place}", asked_for


@pytest.mark.parametrize("mode", ["hybrid", "text"])
async def test_a_letter_or_a_function_word_is_found_where_it_is_a_word(session: Session, mode: str) -> None:
    said = [
        "His blood group: d, said the nurse.",
        "Type A it was.",
        "I see, said Ida.",
        "What do we do?",
        "Vitamin\nE!",
    ]
    filler = [f"Ideal paper, redo the bland dough and leave it, idea {n}" for n in range(90)]
    await put(session, *filler[:10], *said, *filler[10:])
    for place, wanted in enumerate(("d", "A", "I", "do", "e")):
        assert (await search(session, wanted, mode)).hits[0].key == f"i{10 + place}", wanted
    assert (await search(session, "a", mode)).hits[0].key == "i11", "with another case, but a word"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12))
def test_any_text_is_a_pattern_that_finds_it(text: str) -> None:
    """The same for both engines that read it."""
    pattern = whole_words(text)
    for around in (text, f"- {text} -", f"-\n{text}\n-"):
        assert regex.search(pattern, around)
        found = duckdb.execute("SELECT regexp_matches(?, ?)", [around, pattern]).fetchone()
        assert found == (True,)


async def test_an_identifier_stands_above_resemblance(session: Session) -> None:
    likeness = [f"What was the error code that the printer showed us on floor {n}?" for n in range(30)]
    await put(session, *likeness, "Error 0x80070005.", *likeness)
    await asyncio.wait_for(session.corpus.settled(), 60)
    answer = await search(session, "what was the error code 0x80070005 that the printer showed", "hybrid")
    assert answer.hits[0].key == "i30"


async def test_neighbours_lend_their_words(session: Session) -> None:
    talk = ["Where did you go on holiday?", "To Lisbon, with my sister.", "Lovely!", "And the weather was fine."]
    await put(session, *(f"Some other talk {n} about work and tea" for n in range(20)), *talk)
    await asyncio.wait_for(session.corpus.settled(), 60)
    hits = (await search(session, "where was the holiday", "hybrid")).hits
    assert "To Lisbon, with my sister." in [hit.text for hit in hits[:2]]


async def test_the_speaker_and_the_date_that_a_query_names(roster: Roster, session: Session, tmp_path: Path) -> None:
    rows = [
        {"id": f"{name}-{month}", "role": "user", "name": name, "text": "We went hiking near the old mill that weekend.",
         "created_at": f"2023-{month:02}-14T10:00:00Z"}
        for month in range(1, 13) for name in ("Ada", "Grace")
    ]  # fmt: skip
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    await import_messages(session, path, False, lambda *_: None)
    for name, month, words in (("Ada", 5, "May 2023"), ("Grace", 9, "September 14, 2023"), ("Ada", 1, "2023-01-14")):
        hits = (await search(session, f"Where did {name} go hiking in {words}?")).hits
        assert hits[0].key == f"{name}-{month}", [hit.key for hit in hits[:3]]


async def test_imports_at_once_put_each_message_in_once(session: Session, tmp_path: Path) -> None:
    """Also where one of them is stopped in the middle of its commit."""

    def importing(*ids: str) -> asyncio.Future[Any]:
        path = tmp_path / f"{len(ids)}.jsonl"
        path.write_text(
            "".join(json.dumps({"id": key, "role": "user", "text": f"Pelican {key}."}) + "\n" for key in ids)
        )
        return asyncio.ensure_future(import_messages(session, path, False, lambda *_: None))

    many = [f"p{n}" for n in range(2000)]
    stopped = importing(*many)
    before = session.journal.next_doc
    while session.journal.next_doc == before:
        await asyncio.sleep(0)
    after = importing(many[-1])
    stopped.cancel()
    assert (await after).skipped == 1
    done = await asyncio.gather(*(importing(*many, *(f"q{n}" for n in range(2000))) for _ in range(2)))
    assert sum(loaded.imported for loaded in done) == 2000
    held = await session.journal.read(lambda connection: connection.execute("SELECT count(*) FROM doc").fetchone())
    assert held == (4000,)


async def test_a_search_says_why(session: Session) -> None:
    await put(session, "The feline slept on the sofa.", "My cat is grey.", "Taxes are due.")
    await asyncio.wait_for(session.corpus.settled(), 60)
    hits = {hit.key: hit for hit in (await search(session, "cat", "hybrid", explain=True)).hits}
    assert (hits["i1"].words, hits["i1"].nearness) == (1, 1)
    assert hits["i0"].words is None and hits["i0"].nearness == 2


async def test_a_file_indexed_by_other_rules_is_indexed_anew(session: Session) -> None:
    from core.memory.terms import ANALYSIS

    await put(session, "A papaya, please.", *(f"filler {n}" for n in range(3000)))
    await session.journal.database.write(lambda connection: connection.execute("DELETE FROM posting_tail") and None)
    assert (await search(session, "a ripe papaya")).hits == ()
    session.journal.database.analysis = ANALYSIS - 1
    assert [hit.key for hit in (await search(session, "a ripe papaya")).hits] == ["i0"]
    assert session.journal.database.analysis == ANALYSIS


async def test_a_long_tail_is_sorted_beside_the_writer_and_loses_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.memory import backlog

    monkeypatch.setattr(backlog, "SORT_AT", 50)
    monkeypatch.setattr(backlog, "MOST_RUNS", 2)
    for round_ in range(4):
        await put(session, *(f"round{round_} cherry number{n}" for n in range(20)), first_at=1_750_000_000_000_000)
        await asyncio.wait_for(session.corpus.settled(), 60)
    assert (await search(session, "cherry")).total == 80
    assert (await search(session, "round2")).total == 20
    rows = await session.journal.read(
        lambda connection: connection.execute("SELECT count(*), count(DISTINCT (term, doc)) FROM posting").fetchall()
    )
    assert rows[0][0] == rows[0][1] > 0


@given(
    parts=st.lists(st.integers(1, 700), min_size=1, max_size=6), gaps=st.sampled_from((0.0, 0.1)),
    pieces=st.sampled_from((0.0, 0.2)), keep=st.sampled_from((800, 10_000)), seed=st.integers(0, 1000),
)  # fmt: skip
def test_packed_vectors_are_as_near_as_they_say_and_made_exact(
    parts: list[int], gaps: float, pieces: float, keep: int, seed: int
) -> None:
    """Above a size the worker multiplies bytes: each score is wrong by no more than is said, and exact where asked, as long
    as the rows are kept; documents with gaps between their numbers, and in several pieces."""
    import numpy

    from core.memory import matrix

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BLOCK", 256), ("PACK_ABOVE", 300), ("KEEP", keep)):
            patch.setattr(matrix, name, value)
        random = numpy.random.default_rng(seed)
        rows = random.normal(size=(sum(parts), 48)).astype(numpy.float32)
        rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
        steps = numpy.where(random.random(len(rows)) < gaps, 2, 1) * (random.random(len(rows)) >= pieces)
        docs = numpy.cumsum(steps).astype(numpy.int32)
        made = matrix.Matrix()
        for part in numpy.split(numpy.arange(len(rows)), numpy.cumsum(parts)[:-1]):
            made.add(docs[part], rows[part])
        query = rows[0] + 0.3 * rows[-1]
        query /= numpy.linalg.norm(query)
        truth = numpy.full(docs[-1] + 1, matrix.NONE, numpy.float32)
        numpy.maximum.at(truth, docs, rows @ query)
        scores, error = made.scores(query)
        assert (error > 0) is (len(rows) > 300) and error < 0.05
        assert numpy.abs(scores - truth).max() <= (error or 1e-6)
        assert scores[int(numpy.argmax(truth))] >= scores.max() - 2 * (error or 1e-6)
        asked = numpy.unique(random.choice(docs[-1] + 1, 40)).astype(numpy.int32)
        wanted = truth[asked] if len(rows) <= keep else numpy.full(len(asked), matrix.NONE)
        assert numpy.abs(made.exact(asked, query) - wanted).max() < 1e-6


async def test_what_has_no_vector_yet_is_not_lost_among_those_that_have(session: Session) -> None:
    """While embedding is behind, a rare word finds its message all the same, however near the others are."""
    nouns = ("river", "market", "lamp", "bridge", "coffee", "tiger", "window", "carpet")
    texts = [
        f"The {nouns[n % 8]} by the {nouns[n // 8 % 8]} reminded me of a {nouns[n % 7]} melon, {n}." for n in range(600)
    ]
    await put(session, *texts[:150])
    await session.corpus.settled()
    session.corpus.backlog.pause()
    await put(session, *texts[150:])
    for number in (223, 467, 590):
        answer = await search(session, f"the {nouns[number % 7]} melon of {number}", "hybrid")
        assert answer.hits[0].text == texts[number]
