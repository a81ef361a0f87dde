"""Living with memory: pages that stand still, filters, passages changed by hand, another embedding model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.agents import attaching
from core.agents.importing import import_messages
from core.memory.corpus import Corpus
from core.memory.documents import Document
from core.memory.embedding import WorkerGone
from core.memory.models import Model, shipped_folder
from core.roster import Roster
from core.session import Session
from core.slash import commands as slash
from core.slash.asked import Outcome
from core.slash.commands import change_settings
from core.sources.library import insert
from core.turn.external import result_json
from memgpt import config
from memgpt import events as e
from memgpt.config import AgentConfig
from memgpt.home import UserError
from tests.memory.test_search import put, search
from tests.support import model_server as scripted
from tests.support.agents import asked, make_session, of, turn
from tests.support.model_server import ModelServer

ENDS = [
    f"{what} {where}."
    for where in ("in the rain", "at the office", "on a river", "during the war")
    for what in ("a tax", "a ship", "some soup", "my cat", "an old song", "the tall tree", "her doctor", "ten stones")
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as found:
        yield found


@pytest.fixture
async def session(roster: Roster, server: ModelServer) -> Session:
    server.unscript()
    server.fallback = lambda request: scripted.say("Good.")
    return await make_session(roster, server, 16384, auto_recall="off")


async def run(session: Session, line: str, confirmed: bool = False) -> Outcome:
    return await slash.run(session, line, confirmed, {})


async def called(session: Session, server: ModelServer, name: str, **arguments: Any) -> e.FunctionReturn:
    server.script(scripted.call(name, heartbeat=True, **arguments), scripted.say("OK."))
    events = await turn(session, "Do it.")
    return next(event for event in events if isinstance(event, e.FunctionReturn))


def hits(returned: e.FunctionReturn) -> list[dict[str, str]]:
    assert returned.status == "OK", returned.text
    found: list[dict[str, str]] = json.loads(returned.text.partition(": ")[2].rpartition("]")[0] + "]")
    return found


async def test_pages_stand_still_while_messages_arrive(session: Session, server: ModelServer) -> None:
    await put(session, *(f"melon number {n}" for n in range(12)))
    await asyncio.wait_for(session.corpus.settled(), 60)
    first = await called(session, server, "conversation_search", query="melon", mode="text")
    await turn(session, "A melon that came later, another melon.")
    second = await called(session, server, "conversation_search", query="melon", mode="text", page=1)
    third = await called(session, server, "conversation_search", query="melon", mode="text", page=2)
    totals = {returned.text.split(" of ")[1].split()[0] for returned in (first, second, third)}
    assert totals == {"12"}
    assert len({hit["id"] for returned in (first, second, third) for hit in hits(returned)}) == 12
    again = await called(session, server, "conversation_search", query="melon", mode="text")
    assert again.text.split(" of ")[1].split()[0] == "13"
    await run(session, "/pop 99", confirmed=True)
    last = await called(session, server, "conversation_search", query="melon", mode="text", page=2)
    assert last.text.split(" of ")[1].split()[0] == "12", "nothing that was gone back from"


async def test_pages_stand_still_while_a_source_grows_and_serve_nothing_that_is_gone(
    session: Session, roster: Roster, tmp_path: Path
) -> None:
    """A page has what the first page left to it, less what was deleted since; what was reworded is there in new words."""
    keys = [(await run(session, f"/passage add A hive of mine, {n}.")).data["id"] for n in range(5)]
    await load_hives(roster, tmp_path, range(2))
    await asked(roster, "attach_source", agent="ada", source="hives")
    first, *before = [await hives(session, page) for page in range(4)]
    assert len({key for page in (first, *before) for key, _, _ in page}) == 7
    await load_hives(roster, tmp_path, range(2, 5))
    gone, other = [key for page in before for key, _, _ in page if key in keys][:2]
    await run(session, f"/passage delete {gone}", True)
    await run(session, f"/passage edit {other} A hive in other words.", True)
    after = [await hives(session, page) for page in (1, 2, 3)]
    assert [[key for key, _, _ in page if key != gone] for page in before] == [
        [key for key, _, _ in page] for page in after
    ]
    assert {total for page in after for _, _, total in page} == {7}
    assert [key for page in after for key, text, _ in page if text == "A hive in other words."] == [other]
    assert {total for _, _, total in await hives(session, 0)} == {9}, "asked anew"


async def test_a_document_with_a_title_is_found_by_the_name_of_its_file(
    session: Session, roster: Roster, tmp_path: Path
) -> None:
    (folder := tmp_path / "weeks").mkdir()
    for day in range(1, 9):
        (folder / f"2024-03-0{day}-standup.md").write_text(
            f"# Standup\n\nOf the year 2024, the {day} in 03: kiln {day}.\n"
        )
    (folder / "other.md").write_text("# Standup\n\nA standup of 2024, 03, 05 in md. " + "Nothing else. " * 5)
    await asked(roster, "load", kind="directory", name="weeks", path=str(folder))
    await asked(roster, "attach_source", agent="ada", source="weeks")
    for query in ("2024-03-05-standup.md", "2024-03-05-standup", "What was said in 2024-03-05-Standup.md?"):
        (first, *_) = (await search(session, query, kind="archival")).hits
        assert first.file == "2024-03-05-standup.md"
    database = (await roster.library.corpus("weeks")).database
    await database.write(lambda connection: connection.execute("DELETE FROM posting_tail") and None)
    database.analysis = 3
    assert (await search(session, "2024-03-05-standup.md", kind="archival")).hits[0].file == first.file


async def test_pages_stand_still_while_vectors_arrive(session: Session, roster: Roster, server: ModelServer) -> None:
    texts = [f"A melon and {end}" for end in ENDS]
    await put(session, *texts)
    await made_source(roster, *texts)
    await attaching.attach(roster, session, "notes")
    source = await roster.library.corpus("notes")
    source.backlog.pause()
    first = await called(session, server, "conversation_search", query="the melon of a boat")
    sourced = [await search(session, "the melon of a boat", "hybrid", 10, kind="archival")]
    await asyncio.wait_for(asyncio.gather(session.corpus.settled(), source.settled()), 60)
    pages = [first]
    for page in range(1, 7):
        pages.append(await called(session, server, "conversation_search", query="the melon of a boat", page=page))
    sourced += [await search(session, "the melon of a boat", "hybrid", 10, 10 * n, kind="archival") for n in (1, 2, 3)]
    found = [hit["id"] for page in pages for hit in hits(page)]
    totals = {int(page.text.split(" of ")[1].split()[0]) for page in pages}
    assert len(set(found)) == len(found) and totals == {len(found)}, found
    assert {f"i{n}" for n in range(32)} <= set(found)
    found = [hit.key for answer in sourced for hit in answer.hits]
    assert sorted(found) == sorted(f"p{n}" for n in range(32)) and {answer.total for answer in sourced} == {32}
    anew = await search(session, "the melon of a boat", "hybrid", 10, explain=True)
    assert all(hit.nearness for hit in anew.hits), "asked anew"


async def test_further_pages_are_by_words_only_where_the_first_was(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(text: str) -> Any:
        raise WorkerGone("it ended")

    await put(session, *(f"A melon and {end}" for end in ENDS))
    await asyncio.wait_for(session.corpus.settled(), 60)
    with monkeypatch.context() as patched:
        patched.setattr(session.corpus, "nearness", gone)
        answers = [await search(session, "the melon of a boat", "hybrid", 10)]
    answers += [await search(session, "the melon of a boat", "hybrid", 10, 10 * n) for n in (1, 2, 3)]
    assert sorted(hit.key for answer in answers for hit in answer.hits) == sorted(f"i{n}" for n in range(32))
    assert {answer.total for answer in answers} == {32} and all("by words only" in answer.note for answer in answers)


async def load_hives(roster: Roster, folder: Path, numbers: Iterable[int]) -> None:
    file = folder / "hives.jsonl"
    file.write_text("".join(f'{{"id": "h{number}", "text": "Hive number {number}."}}\n' for number in numbers))
    await asked(roster, "load", kind="jsonl", name="hives", path=str(file))


async def hives(session: Session, page: int) -> list[tuple[str, str, int]]:
    """Two results a page: the id and the text of each, and how many there are in all."""
    answer = await search(session, "hive", kind="archival", limit=2, offset=2 * page)
    return [(hit.key, hit.text, answer.total) for hit in answer.hits]


async def test_a_model_may_narrow_its_searches(session: Session, server: ModelServer) -> None:
    await change_settings(session, {"timezone": "UTC"})
    day = 86_400_000_000
    await put(session, *(f"walnut in year part {n}" for n in range(5)), first_at=1_740_787_200_000_000)  # 2025-03-01
    await put_more(session, "walnut much later", 1_740_787_200_000_000 + 100 * day)
    march = await called(session, server, "conversation_search", query="walnut", start="2025-03", end="2025-03")
    assert len(hits(march)) == 5 and all("part" in hit["text"] for hit in hits(march))
    dated = await called(session, server, "conversation_search_date", start_date="June 2025", end_date="2025")
    assert [hit["text"] for hit in hits(dated)] == ["walnut much later"]
    wrong = await called(session, server, "conversation_search", query="walnut", start="2025-03-02", end="2025-03-01")
    assert wrong.status == "Failed" and "before" in wrong.text
    senseless = await called(session, server, "conversation_search", query="walnut", start="soonish-ever")
    assert senseless.status == "Failed" and "not a date" in senseless.text
    empty = await called(session, server, "conversation_search_date", start_date="", end_date="2025")
    assert empty.status == "Failed" and "need a day or span" in empty.text
    role = await called(session, server, "conversation_search", query="walnut", roles=["narrator"])
    assert role.status == "Failed" and "narrator" in role.text


async def test_times_at_the_ends_of_the_calendar_are_found_and_shown(
    session: Session, server: ModelServer, tmp_path: Path
) -> None:
    ends = ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00")
    lines = [json.dumps({"text": f"walrus {n}", "created_at": at}) for n, at in enumerate(ends)]
    (path := tmp_path / "chat.jsonl").write_text("\n".join(lines))
    loaded = await import_messages(session, path, False, lambda *_: None)
    assert (loaded.imported, loaded.bad) == (len(ends), [])
    await put_more(session, "walrus long since stored", -62_135_596_800_000_000)
    await put_more(session, "walrus stored too", 253_402_343_999_000_000)  # in the year 10000
    for zone in ("America/New_York", "Asia/Tokyo"):
        await change_settings(session, {"timezone": zone})
        assert len(hits(await called(session, server, "conversation_search", query="walrus", mode="text"))) == 5
        assert "6 results" in (await run(session, "/recall mode:text walrus")).text
    shown = [result_json(hit)["created_at"] for hit in (await search(session, "walrus")).hits]
    assert sorted({at[:4] for at in shown}) == ["0002", "9998"]


async def test_an_imported_id_is_never_one_of_the_agents_own(session: Session, roster: Roster, tmp_path: Path) -> None:
    await turn(session, "I keep bees.")
    await put_more(session, "Imported long ago.", 1_750_000_000_000_000, key="m3")
    numbers = range(1, 40)
    lines = [json.dumps({"id": f"m{n}", "text": f"walrus {n}"}) for n in numbers]
    (path := tmp_path / "chat.jsonl").write_text("\n".join(lines))
    for counts in ((len(numbers) - 1, 1), (0, len(numbers))):
        loaded = await import_messages(session, path, False, lambda *_: None)
        assert (loaded.imported, loaded.skipped) == counts, "m3 was imported before"
    key = (await run(session, "/passage add The safe opens with 4711.")).data["id"]
    assert int(key[1:]) in numbers
    assert (await asked(roster, "why", agent=session.name, passage=key))["subject"] == "The safe opens with 4711."
    found = await asked(roster, "forget", agent=session.name, message_ids=[key], confirmed=False)
    assert [row["text"] for row in found["found"]] == ["The safe opens with 4711."]


async def put_more(session: Session, text: str, at: int, key: str = "") -> None:
    from core.memory import documents
    from core.store.journal import Draft

    journal = session.journal
    doc, stored, branch = journal.reserve_docs(1), journal.reserve_texts(1), session.state.branches
    row = Document(key or f"later{doc}", "recall", "user", "", "", "d", 0, at, text)

    def effect(connection: Any, step: Any) -> None:
        documents.insert(connection, [row], step.id, branch, doc, stored)

    await journal.append(Draft("import", {"branch": branch, "count": 1, "file": "y"}, effect=effect))


async def test_passages_have_tags_and_none_comes_twice(session: Session, server: ModelServer) -> None:
    await called(
        session, server, "archival_memory_insert", content="Maria signs off.", tags=["Work", " work ", "Lumen"]
    )
    await called(session, server, "archival_memory_insert", content="The cat signs nothing.", tags=["home"])
    twice = await called(session, server, "archival_memory_insert", content="Maria signs off.")
    assert "already" in twice.text and session.state.archival == 2
    found = await called(session, server, "archival_memory_search", query="signs", tags=["work"])
    assert [(hit["text"], hit["tags"]) for hit in hits(found)] == [("Maria signs off.", "work, lumen")]
    by_words = await called(session, server, "archival_memory_search", query="signature", mode="text")
    assert by_words.status == "OK" and "of 0 results" in by_words.text
    nowhere = await called(session, server, "archival_memory_search", query="signs", source="handbook")
    assert nowhere.status == "Failed" and "handbook" in nowhere.text


async def test_passages_are_changed_by_hand_and_back_again(session: Session, server: ModelServer) -> None:
    key = (await run(session, "/passage add The safe opens with 4711.")).data["id"]
    with pytest.raises(UserError, match="already"):
        await run(session, "/passage add The safe opens with 4711.")
    asked = await run(session, f"/passage edit {key} The safe opens with 1234.")
    assert asked.ask and "- The safe opens with 4711." in asked.text and "+ The safe opens with 1234." in asked.text
    assert await texts(session, "safe") == ["The safe opens with 4711."], "nothing happens before it is confirmed"
    await run(session, f"/passage edit {key} The safe opens with 1234.", confirmed=True)
    assert await texts(session, "safe") == ["The safe opens with 1234."] and session.state.archival == 1
    other = (await run(session, "/passage add The attic is locked.")).data["id"]
    with pytest.raises(UserError, match="already"):
        await run(session, f"/passage edit {other} The safe opens with 1234.", confirmed=True)
    await run(session, f"/passage delete {other}", confirmed=True)
    await run(session, f"/passage tag {key} Home, keys")
    assert (await search(session, "safe", kind="archival")).hits[0].tags == ("home", "keys")
    await turn(session, "Hello.")
    await run(session, "/pop 50")
    assert await texts(session, "safe") == ["The safe opens with 1234."], "going back carries it over"
    await run(session, f"/passage delete {key}", confirmed=True)
    assert await texts(session, "safe") == [] and session.state.archival == 0
    await run(session, "/undo")
    assert await texts(session, "safe") == ["The safe opens with 1234."] and session.state.archival == 1
    assert await session.journal.folded() == session.state
    with pytest.raises(UserError, match="no passage"):
        await run(session, "/passage delete m99999", confirmed=True)


async def texts(session: Session, query: str) -> list[str]:
    return [hit.text for hit in (await search(session, query, kind="archival")).hits]


async def test_recall_says_why_and_takes_filters(session: Session) -> None:
    await put(session, "The feline slept on the sofa.", "My cat is grey.", "Taxes are due.")
    await asyncio.wait_for(session.corpus.settled(), 60)
    shown = (await run(session, "/recall mode:hybrid start:2025 cat")).text
    assert "[words 1, meaning 1, score" in shown and "[no word, meaning 2, score" in shown and "ago)" in shown
    with pytest.raises(UserError, match="mode is 'sideways'"):
        await run(session, "/recall mode:sideways cat")
    assert "cat is grey" in (await run(session, "/recall start:2025 end:the day before yesterday cat")).text
    assert "cat is grey" not in (await run(session, "/recall start:last week cat")).text


async def test_another_embedding_model_is_taken_up_in_the_background(
    session: Session, roster: Roster, tmp_path: Path
) -> None:
    (path := tmp_path / "chat.jsonl").write_text(json.dumps({"text": "The walrus is grey."}))
    await asyncio.wait_for(roster.library.load_jsonl("notes", path, lambda *_: None), 60)
    await put(session, "The feline slept on the sofa.", *(f"filler about taxes {n}" for n in range(30)))
    await asyncio.wait_for(session.corpus.settled(), 60)
    with pytest.raises(UserError, match="cannot be loaded"):
        await change_settings(session, {"embedding_model": "/nowhere/at/all"})
    assert session.state.settings["embedding_model"] == ""
    await change_settings(session, {"embedding_model": str(shipped_folder())})
    assert (await search(session, "feline")).hits[0].key == "i0", "words answer meanwhile"
    await run(session, "/embedding pause")
    assert "(paused)" in (await run(session, "/embedding")).text
    await run(session, "/embedding resume")
    await asyncio.wait_for(session.corpus.settled(), 120)
    assert (await search(session, "where does my cat nap?", "vector")).hits[0].key == "i0"
    assert await models(session.corpus) == {str(shipped_folder())}, "the old vectors go when all are there of the new"
    config.save(roster.home, {"embedding_model": str(shipped_folder())})
    await asyncio.wait_for(roster.library.load_jsonl("notes", path, lambda *_: None), 60)
    assert await models(await roster.library.corpus("notes")) == {str(shipped_folder())}
    new = await roster.session(await roster.create(AgentConfig(name="eve")))
    await asyncio.wait_for(import_messages(new, path, True, lambda *_: None), 60)
    assert await models(new.corpus) == {str(shipped_folder())}
    config.save(roster.home, {"embedding_model": "/nowhere/at/all"})  # as a folder that was moved away
    for _ in range(2):
        with pytest.raises(UserError, match="cannot be loaded"):
            await asyncio.wait_for(roster.library.load_jsonl("notes", path, lambda *_: None), 60)
    attaching.load_and_attach(roster, new, path, "more")
    await asyncio.wait_for(until_attached(new, "more"), 60)
    assert await texts(new, "walrus") == ["The walrus is grey."], "words find it without vectors"


async def test_the_vectors_of_attached_sources_are_counted_told_and_paused(session: Session, roster: Roster) -> None:
    await made_source(roster, *(f"A melon and {n}." for n in range(300)))
    eve = await roster.session(await roster.create(AgentConfig(name="eve")))
    told: dict[str, list[e.Event]] = {"ada": [], "eve": []}
    for each in (session, eve):
        await asked(roster, "attach_source", agent=each.name, source="notes")
        each.listen(told[each.name].append)
    source = await roster.library.corpus("notes")
    assert (await run(session, "/embedding")).data == {"done": 0, "total": 300, "paused": True, "model": ""}
    assert (await run(session, "/embedding pause")).data["paused"] and source.backlog.paused
    assert (await run(eve, "/embedding")).data["paused"], "by one, for all"
    assert not (await run(eve, "/embedding resume")).data["paused"]
    await asyncio.wait_for(source.settled(), 120)
    assert (await run(eve, "/embedding")).text == "300 of 300 documents have a vector of the shipped MiniLM (done)."
    for events in (of(told["ada"], e.JobTold), of(told["eve"], e.JobTold)):
        assert [(event.what, event.done, event.total) for event in events[:1]] == [("embedding 'notes'", 256, 300)]
        assert events[-1].ended


async def test_embedding_a_source_is_cancelled_for_all_and_no_longer_seen_where_it_was_detached(
    session: Session, roster: Roster
) -> None:
    await made_source(roster, *(f"A melon and {n}." for n in range(900)))
    eve = await roster.session(await roster.create(AgentConfig(name="eve")))
    told: dict[str, list[e.Event]] = {"ada": [], "eve": []}
    jobs: asyncio.Queue[str] = asyncio.Queue()
    for each in (session, eve):
        await asked(roster, "attach_source", agent=each.name, source="notes")
        each.listen(told[each.name].append)
    eve.listen(lambda event: jobs.put_nowait(event.job) if isinstance(event, e.JobTold) else None)
    source = await roster.library.corpus("notes")
    source.start()
    job = await asyncio.wait_for(jobs.get(), 120)
    await asked(roster, "detach_source", agent="eve", source="notes")
    await asked(roster, "cancel_job", job=job)
    assert source.backlog.paused and not eve.corpus.backlog.paused
    for events in told.values():
        ends = [event.ended for event in of(events, e.JobTold)]
        assert ends[-1] and sum(ends) == 1
    said = "Embedding 'notes' is paused; /embedding resume goes on with it."
    assert [event.text.startswith(said) for event in of(told["ada"], e.Notice)] == [True]
    assert "(paused)" in (await run(session, "/embedding")).text
    assert not (await run(session, "/embedding resume")).data["paused"]


async def until_attached(session: Session, source: str) -> None:
    while source not in session.state.sources:
        await asyncio.sleep(0.01)


async def models(corpus: Corpus) -> set[str]:
    """The models that the vectors of a file are of."""
    rows = await corpus.database.read(lambda found: found.execute("SELECT DISTINCT model FROM vector").fetchall())
    return {row[0] for row in rows}


async def test_going_back_to_a_deleted_source_finds_no_other_of_its_name(session: Session, roster: Roster) -> None:
    await made_source(roster, "The pelican of the old notes.")
    await attaching.attach(roster, session, "notes")
    await run(session, "/save before")
    assert await texts(session, "pelican") == ["The pelican of the old notes."]
    await attaching.delete(roster, "NOTES")
    await made_source(roster, "The pelican of a stranger.")
    await run(session, "/restore before", confirmed=True)
    assert session.state.sources == ("notes",) and await texts(session, "pelican") == []
    await attaching.attach(roster, session, "notes")
    assert await texts(session, "pelican") == ["The pelican of a stranger."]
    while roster.busy():  # the model is told of what was attached
        await asyncio.sleep(0.01)
    assert await session.journal.folded() == session.state


async def made_source(roster: Roster, *texts: str) -> None:
    corpus = await roster.library.corpus("notes", create=True)
    rows = [
        Document(f"p{n}", "archival", "passage", "", "", "d", n, 1_750_000_000_000_000, text)
        for n, text in enumerate(texts)
    ]
    await corpus.database.write(lambda connection: insert(connection, rows))


async def test_what_stands_at_the_end_of_a_long_text_is_found_by_meaning(session: Session) -> None:
    long = " ".join(f"Paragraph {n} is about the quarterly budget of the department." for n in range(150))
    await put(session, "Nothing.", long + " At the very end the feline slept on a sofa.", long)
    await asyncio.wait_for(session.corpus.settled(), 120)
    assert (await search(session, "cats napping on couches", "vector")).hits[0].key == "i1"


class Cramped(Model):
    """A model on a device that holds `room` texts at once, and then none at all."""

    device = "cuda"
    batch = 64

    def __init__(self, room: int) -> None:
        self.room, self.asked = room, list[int]()

    def pieces(self, text: str) -> list[str]:
        return [text]

    def encode(self, texts: Sequence[str], query: bool = False) -> Any:
        import numpy
        import torch

        self.asked.append(len(texts))
        if self.device == "cuda" and len(texts) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return numpy.ones((len(texts), 4), numpy.float32)

    def to_cpu(self) -> None:
        pass


@pytest.mark.parametrize(("room", "device"), [(10, "cuda"), (0, "cpu")])
def test_a_full_gpu_gets_smaller_batches_and_at_last_the_processor(
    room: int, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Cramped(room)
    counts, vectors = model.embed([f"text {n}" for n in range(100)])
    assert counts == [1] * 100 and vectors.shape == (100, 4)
    assert model.device == device and model.asked[0] == 64
    said = capfd.readouterr().err
    assert said.count("\n") == (device == "cpu") and ("goes on on the CPU" in said) == (device == "cpu")
