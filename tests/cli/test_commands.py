"""The command line: what each command prints, leaves behind and ends with."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from memgpt.commands import COMMANDS
from memgpt.home import Home
from tests.support import model_server as scripted
from tests.support import screens
from tests.support.model_server import ModelServer
from tests.support.patience import SOON_S, until
from tests.support.program import Done, Program
from tui.cli.plain import spoken

HEAVY = ("textual", "litellm", "duckdb", "torch", "sentence_transformers", "numpy", "asyncio")


@pytest.fixture
def agent(program: Program, agent_name: str, model: ModelServer) -> str:
    program.good("send", "--agent", agent_name, "--create", "--model", "openai/scripted", "--model-endpoint", model.url,
                 "--context-window", "8192", "Hello")  # fmt: skip
    return agent_name


def refused(done: Done, status: int, *words: str) -> None:
    """One line on stderr that says what is wrong, nothing on stdout, no traceback."""
    assert done.status == status, done
    assert done.out == "" and done.err.count("\n") == 1 and "Traceback" not in done.err
    for word in words:
        assert word in done.err


# --- send -----------------------------------------------------------------------------------------------------


def test_stdout_is_the_reply_and_nothing_else(program: Program, agent: str, model: ModelServer) -> None:
    model.script(scripted.say("Red \x1b[31malert\x1b[0m\x07 [bold]x[/bold]\nnext", thought="not shown"))
    done = program.good("send", "--agent", agent, "Hi")
    assert done.out == "Red alert [bold]x[/bold]\nnext\n" and done.err == ""


def test_the_message_comes_from_a_pipe_or_a_dash_or_begins_with_one(program: Program, agent: str) -> None:
    assert program.good("send", "--agent", agent, text="piped words\n").out == "You said: piped words\n"
    assert program.good("send", "--agent", agent, "-", text="dashed\nwords").out == "You said: dashed\nwords\n"
    for text in ("-x", "--debug", "--help"):
        assert program.good("send", "--agent", agent, "--", text).out == f"You said: {text}\n"
    refused(program("send", "--agent", agent, text="  \n"), 2, "no message")


@pytest.mark.parametrize("how", ["-", "--lines"])
def test_ctrl_c_ends_the_wait_for_what_is_not_written_yet(program: Program, agent_name: str, how: str) -> None:
    command = program.command("send", "--agent", agent_name, how)
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=program.environment()) as sending:
        pipe = sending.stdin
        assert pipe is not None
        pipe.write(b"begun")
        pipe.flush()
        until(lambda: fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)) == bytes(4))  # it reads
        sending.send_signal(signal.SIGINT)
        assert sending.wait(SOON_S) == 130


def test_the_turn_as_lines(program: Program, agent: str, model: ModelServer) -> None:
    model.script(
        scripted.call("core_memory_append", heartbeat=True, thought="Keep.", name="human", content="Has a dog."),
        scripted.call("conversation_search", heartbeat=True, query="dog"),
        scripted.say("Woof."),
    )
    lines = program.good("send", "--agent", agent, "--json", "--stream", "I have a dog.").lines
    kinds = [line["type"] for line in lines if line["type"] != "delta"]
    assert kinds == [
        "user_message", "internal_monologue", "function_call", "usage", "function_return", "core_memory",
        "function_call", "usage", "function_return", "assistant_message", "usage", "turn_end",
    ]  # fmt: skip
    steps = [line["step"] for line in lines if line["type"] != "delta"]
    assert steps == sorted(steps)
    for line in lines:
        assert line["at"].endswith("Z") and len(line["at"]) == 24
    edit = next(line for line in lines if line["type"] == "core_memory")
    assert edit["label"] == "human" and edit["after"] == f"{edit['before']}\nHas a dog."
    said = "".join(line["text"] for line in lines if line["type"] == "delta" and line["of"] == "assistant_message")
    assert said == "Woof."
    delta = next(line for line in lines if line["type"] == "delta" and line["of"] == "assistant_message")
    assert delta["step"] == next(line["step"] for line in lines if line["type"] == "assistant_message")
    end = lines[-1]
    assert (end["reason"], end["steps"]) == ("done", 3)
    usage = [line for line in lines if line["type"] == "usage"]
    assert end["prompt_tokens"] == sum(line["prompt_tokens"] for line in usage)
    assert set(usage[0]) >= {"cached_tokens", "completion_tokens", "cost_usd", "first_token_ms", "total_ms"}
    quiet = program.good("send", "--agent", agent, "--json", "More").lines
    assert all(line["type"] != "delta" for line in quiet)


def test_each_line_is_a_turn_answered_before_the_next_is_read(program: Program, agent: str) -> None:
    lines = program.good("send", "--agent", agent, "--lines", "--json", text="one\n\ntwo\nthree\n").lines
    assert [line["text"] for line in lines if line["type"] == "assistant_message"] == [
        "You said: one", "You said: two", "You said: three"]  # fmt: skip
    ends = [place for place, line in enumerate(lines) if line["type"] == "turn_end"]
    starts = [place for place, line in enumerate(lines) if line["type"] == "user_message"]
    assert len(ends) == 3 and starts == [0, ends[0] + 1, ends[1] + 1]


def test_an_error_is_one_line_and_the_turn_can_be_asked_again(program: Program, agent: str, model: ModelServer) -> None:
    model.script(scripted.error(404, "no such model"))
    done = program("send", "--agent", agent, "Lost?")
    refused(done, 1, "does not know the model")
    model.script(scripted.error(404, "no such model"))
    lines = program("send", "--agent", agent, "--json", "Lost?").lines
    assert [line["type"] for line in lines][-2:] == ["error", "turn_end"]
    assert lines[-1]["reason"] == "error" and lines[-2]["hint"]
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    assert [row["text"] for row in rows if row["role"] == "user"][-1] == "Lost?"


def test_agents_that_do_not_exist(program: Program) -> None:
    refused(program("send", "--agent", "nobody at all", "Hi"), 1, "There is no agent", "--create")
    refused(program("show", "memory", "--agent", "nobody at all"), 1, "There is no agent")


def test_a_name_in_an_error_controls_no_terminal(program: Program, tmp_path: Path) -> None:
    done = program("load", "file", "papers", f"{tmp_path}/a\x1b]52;c;aGk=\x07b\x9b31m")
    refused(done, 1, "/ab31m")
    assert not set(done.err) & {"\x1b", "\x07", "\x9b"}


# --- names, usage, listings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", ".hidden", "a/b", "", "x" * 65, "tab\there", " padded "])
def test_names_that_are_none(program: Program, name: str) -> None:
    refused(program("send", "--agent", name, "--create", "Hi"), 2, "is not a name")
    refused(program("add", "persona", name, "--text", "x"), 2, "is not a name")


def test_names_of_any_script_compared_without_case(program: Program, model: ModelServer) -> None:
    more = ("--model", "openai/scripted", "--model-endpoint", model.url, "--context-window", "8192")
    program.good("send", "--agent", "Zoë 2.写", "--create", *more, "Hi")
    assert program.good("send", "--agent", "ZOË 2.写", "Hi").out == "You said: Hi\n"
    assert program.good("send", "--agent", "zoe\u0308 2.写", "Hi").out == "You said: Hi\n"
    names = [row["name"] for row in program.good("list", "agents", "--json").json]
    assert names.count("Zoë 2.写") == 1
    program.good("delete", "agent", "zoë 2.写", "--yes")
    assert "Zoë 2.写" not in [row["name"] for row in program.good("list", "agents", "--json").json]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",), ("send", "--nonsense"), ("search", "recall"), ("search", "recall", "--agent", "a"),
        ("list", "nothing"), ("run", "--context-window", "-3"), ("add", "persona", "x"), ("forget", "a"),
        ("quickstart", "--backend", "none"), ("show", "context", "--agent", "a", "--last", "0"),
    ],
)  # fmt: skip
def test_wrong_usage(program: Program, arguments: tuple[str, ...]) -> None:
    refused(program(*arguments), 2)


def test_options_stand_anywhere(program: Program, agent: str) -> None:
    words = ("search", "recall", "chess", "--agent", agent, "--limit", "3", "--mode", "text", "--json")
    wanted = program.good(*words).json["results"]
    for order in ((0, 3, 4, 1, 2, 5, 6, 7, 8, 9), (0, 1, 5, 6, 3, 4, 9, 7, 8, 2)):
        assert program.good(*(words[place] for place in order)).json["results"] == wanted
    refused(program("search", "recall", "--agent", agent, "chess", "Go"), 2, "Go")


def test_help_version_and_folder(program: Program) -> None:
    assert "COMMAND" in program.good("--help").out
    for command in ("run", "send", "configure", "quickstart", "list", "add", "delete", "import", "load", "attach",
                    "detach", "search", "show", "forget", "engine", "doctor", "version", "folder"):  # fmt: skip
        assert "usage" in program.good(command, "--help").out.lower()
    assert program.good("folder").out == f"{program.home.path}\n"
    assert program.good("version").out.strip().count(".") == 2


def test_listings(program: Program, agent: str) -> None:
    for kind in ("agents", "personas", "humans", "sources", "functions", "models", "themes"):
        rows = program.good("list", kind, "--json").json
        assert isinstance(rows, list) and all(next(iter(row)) == "name" for row in rows)
        assert program.good("list", kind).err == ""
    names = {kind: {row["name"] for row in program.good("list", kind, "--json").json}
             for kind in ("personas", "humans", "themes", "functions", "agents")}  # fmt: skip
    assert {"sam_pov", "memgpt_starter", "memgpt_doc"} <= names["personas"]
    assert {"basic", "cs_phd"} <= names["humans"] and {"dark", "light", "ansi16"} <= names["themes"]
    assert len(names["functions"]) == 8 and agent in names["agents"]


def test_add_shadows_and_delete_unshadows(program: Program) -> None:
    shipped = {row["name"]: row["text"] for row in program.good("list", "humans", "--json").json}["basic"]
    program.good("add", "human", "basic", "--text", "Name: Grace")
    assert {row["name"]: row["text"] for row in program.good("list", "humans", "--json").json}["basic"] == "Name: Grace"
    refused(program("delete", "human", "basic"), 2, "--yes")
    program.good("delete", "human", "basic", "--yes")
    assert {row["name"]: row["text"] for row in program.good("list", "humans", "--json").json}["basic"] == shipped
    refused(program("delete", "human", "basic", "--yes"), 1, "comes with the program")
    refused(program("add", "human", "x", "--text", "  "), 2, "empty")
    refused(program("add", "human", "x", "--file", "/nowhere"), 1, "cannot be read")


# --- settings -------------------------------------------------------------------------------------------------


def test_configure_keeps_comments_and_refuses_what_is_wrong(fresh_home: Home) -> None:
    program = Program(fresh_home)
    fresh_home.config.write_text('# mine\ntheme = "light" # soft\n\n[paging]\nwarn = 0.6\n')
    program.good("configure", "--set", "context_window=4096", "--set", "paging.keep=0.4", "--set", "keys.help=f5")
    text = fresh_home.config.read_text()
    assert "# mine" in text and "# soft" in text and "context_window = 4096" in text and "keep = 0.4" in text
    for wrong in (
        "colour=red",
        "context_window=many",
        "paging.warn=7",
        "auto_recall=maybe",
        "theme",
        "timezone=Mars/X",
        "model_endpoint=http://127.0.0.1:99999/v1",
        "model_endpoint=http://127.0.0.1:abc/v1",
        "model_endpoint=http://[::1",
        "model_endpoint=http:///v1",
        "fallbacks=builtin, openai/x@http://127.0.0.1:abc/v1",
        "request_timeout=inf",
        "engine_linger=1e9",
        "budget.day=inf",
    ):
        refused(program("configure", "--set", "theme=dark", "--set", wrong), 2)
        assert fresh_home.config.read_text() == text
    fresh_home.config.write_text("theme = [")
    refused(program("configure", "--set", "theme=dark"), 1, "is not TOML")
    assert fresh_home.config.read_text() == "theme = ["


def test_an_agents_own_settings(program: Program, agent: str) -> None:
    program.good("configure", "--agent", agent, "--set", "context_window=16384", "--set", "search_page_size=3")
    assert program.good("show", "context", "--agent", agent, "--json").json["window"] == 16384
    refused(program("configure", "--agent", agent, "--set", "theme=dark"), 2, "not a setting of an agent")
    for whose in (("--agent", agent), ()):
        refused(program("configure", *whose, "--set", "embedding_model=/nowhere"), 2, "cannot be loaded")


def test_quickstart(fresh_home: Home) -> None:
    program = Program(fresh_home)
    program.good("quickstart", "--backend", "openai")
    assert 'model = "openai/' in fresh_home.config.read_text()
    program.good("quickstart", "--backend", "builtin")
    assert 'model = "builtin"' in fresh_home.config.read_text()


# --- files in, search, show -----------------------------------------------------------------------------------


def jsonl(path: Path, *rows: object) -> str:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def test_import_search_and_skip_what_is_there(program: Program, agent_name: str, tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "talk.jsonl",
        {"id": "a1", "role": "user", "name": "Maria", "text": "The launch is on the 14th.", "created_at": "2026-10-01T16:00:00Z"},
        "not json",
        {"id": "a2", "role": "assistant", "text": "Noted: error E-4711 in /var/log/app.log", "created_at": "2026-10-02T09:00:00Z"},
        {"id": "a3", "role": "user"},
    )  # fmt: skip
    done = program("import", "messages", file, "--agent", agent_name)
    assert done.status == 1 and "line 2" in done.err and "line 4" in done.err
    found = program.good("search", "recall", "E-4711", "--agent", agent_name, "--json").json
    assert found["results"][0]["id"] == "a2" and found["embed_ms"] > 0 and found["ms"] > 0
    hit = found["results"][0]
    assert set(hit) == {"id", "text", "created_at", "role", "source", "score"} and hit["created_at"].startswith(
        "2026-10-02T09:00:00"
    )
    text = program.good("search", "recall", "when do we start?", "--agent", agent_name, "--mode", "text", "--json").json
    assert text["embed_ms"] == 0
    vector = program.good(
        "search", "recall", "the product release", "--agent", agent_name, "--mode", "vector", "--json"
    ).json
    assert vector["results"][0]["id"] == "a1"
    since = program.good("search", "recall", "the", "--agent", agent_name, "--since", "2026-10-02", "--json").json
    assert [hit["id"] for hit in since["results"]] == ["a2"]
    program.good("configure", "--agent", agent_name, "--set", "timezone=Asia/Tokyo")
    there = program.good(
        "search", "recall", "the", "--agent", agent_name, "--since", "2026-10-02", "--end", "2026-10-02"
    )
    assert "2026-10-02 01:00  user  a1\n" in there.out and "2026-10-02 18:00  assistant  a2\n" in there.out
    again = program("import", "messages", file, "--agent", agent_name)
    assert again.out.startswith("0 in, 2 there already")
    queries = jsonl(tmp_path / "q.jsonl", {"id": "q1", "query": "launch"}, {"id": "q2", "query": "log file"})
    lines = program.good("search", "recall", "--queries", queries, "--agent", agent_name).lines
    assert [line["id"] for line in lines] == ["q1", "q2"] and lines[0]["results"][0]["id"] == "a1"
    refused(program("search", "recall", "x", "--agent", agent_name, "--since", "soon"), 2, "is not a date")
    refused(program("import", "messages", "/nowhere.jsonl", "--agent", agent_name), 1, "There is no file")


def test_a_source_is_loaded_attached_searched_and_detached(program: Program, agent: str, tmp_path: Path) -> None:
    source = f"s{agent}"
    file = jsonl(tmp_path / "p.jsonl", {"id": "p1", "title": "Bees", "text": "A drone has no sting."},
                 {"id": "p2", "title": "Cats", "text": "A cat sleeps sixteen hours."})  # fmt: skip
    program.good("load", "jsonl", source, file)
    assert program.good("load", "jsonl", source, file).out.startswith("0 in, 2 there already")
    jsonl(tmp_path / "p.jsonl", {"id": "p1", "title": "Bees", "text": "A drone has no sting."},
          {"id": "p2", "title": "Cats", "text": "A cat sleeps twelve hours."})  # fmt: skip
    done = program.good("load", "jsonl", source, file)
    assert done.out == "1 in, 1 of them changed, 1 there already, 0 bad lines\n"
    for kind in ("directory", "file", "jsonl"):
        refused(program("load", kind, source, ""), 2, "The path is empty.")
        refused(program("load", kind, source, "x" * 300), 1, "File name too long. Give the path of another.")
    assert program.good("search", "archival", "sting", "--agent", agent, "--json").json["results"] == []
    program.good("attach", source, "--agent", agent)
    (hit, *_) = program.good("search", "archival", "sting", "--agent", agent, "--json").json["results"]
    assert (hit["id"], hit["source"]) == ("p1", source)
    rows = {row["name"]: row for row in program.good("list", "sources", "--json").json}
    assert rows[source]["passages"] == 2 and rows[source]["agents"] == [agent]
    program.good("detach", source, "--agent", agent)
    assert program.good("search", "archival", "sting", "--agent", agent, "--json").json["results"] == []
    refused(program("attach", "no such source", "--agent", agent), 1, "no such source")
    program.good("delete", "source", source, "--yes")


def test_show(program: Program, agent: str, model: ModelServer) -> None:
    model.script(
        scripted.call("core_memory_append", heartbeat=True, name="human", content="Sings."), scripted.say("Nice.")
    )
    program.good("send", "--agent", agent, "I sing.")
    context = program.good("show", "context", "--agent", agent, "--json").json
    assert sum(section["tokens"] for section in context["sections"]) == context["total"] < context["window"]
    assert context["messages"][0]["role"] == "system" and "Sings." in context["messages"][0]["content"]
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    first = next(row["step"] for row in rows if row["role"] == "user")
    assert {"user", "assistant", "function_call", "function"} <= {row["role"] for row in rows}
    assert program.good("show", "messages", "--agent", agent, "--last", "1", "--json").json == rows[-1:]
    human = {block["label"]: block for block in program.good("show", "memory", "--agent", agent, "--json").json}[
        "human"
    ]
    assert human["characters"] == len(human["text"]) <= human["limit"] and "Sings." in human["text"]
    before = program.good("show", "memory", "--agent", agent, "--at", str(first), "--json").json
    assert all("Sings." not in block["text"] for block in before)
    (change,) = program.good("show", "history", "--agent", agent, "--json").json
    assert change["label"] == "human" and change["cause"] == "core_memory_append" and "Sings." not in change["before"]
    for what in ("context", "memory", "messages", "history"):
        assert program.good("show", what, "--agent", agent).out
    refused(program("show", "memory", "--agent", agent, "--at", "999999"), 1, "no step")


def test_what_was_sent_is_shown_byte_for_byte(program: Program, agent: str, model: ModelServer) -> None:
    program.good("send", "--agent", agent, "One")
    program.good("configure", "--agent", agent, "--set", "context_window=16384")
    program.good("send", "--agent", agent, "Two")
    sent = [request["messages"] for request in model.requests]
    calls = [place for place, request in enumerate(model.requests) if request.get("tools")]
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    steps = [row["step"] for row in rows if row["role"] == "assistant"]
    for step, place in zip(steps, calls, strict=True):
        shown = program.good("show", "context", "--agent", agent, "--at", str(step), "--json").json
        assert shown["messages"] == sent[place]
        assert sum(section["tokens"] for section in shown["sections"]) == shown["total"]


# --- forgetting and deleting ----------------------------------------------------------------------------------


def test_forgetting_leaves_no_byte(program: Program, agent: str, model: ModelServer) -> None:
    secret = 'Hunter2 "quoted" Zürich-Pass'
    model.script(scripted.call("archival_memory_insert", heartbeat=True, content=f"The word is {secret}."),
                 scripted.call("core_memory_append", heartbeat=True, name="human", content=f"Uses {secret}."),
                 scripted.say(f"I keep {secret}."))  # fmt: skip
    program.good("send", "--agent", agent, f"My password is {secret}, remember it.")
    program.good("send", "--agent", agent, "And so?")
    refused(program("forget", agent, "--text", "never said that"), 1)
    asked = program("forget", agent, "--text", secret)
    assert asked.status == 2 and "--yes" in asked.err and secret in asked.out
    program.good("forget", agent, "--text", secret, "--yes")
    shown = (
        program.good("show", "messages", "--agent", agent).out + program.good("show", "context", "--agent", agent).out
    )
    assert "Hunter2" not in shown and "remember it" in shown
    assert (
        program.good("search", "recall", "Hunter2", "--agent", agent, "--mode", "text", "--json").json["results"] == []
    )
    assert program.good("send", "--agent", agent, "Still there?").out == "You said: Still there?\n"
    program.good("engine", "stop")
    for path in program.home.agent_file(agent).parent.iterdir():
        data = path.read_bytes()
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], "Hunter2"):
            assert form.encode() not in data, (path, form)


def test_one_message_is_forgotten_by_its_id(program: Program, agent: str) -> None:
    program.good("send", "--agent", agent, "The code is Quartz-4411 today.")
    (hit, *_) = program.good("search", "recall", "Quartz-4411", "--agent", agent, "--mode", "text", "--json").json[
        "results"
    ]
    program.good("forget", agent, "--id", hit["id"], "--yes")
    left = program.good("search", "recall", "Quartz-4411", "--agent", agent, "--mode", "text", "--json").json["results"]
    assert hit["id"] not in [row["id"] for row in left]
    refused(program("forget", agent, "--id", "m999999", "--yes"), 1)


def test_all_that_a_passage_ever_said_is_forgotten_by_its_id_and_no_word_beside_it(
    program: Program, agent: str
) -> None:
    kept = "The book is a token of okra, ok."
    program.good("send", "--agent", agent, kept)
    program.good("send", "--agent", agent, "ok")
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    short = next(row["step"] for row in rows if row["text"] == "ok")
    program.good("passage", "add", "--agent", agent, "--text", "the password is hunter2", "--tags", "quentin")
    (hit,) = program.good("search", "archival", "password", "--agent", agent, "--mode", "text", "--json").json[
        "results"
    ]
    for text in ("the password is swordfish9", "the password is walrus7"):
        program.good("passage", "edit", hit["id"], "--agent", agent, "--text", text, "--yes")
    asked = program("forget", agent, "--id", hit["id"]).out
    assert all(word in asked for word in ("hunter2", "swordfish9", "walrus7"))
    program.good("forget", agent, "--id", hit["id"], "--yes")
    refused(program("forget", agent, "--id", hit["id"], "--yes"), 1, "Nothing like that")
    program.good("forget", agent, "--id", f"m{short}", "--yes")
    program.good("forget", agent, "--text", "quentin", "--yes")
    texts = [row["text"] for row in program.good("show", "messages", "--agent", agent, "--json").json]
    assert kept in texts and "ok" not in texts and f"You said: {kept}" in texts
    assert program.good("send", "--agent", agent, "And now?").out == "You said: And now?\n"
    program.good("engine", "stop")
    data = program.home.agent_file(agent).read_bytes()
    assert not [word for word in (b"hunter2", b"swordfish9", b"walrus7", b"quentin") if word in data]


def test_words_of_ours_are_no_words_of_a_message(program: Program, agent: str) -> None:
    """What the journal keeps for itself in the same words stays, and the agent goes on."""
    for word in ("OK", "too", "tool", "user", "human", "done", "on", agent):
        program.good("send", "--agent", agent, word)
        program.good("forget", agent, "--text", word, "--yes")
    assert program.good("send", "--agent", agent, "And now?").out == "You said: And now?\n"
    program.good("engine", "stop")
    rows = program.good("show", "messages", "--agent", agent, "--json").json
    assert rows[-1]["text"] == "You said: And now?" and "OK" not in [row["text"] for row in rows]


def test_delete_asks_first(program: Program, agent: str) -> None:
    refused(program("delete", "agent", agent), 2, "--yes")
    program.good("delete", "agent", agent, "--yes")
    assert not program.home.agent_file(agent).parent.exists()
    refused(program("delete", "agent", agent, "--yes"), 1, "There is no agent")


def test_a_damaged_file_is_one_line_and_stays(program: Program, agent_name: str) -> None:
    path = program.home.agents / agent_name / "memory.duckdb"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"this is no database" * 1000)
    refused(program("send", "--agent", agent_name, "Hi"), 1, "memory.duckdb")
    assert path.read_bytes() == b"this is no database" * 1000
    rows = {row["name"]: row for row in program.good("list", "agents", "--json").json}
    assert "error" in rows[agent_name]


def test_doctor_says_what_is_wrong_and_how_to_mend_it(fresh_home: Home) -> None:
    program = Program(fresh_home)
    program.good("configure", "--set", "model=together_ai/any")
    fresh_home.credentials.write_text('TOGETHERAI_API_KEY = "sk-of-a-file"')
    fresh_home.credentials.chmod(0o600)
    done = program("doctor", "--json", timeout=170)
    assert done.status == 0 and "sk-of-a-file" not in done.out, done.out
    assert all(set(row) == {"check", "ok", "found", "mend"} for row in done.json)
    fresh_home.config.write_text('model = "gpt-4o"\nkeys = { bogus = "f3", help = "ctrl+o" }')
    fresh_home.config.chmod(0o600)
    done = program("doctor", "--json", timeout=170, OPENAI_API_KEY="", OPENAI_LOG="debug")
    bad = [row for row in done.json if not row["ok"]]
    assert [row["check"] for row in bad] == ["keys", "keys", "model"]
    assert "no key action 'bogus'" in bad[0]["found"] and "taken by keys.drawer" in bad[1]["found"]
    assert bad[2]["mend"] == "export OPENAI_API_KEY=…"
    fresh_home.config.write_text("theme = 3")
    fresh_home.path.chmod(0o755)
    (damaged := fresh_home.agents / "ada" / "memory.duckdb").parent.mkdir()
    damaged.write_bytes(b"x" * 5000)
    done = program("doctor", "--json", timeout=170)
    wrong = {row["check"]: row["mend"] for row in done.json if not row["ok"]}
    assert done.status == 1 and {"home", "config.toml", "agent ada"} <= set(wrong) and all(wrong.values())


# --- start-up discipline --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["folder"], ["list", "personas"], ["engine", "status"]])
def test_light_commands_load_nothing_heavy(program: Program, arguments: list[str]) -> None:
    code = (
        "import sys; from tui.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True,
                          env=program.environment())  # fmt: skip
    loaded = done.stderr.rpartition("LOADED")[2].split()
    heavy = [name for name in HEAVY if name in loaded]
    assert heavy in ([], ["asyncio"] if arguments[0] == "engine" else [])


def test_the_screen_and_the_client_never_load_the_engine(program: Program) -> None:
    code = (
        "import sys, tui.app, tui.cli.plain, tui.cli.send, tui.screens.help, tui.screens.inspector, memgpt.client\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"core", "litellm", "duckdb", "torch", "sentence_transformers", "numpy"}
    code = "import sys, core.engine\nprint(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"litellm", "torch", "sentence_transformers", "textual", "tui"}


def test_a_users_own_core_is_no_trouble(program: Program, agent: str, tmp_path: Path) -> None:
    """Our processes never look into the folder that they are started in."""
    for name in ("core", "tui"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')")
    executable = Path(sys.executable).with_name("memgpt")
    program.good("engine", "stop")
    done = subprocess.run([executable, "send", "--agent", agent, "Hi"], cwd=tmp_path, capture_output=True, text=True,
                          env=program.environment(), stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "You said: Hi\n"), done.stderr
    code = f"import core_of_mine as core, memgpt; c = memgpt.MemGPT(); print(c.user_message({agent!r}, 'Hi')[-1]['assistant_message'])"
    (tmp_path / "core_of_mine.py").write_text("x = 1")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env={**program.environment(), "PYTHONPATH": ""}, check=False)  # fmt: skip
    assert done.stdout == "You said: Hi\n", done.stderr


def test_a_closed_pipe_is_no_traceback(program: Program) -> None:
    command = " ".join(program.command("list", "functions", "--json"))
    done = subprocess.run(["bash", "-c", f"{command} | head -c 5"], capture_output=True, text=True, check=False,
                          env={**os.environ, **program.environment()})  # fmt: skip
    assert "Traceback" not in done.stderr and done.stdout == "[\n  {"


def test_what_a_shell_has_closed_is_no_traceback(program: Program) -> None:
    def run(line: str, *given: str) -> subprocess.CompletedProcess[str]:
        command = " ".join(program.command(*given))
        return subprocess.run(["bash", "-c", f"{command} {line}"], capture_output=True, text=True, check=False,
                              env={**os.environ, **program.environment()})  # fmt: skip

    done = run("<&-", "send", "--agent", "s")
    assert done.returncode == 2 and done.stderr.startswith("memgpt: There is no message to send.")
    done = run("2>&-", "show", "memory", "--agent", "nobody")
    assert done.returncode == 1 and done.stdout == ""
    if Path("/dev/full").exists():
        done = run(">/dev/full", "list", "themes")
        assert done.returncode == 1 and "No space left" in done.stderr and "Errno" not in done.stderr


# --- what is refused, and what becomes of it ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "word"),
    [("theme=nosuch", "dark"), ("persona=nosuch", "sam_pov"), ("human=nosuch", "basic"), ("keys.bogus=x", "docs/keyboard.md"), ("keys.drawr=x", "drawer"),
     ("keys.stop=notakey", "ctrl+o"), ("keys.help=f1,enter", "modifier"), ("keys.help=ctrl+o", "keys.drawer"),
     ("model=", "builtin")],
)  # fmt: skip
def test_settings_that_mean_nothing_are_not_written(tmp_path: Path, setting: str, word: str) -> None:
    program = Program(Home(tmp_path / "home"))
    refused(program("configure", "--set", "theme=light", "--set", setting), 2, word)
    assert not program.home.config.exists()


def test_keys_that_mean_something_are(tmp_path: Path) -> None:
    program = Program(Home(tmp_path / "home"))
    program.good("configure", "--set", "keys.drawer=f3", "--set", "keys.help=f1,ctrl+o")


def test_models_that_there_are_not(program: Program, agent: str, agent_name: str) -> None:
    new = f"{agent_name}x"
    refused(program("send", "--agent", new, "--create", "--model", "nosuchprovider/xx", "Hi"), 2, "no model provider")
    refused(program("send", "--agent", new, "--create", "--model", "", "Hi"), 2, "model must be a name")
    assert new not in [row["name"] for row in program.good("list", "agents", "--json").json]
    refused(program("send", "--agent", agent, "--model", "nosuchprovider/xx", "Hi"), 2, "no model provider")


def test_homes_that_cannot_be_made() -> None:
    program = Program(Home(Path("/proc/x")))
    for arguments in (("send", "Hi"), ("configure", "--set", "theme=dark"), ("run", "--plain")):
        refused(program(*arguments, text=""), 1, "/proc/x", "MEMGPT_HOME")


def test_a_message_that_is_too_long_is_told_before_it_is_sent(program: Program, agent: str) -> None:
    refused(program("send", "--agent", agent, text="x" * 20_000_000), 2, "20.0 MB", "16 MB", "load file")


def test_an_answer_that_begins_again_leaves_nothing_void_on_stdout(
    program: Program, agent: str, model: ModelServer
) -> None:
    model.script(scripted.drop("two words and more of them", after=6), scripted.say("whole now"))
    done = program.good("send", "--agent", agent, "--stream", "Hi")
    assert done.out == "whole now\n"


def test_forgetting_reaches_what_was_typed(program: Program, agent: str) -> None:
    program.good("send", "--agent", agent, "My pin is 4711-QQ.")
    front, writing = program.home.front, program.home.path / "writing.999999999.json"
    front.write_text(json.dumps({"history": ["kept", "My pin is 4711-QQ.", "/recall 4711-QQ"]}))
    sent = [[1.0, "4711-QQ again"], [2.0, "kept too"]]
    writing.write_text(json.dumps({agent: {"text": "of 4711-QQ", "sent": sent}}))
    done = program.good("forget", agent, "--text", "4711-QQ", "--yes")
    assert "the prompt's history: /recall 4711-QQ" in done.out
    assert "4711-QQ" not in front.read_text() + writing.read_text()
    assert "kept" in front.read_text() and "kept too" in writing.read_text()
    writing.unlink()


def test_plain_lines_wait_for_the_model(program: Program, agent_name: str, model: ModelServer) -> None:
    given = ("run", "--plain", "--agent", f"{agent_name}p", "--model", "openai/scripted", "--model-endpoint", model.url)
    done = program.good(*given, text="hello\n/pop\n")
    assert done.out.count(f"{agent_name}p: ") == 1 and "Took back" in done.out and "Esc" not in done.out, done.out


def test_plain_names_what_is_wrong_with_a_command(program: Program, agent_name: str, model: ModelServer) -> None:
    """What has no place there, what needs an argument, and what is no step; nothing is made and nothing asked."""
    given = ("run", "--plain", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url)
    front = [command.name for command in COMMANDS if command.where == "front" and command.name != "exit"]
    wrong = {
        "/load": "/load needs PATH [NAME].", "/detach": "/detach needs SOURCE.", "/rename": "/rename needs NAME.",
        "/context 99999": "There is no step 99999.", "/context abc": "'abc' is not a step.",
        "/context -1": "'-1' is not a step.", "/fork y at abc": "'abc' is not a step.",
        "/fork at": "A step has to follow `at`.", "/fork y at 0": "'0' is not a step.",
        "/systemswap /nope": "/nope cannot be read: No such file or directory.",
        "/delete nobody": "There is no agent 'nobody'.", "/go 99999": "Nothing was said from 99999 on.",
        "/go soon": "'soon' is not a day.", "/keys drawer": "Keys are the full screen's.",
        "/theme nosuch": "There is no theme 'nosuch'.", "/browse": "/browse needs the full screen. Here /recall",
        "/tour": "/tour needs the full screen. `memgpt run --tour`", "/copy 99": "There is no such answer here.",
    }  # fmt: skip
    before = program.home.agent_names()
    done = program.good(
        *given, text="\n".join((*wrong, *(f"/{name}" for name in front if name not in ("fork", "archive"))))
    )
    assert [words for words in wrong.values() if words not in done.out] == []
    assert "Unknown command" not in done.out and "Errno" not in done.out and "[y/N]" not in done.out, done.out
    assert set(program.home.agent_names()) - set(before) <= {agent_name}
    program.good(*given, text="hello\n")
    steps = program.good("show", "messages", "--agent", agent_name, "--json").json
    then = program.good(*given, text=f"/context {steps[-1]['step']}\n")
    assert "total: " in then.out


def test_plain_does_in_lines_what_the_screen_does(program: Program, agent_name: str, model: ModelServer) -> None:
    given = ("run", "--plain", "--agent", agent_name, "--model", "openai/scripted", "--model-endpoint", model.url)
    program.home.front.write_text(json.dumps({"history": ["kept", "/recall 4711-QQ"]}))
    lines = (
        "My pin is 4711-QQ.", "/copy", "/forget 4711-QQ", "n", "/forget 4711-QQ", "y", "/edit", "I have no pin.",
        "/theme light", "/theme", "/theme dark", "/keys", "/go 1", "/new", f"{agent_name}n", f"/new {agent_name}n",
    )  # fmt: skip
    done = program(*given, text="\n".join((*lines, "")), SSH_TTY="no clipboard of this desktop")
    assert done.status == 0, done.err
    told = [
        f"{len('You said: My pin is 4711-QQ.')} characters", ": My pin is 4711-QQ.", "the prompt's history: /recall 4711-QQ",
        "Erase '4711-QQ' for good, everywhere? [y/N]", "Nothing was erased.", "Erased.", "you: My pin is [forgotten].",
        "Write it anew", "You said: I have no pin.", "light, now", "Ctrl+O: open and close the memory panes (keys.drawer)",
        f"{agent_name}n on builtin.", "There is already an agent",
    ]  # fmt: skip
    assert [words for words in told if words not in done.out] == [], done.out
    assert done.out.count("you: I have no pin.") == 2, "when it was sent, and when it was read again"
    texts = [row["text"] for row in program.good("show", "messages", "--agent", agent_name, "--json").json]
    assert "I have no pin." in texts and not [text for text in texts if "pin is" in text]
    front = program.home.front.read_text()
    assert "4711-QQ" not in front and "kept" in front


def test_plain_hears_the_word_that_a_call_waits_for(program: Program, agent: str, model: ModelServer) -> None:
    program.good("configure", "--agent", agent, "--set", "approve=memory")
    for number in (1, 2):
        model.script(
            scripted.call("archival_memory_insert", heartbeat=True, content=f"Kept {number}."), scripted.say("Done.")
        )
    lines = ("Keep it.", "/pop", "/allow", "Keep more.", "/deny not now", "/cost")
    out = program.good("run", "--plain", "--agent", agent, text="\n".join((*lines, ""))).out
    assert "A call waits for your word. /allow lets it" in out and out.count(f"{agent}: Done.") == 2, out
    found = program.good("search", "archival", "Kept", "--agent", agent, "--mode", "text", "--json").json["results"]
    assert [hit["text"] for hit in found] == ["Kept 1."]


def test_plain_tells_of_a_try_in_sentences() -> None:
    event = screens.event(19, "retry", attempt=1, of=4, wait_s=1.1, reason="The server cannot be reached.")
    assert spoken(event, "ada") == "The server cannot be reached. Try 1 of 4 in 1 s"
    assert spoken({**event, "attempt": 0}, "ada") == "The server cannot be reached. Waiting 1 s"
