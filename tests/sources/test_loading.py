"""Loading: resumed, extended, replaced, attached and deleted meanwhile, and what agents are told."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from memgpt import MemGPT
from memgpt.home import Home, UserError
from memgpt.link import Link
from tests.conftest import processes_of
from tests.support import model_server as scripted
from tests.support import papers
from tests.support.model_server import ModelServer
from tests.support.patience import LONGEST_S, until
from tests.support.program import Program

PAGES = 200
WANTED = 137


def sources(program: Program) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in program.good("list", "sources", "--json").json}


def hits(program: Program, agent: str, query: str, mode: str = "text") -> list[dict[str, Any]]:
    answer = program.good("search", "archival", query, "--agent", agent, "--mode", mode, "--limit", "50", "--json")
    return list(answer.json["results"])


def notes(folder: Path, names: Iterator[int] | range, word: str = "note") -> None:
    folder.mkdir(exist_ok=True)
    for number in names:
        (folder / f"{word}{number}.md").write_text(f"# {word.title()} {number}\n\nThe {word} about subject{number}.\n")


# --- a question ------------------------------------------------------------------------------------------------


def test_a_question_is_answered_from_one_of_two_hundred_pages(
    program: Program, reader: str, model: ModelServer, tmp_path: Path
) -> None:
    pages = [f"Section {number}.\nNothing of note was seen on day {number * 3}." for number in range(1, PAGES + 1)]
    pages[WANTED - 1] = "Section of the animals.\nThe ferry to Lundy is free for donkeys."
    path = papers.pdf(tmp_path / "report.pdf", pages, "The island report")
    source = f"s{reader}"
    assert program.good("load", "file", source, str(path)).out == f"{PAGES} passages in; files: 1 read\n"
    program.good("attach", source, "--agent", reader)

    def answer(request: dict[str, Any]) -> scripted.Scripted:
        returned = [message for message in request["messages"] if message["role"] == "tool"]
        found = json.loads(json.loads(returned[-1]["content"])["message"].partition(": ")[2])[0]
        return scripted.say(f"{found['text'].splitlines()[-1]} ({found['place']})")

    model.script(scripted.call("archival_memory_search", heartbeat=True, query="What does a donkey pay on the boat?"))
    model.fallback = answer
    done = program.good("send", "--agent", reader, "What does a donkey pay on the boat?")
    assert done.out == f"The ferry to Lundy is free for donkeys. (report.pdf, page {WANTED})\n"
    (best, *_) = hits(program, reader, "animals that travel by ship", "hybrid")
    assert (best["file"], best["place"]) == ("report.pdf", f"page {WANTED}")
    shown = program.good("search", "archival", "donkeys", "--agent", reader).out
    assert f"report.pdf, page {WANTED}" in shown
    assert f"{source} ({PAGES} passages)" in model.requests[-1]["messages"][0]["content"], "its metadata says so"


# --- a second call ----------------------------------------------------------------------------------------------


def test_unchanged_is_skipped_changed_replaced_vanished_told(program: Program, reader: str, tmp_path: Path) -> None:
    folder, source = tmp_path / "notes", f"s{reader}"
    notes(folder, range(3))
    program.good("load", "directory", source, str(folder))
    program.good("attach", source, "--agent", reader)
    (old,) = hits(program, reader, "subject1")
    (kept,) = hits(program, reader, "subject0")
    assert program.good("load", "directory", source, str(folder)).out == "0 passages in; files: 3 there already\n"
    os.utime(folder / "note2.md")
    assert program.good("load", "directory", source, str(folder)).out == "0 passages in; files: 3 there already\n"
    (folder / "note1.md").write_text("# Note 1\n\nNow it is about walruses.\n")
    (folder / "note2.md").unlink()
    done = program.good("load", "directory", source, str(folder))
    assert done.out == "1 passage in; files: 1 read, 1 of them changed, 1 there already, 1 gone\n"
    assert done.err == f"memgpt: {folder}/note2.md is no longer there; its passages stay.\n"
    assert hits(program, reader, "subject1") == []
    assert old["id"] not in [hit["id"] for hit in hits(program, reader, "subject1 note", "vector")]
    assert "walruses" in hits(program, reader, "sea animals with tusks", "vector")[0]["text"]
    assert len(hits(program, reader, "subject2")) == 1 and hits(program, reader, "subject0")[0]["id"] == kept["id"]
    assert sources(program)[source]["passages"] == 3
    (folder / "note1.md").write_bytes(b"\0\1\2" * 100)
    assert program("load", "directory", source, str(folder)).status == 1
    assert len(hits(program, reader, "walruses")) == 1, "what cannot be read any more stays as it was"


def test_what_holds_nothing_makes_no_source(program: Program, home: Home, reader: str, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    done = program.good("load", "directory", f"s{reader}", str(empty))
    assert done.out == "0 passages in; files: none\n" and f"s{reader}" not in sources(program)
    os.mkfifo(pipe := tmp_path / "pipe.jsonl")
    asyncio.run(said_of(home, reader, empty, "There is nothing in"))
    asyncio.run(said_of(home, reader, pipe, "is not a file"))
    assert not {f"s{reader}", "empty", "pipe"} & set(sources(program))


async def said_of(home: Home, agent: str, path: Path, words: str) -> None:
    """Loads a path from the screen, and waits until that is said of it."""
    link = await Link.open(home, role="screen")
    try:
        attachment = await link.attach(agent)
        await link.ask("command", agent=agent, line=f"/load {path}")
        async for event in attachment:
            if event["type"] == "notice" and words in event["text"]:
                return
    finally:
        await link.close()


def test_the_same_words_in_two_files_are_two_passages(program: Program, reader: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for path in (tmp_path / "a.txt", tmp_path / "deep" / "a.txt"):
        path.write_text("The word is halibut.")
    os.utime(tmp_path / "a.txt", (13_569_465_600,) * 2)  # in the year 2400, beyond what nanoseconds in 64 bits reach
    (tmp_path / "late.eml").write_text("Subject: Late\nDate: Fri, 31 Dec 9999 23:59:59 -1200\n\nA halibut, too.\n")
    program.good("load", "directory", f"s{reader}", str(tmp_path), "--recursive")
    program.good("attach", f"s{reader}", "--agent", reader)
    found = hits(program, reader, "halibut")
    assert {hit["file"] for hit in found} == {"a.txt", "deep/a.txt", "late.eml"}
    assert len({hit["id"] for hit in found}) == 3
    assert sorted(hit["created_at"][:4] for hit in found)[1:] == ["2262", "9998"]
    again = program.good("load", "directory", f"s{reader}", str(tmp_path), "--recursive")
    assert again.out == "0 passages in; files: 3 there already\n"


@contextlib.contextmanager
def without_vectors(home: Home) -> Iterator[None]:
    """Holds the embedding worker still, so that no load comes to its end."""
    (worker,) = until(lambda: processes_of(home, "core.memory.worker"))
    worker.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.resume()


async def begun(home: Home, source: str) -> None:
    """Waits until some of a source is there; asks over one link, since a load of small files does not wait for long."""
    link = await Link.open(home, role="tool")
    try:
        while not [row for row in await link.ask("sources") if row["name"] == source and row.get("passages", 0) > 3]:
            await asyncio.sleep(0.01)
    finally:
        await link.close()


@pytest.mark.parametrize("blow", ["interrupted", "engine killed", "engine stopped"])
def test_a_load_that_was_cut_off_goes_on(program: Program, home: Home, reader: str, tmp_path: Path, blow: str) -> None:
    folder, source, count = tmp_path / "notes", f"s{reader}", 250
    notes(folder, range(count))
    status = program.good("engine", "status", "--json").json
    engine = psutil.Process(status["pid"])
    children = engine.children()
    with without_vectors(home):
        process = subprocess.Popen(
            program.command("load", "directory", source, str(folder)), env=program.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        asyncio.run(begun(home, source))
        if blow == "interrupted":
            process.send_signal(signal.SIGINT)
        elif blow == "engine stopped":
            program.good("engine", "stop")
        else:
            engine.kill()
    out, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, out) == (130 if blow == "interrupted" else 1, "")
    assert err.count("\n") == 1 and "Traceback" not in err
    if blow == "interrupted":
        assert "goes on from here" in err
    else:
        _, alive = psutil.wait_procs(children, timeout=LONGEST_S)
        assert not alive, "its children end with it"
    done = program.good("load", "directory", source, str(folder))
    assert sources(program)[source]["passages"] == count
    already = int(done.out.partition(" there already")[0].split()[-1]) if "already" in done.out else 0
    assert 3 < already <= count
    program.good("attach", source, "--agent", reader)
    assert {hits(program, reader, f"subject{number}")[0]["file"] for number in (0, 60, count - 1)} == {
        "note0.md", "note60.md", f"note{count - 1}.md"}  # fmt: skip
    near = hits(program, reader, "subject77", "vector")
    assert "note77.md" in [hit["file"] for hit in near], "every passage has its vector"


async def test_progress_tells_how_much_there_is(program: Program, home: Home, reader: str, tmp_path: Path) -> None:
    program.good("engine", "status")
    notes(tmp_path / "notes", range(5))
    link = await Link.open(home, role="tool")
    try:
        order = {"kind": "directory", "name": f"s{reader}", "path": str(tmp_path / "notes")}
        told = [part async for part in link.stream("load", **order)]
    finally:
        await link.close()
    reading = [(part["count"], part["total"]) for part in told if part.get("phase") == "reading"]
    assert reading == [(number, 5) for number in range(6)]
    embedding = [part for part in told if part.get("phase") == "embedding"]
    assert embedding[-1]["count"] == 0 and told[-1]["result"]["read"] == 5


def test_a_terminal_is_shown_a_bar_and_a_pipe_nothing(program: Program, reader: str, tmp_path: Path) -> None:
    notes(tmp_path / "notes", range(30))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        program.command("load", "directory", f"s{reader}", str(tmp_path / "notes")), stdout=subprocess.PIPE,
        stderr=theirs, stdin=subprocess.DEVNULL, env=program.environment(TERM="xterm-256color"), timeout=90, check=True,
    )  # fmt: skip
    os.set_blocking(ours, False)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except BlockingIOError:
            break
    os.close(theirs)
    os.close(ours)
    assert done.stdout == b"30 passages in; files: 30 read\n"
    assert b"reading" in shown and b"30/30" in shown and b"/s" in shown


# --- agents that search meanwhile -------------------------------------------------------------------------------


@pytest.fixture
def second(program: Program, reader: str, model: ModelServer) -> str:
    program.good("send", "--agent", f"{reader}b", "--create", "--model", "openai/scripted", "--model-endpoint",
                 model.url, "--context-window", "8192", "Hello")  # fmt: skip
    return f"{reader}b"


def test_two_agents_search_a_source_that_a_load_extends(
    program: Program, reader: str, second: str, model: ModelServer, tmp_path: Path
) -> None:
    folder, source = tmp_path / "notes", f"s{reader}"
    notes(folder, range(2), "early")
    program.good("load", "directory", source, str(folder))
    for agent in (reader, second):
        program.good("attach", source, "--agent", agent)
    notes(folder, range(60), "late")
    process = subprocess.Popen(
        program.command("load", "directory", source, str(folder)), env=program.environment(),
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None:
        for agent in (reader, second):
            assert hits(program, agent, "early subject1")[0]["file"] == "early1.md"
    assert process.returncode == 0
    for agent in (reader, second):
        assert hits(program, agent, "late subject59")[0]["file"] == "late59.md"
        until(functools.partial(_told_twice, program, agent))
    model.requests.clear()
    program.good("send", "--agent", second, "What is new?")
    sent = json.dumps(model.requests[0]["messages"], ensure_ascii=False)
    assert "was loaded anew: 62 passages now" in sent and f"{source} (62 passages)" in sent
    assert sent.index("was loaded anew: 62 passages now") < sent.index("What is new?"), "told with the next message"
    row = sources(program)[source]
    assert row["passages"] == 62 and set(row["agents"]) == {reader, second}


def _told_twice(program: Program, agent: str) -> bool:
    return len(documents(program, agent)) == 2


def documents(program: Program, agent: str) -> list[dict[str, Any]]:
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    return [row for row in rows if row["role"] == "event" and row["text"] == "document"]


def test_a_source_is_deleted_while_it_is_attached_and_loaded(
    program: Program, reader: str, model: ModelServer, tmp_path: Path
) -> None:
    folder, source = tmp_path / "notes", f"s{reader}"
    notes(folder, range(3))
    program.good("load", "directory", source, str(folder))
    program.good("attach", source, "--agent", reader)
    assert hits(program, reader, "subject1", "hybrid")
    notes(folder, range(300), "more")
    with without_vectors(program.home):
        process = subprocess.Popen(
            program.command("load", "directory", source, str(folder)), env=program.environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(lambda: sources(program)[source]["passages"] > 5)
        program.good("delete", "source", source, "--yes")
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 1 and "was deleted while it was being loaded" in err
    assert source not in sources(program) and not program.home.source_file(source).exists()
    assert hits(program, reader, "subject1", "hybrid") == []
    program.good("send", "--agent", reader, "Still there?")
    assert source not in model.requests[-1]["messages"][0]["content"]


def test_an_agent_opens_after_its_source_has_changed_or_gone(
    program: Program, reader: str, model: ModelServer, tmp_path: Path
) -> None:
    folder, source, other, anew = tmp_path / "notes", f"s{reader}", f"o{reader}", f"a{reader}"
    notes(folder, range(3))
    for name in (source, other, anew):
        program.good("load", "directory", name, str(folder))
        program.good("attach", name, "--agent", reader)
    until(lambda: len(documents(program, reader)) == 3)
    program.good("engine", "stop")
    notes(folder, range(5))
    program.good("load", "directory", source, str(folder))
    for name in (other, anew):
        program.good("delete", "source", name, "--yes")
    (tmp_path / "strange.txt").write_text("The stranger keeps walruses.")
    program.good("load", "file", anew.upper(), str(tmp_path / "strange.txt"))
    program.good("engine", "stop")
    program.good("send", "--agent", reader, "Hi again")
    system = model.requests[-1]["messages"][0]["content"]
    assert f"{source} (5 passages)" in system and other not in system and anew not in system.lower()
    assert hits(program, reader, "walruses") == []
    program.good("attach", anew, "--agent", reader)
    assert hits(program, reader, "walruses")
    program.good("delete", "source", anew, "--yes")
    program.good("load", "file", anew, str(tmp_path / "strange.txt"))
    for name in (anew.upper(), anew):
        program.good("attach", name, "--agent", reader)
    assert len(hits(program, reader, "walruses")) == 1
    program.good("detach", anew.upper(), "--agent", reader)
    assert hits(program, reader, "walruses") == []


def test_slash_load_reads_in_the_background_and_attaches(
    program: Program, home: Home, reader: str, tmp_path: Path
) -> None:
    (tmp_path / "My notes, old").mkdir()
    (tmp_path / "My notes, old" / "tea.md").write_text("# Tea\n\nOolong is steeped for three minutes.\n")
    (tmp_path / "My notes, old" / "bad.pdf").write_text("nothing")
    with MemGPT(home=home.path) as client:
        said = client.run_command(reader, f"/load {tmp_path}/My notes, old")
        assert "My notes- old" in said
        until(lambda: reader in sources(program).get("My notes- old", {}).get("agents", []))
        assert "Oolong" in client.run_command(reader, "/archival how to brew oolong")
        assert "* My notes- old: 1 passage" in client.run_command(reader, "/sources")
        client.run_command(reader, f'/load "{tmp_path}/My notes, old/tea.md" Tea house')
        until(lambda: reader in sources(program).get("Tea house", {}).get("agents", []))
        client.run_command(reader, "/detach tea HOUSE")
        assert "  Tea house: 1 passage" in client.run_command(reader, "/sources")
        with pytest.raises(Exception, match="There is no file or folder"):
            client.run_command(reader, "/load /nowhere/at all")
        for argument, words in (
            (f"{tmp_path}/{'x' * 300} it", "File name too long"), ('"" it', "path is empty"), ("''", "path is empty"),
            ("~no-such-user/it", "There is no file or folder"),
        ):  # fmt: skip
            with pytest.raises(UserError, match=words):
                client.run_command(reader, f"/load {argument}")
        with pytest.raises(Exception, match="'ARCHIVAL' is what an agent's own passages are called"):
            client.run_command(reader, f'/load "{tmp_path}/My notes, old/tea.md" ARCHIVAL')
    assert program("load", "file", "Archival", f"{tmp_path}/My notes, old/tea.md").status == 2
    for name in ("My notes- old", "Tea house"):
        program.good("delete", "source", name, "--yes")


def test_what_was_read_of_a_file_that_is_then_broken_stays(program: Program, reader: str, tmp_path: Path) -> None:
    count, source = 620, f"s{reader}"
    chapters = [(f"Chapter {number}", f"The otter of pond{number}.") for number in range(count)]
    path = papers.epub(tmp_path / "book.epub", "Ponds", chapters)
    assert program.good("load", "file", source, str(path)).out == f"{count} passages in; files: 1 read\n"
    program.good("attach", source, "--agent", reader)
    papers.epub(path, "Ponds", [(heading, text.replace("otter", "heron")) for heading, text in chapters])
    papers.without(path, f"OEBPS/chapter {count - 1}.xhtml")
    broken = program("load", "file", source, str(path))
    assert broken.status == 1 and "a part of it is missing" in broken.err
    assert broken.out == "0 passages in; files: 1 bad\n"
    assert sources(program)[source]["passages"] == count
    assert hits(program, reader, "pond0 otter")[0]["text"].endswith("The otter of pond0.")
    assert hits(program, reader, "pond619 otter") and not hits(program, reader, "heron")
    papers.epub(path, "Ponds", [(heading, text.replace("otter", "grebe")) for heading, text in chapters])
    mended = program.good("load", "file", source, str(path))
    assert mended.out == f"{count} passages in; files: 1 read, 1 of them changed\n"
    assert hits(program, reader, "grebe") and not hits(program, reader, "otter")
    assert sources(program)[source]["passages"] == count


def test_files_in_which_nothing_is_found_are_named(program: Program, reader: str, tmp_path: Path) -> None:
    (folder := tmp_path / "notes").mkdir()
    notes(folder, range(1))
    for name in ("a.txt", "b.html", "c.pdf", "d.docx", "e.py", "f.mbox", "g"):
        (folder / name).write_bytes(b"")
    (folder / "rule.md").write_text("---\n\n* * *\n")
    source = f"s{reader}"
    done = program.good("load", "directory", source, str(folder))
    assert done.out == "1 passage in; files: 9 read, 8 of them empty\n"
    names = "a.txt, b.html, c.pdf, d.docx, e.py, f.mbox, g, rule.md"
    assert done.err == f"memgpt: Nothing to read was found in {names}.\n"
    again = program.good("load", "directory", source, str(folder))
    assert (again.out, again.err) == ("0 passages in; files: 9 there already\n", "")
    alone = program.good("load", "file", f"e{reader}", str(folder / "a.txt"))
    assert alone.out == "0 passages in; files: 1 read, 1 of them empty\n" and f"e{reader}" not in sources(program)
    assert alone.err == "memgpt: Nothing to read was found in a.txt.\n"
    for number in range(30):
        (folder / f"{number:02}.txt").write_bytes(b" ")
    many = program.good("load", "directory", source, str(folder)).err
    assert many.endswith("18.txt, 19.txt and 10 more.\n") and many.count("\n") == 1


def test_the_screen_is_told_of_a_file_without_words(program: Program, home: Home, reader: str, tmp_path: Path) -> None:
    (path := tmp_path / "void.txt").write_bytes(b"")
    program.good("engine", "status")
    asyncio.run(said_of(home, reader, path, "Nothing to read was found in void.txt."))


def test_a_change_that_keeps_size_and_time_is_seen(program: Program, reader: str, tmp_path: Path) -> None:
    folder, source = tmp_path / "notes", f"s{reader}"
    notes(folder, range(2))
    program.good("load", "directory", source, str(folder))
    program.good("attach", source, "--agent", reader)
    state = (folder / "note1.md").stat()
    (folder / "note1.md").write_text((folder / "note1.md").read_text().replace("subject1", "walrus_1"))
    os.utime(folder / "note1.md", ns=(state.st_atime_ns, state.st_mtime_ns))
    (folder / "note0.md").chmod(0o600)
    done = program.good("load", "directory", source, str(folder))
    assert done.out == "1 passage in; files: 1 read, 1 of them changed, 1 there already\n"
    assert hits(program, reader, "walrus_1") and not hits(program, reader, "subject1")


def test_a_file_whose_place_a_folder_took_is_gone(program: Program, reader: str, tmp_path: Path) -> None:
    folder, source = tmp_path / "notes", f"s{reader}"
    notes(folder, range(2))
    program.good("load", "directory", source, str(folder))
    (folder / "note1.md").unlink()
    (folder / "note1.md").mkdir()
    done = program.good("load", "directory", source, str(folder))
    assert done.out == "0 passages in; files: 1 there already, 1 gone\n"
    assert done.err == f"memgpt: {folder}/note1.md is no longer there; its passages stay.\n"


def test_a_folder_that_was_moved_is_not_loaded_twice(program: Program, reader: str, tmp_path: Path) -> None:
    folder, moved, source = tmp_path / "notes", tmp_path / "moved", f"s{reader}"
    notes(folder, range(3))
    notes(folder / "deep", range(7, 9), "deeper")
    program.good("load", "directory", source, str(folder), "--recursive")
    program.good("attach", source, "--agent", reader)
    (before,) = hits(program, reader, "subject8")
    folder.rename(moved)
    (moved / "note1.md").write_text("# Note 1\n\nNow it is about walruses.\n")
    done = program.good("load", "directory", source, str(moved), "--recursive")
    assert done.out == "1 passage in; files: 1 read, 4 there already, 1 gone\n"
    assert done.err == f"memgpt: {folder}/note1.md is no longer there; its passages stay.\n"
    assert [hit["id"] for hit in hits(program, reader, "subject8")] == [before["id"]]
    (moved / "deep" / "deeper8.md").write_text("# Deeper\n\nAn auk.\n")
    again = program.good("load", "directory", source, str(moved / "deep"))
    assert again.out == "1 passage in; files: 1 read, 1 of them changed, 1 there already, 1 gone\n"
    assert not hits(program, reader, "subject8") and hits(program, reader, "walruses")
    notes(tmp_path / "copy", range(1))
    assert "1 passage in; files: 1 read, " in program.good("load", "directory", source, str(tmp_path / "copy")).out
