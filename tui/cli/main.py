"""The command line: one table of commands, each in a module of its own that is imported when it is run."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Any

USAGE, INTERRUPTED, FAILED = 2, 130, 1


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        print(f"{self.prog}: {message}. See {self.prog} --help.", file=sys.stderr)
        raise SystemExit(USAGE)


class CommandParser(Parser):
    """Takes options anywhere among a command's arguments; argparse by itself takes none before one that may be left out."""

    _intermixed = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._intermixed:  # asked by the method below
            return self._parse_a_part(args, namespace)
        self._intermixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixed = False

    def _parse_a_part(self, args: list[str], namespace: Any) -> Any:
        """Options first, then what they leave. Python 3.11 loses the `--` between the two, and what stands behind it would
        be read as options."""
        arguments = self._get_positional_actions()
        for_options = arguments and all(action.nargs == argparse.SUPPRESS for action in arguments)
        before, words = _parted(args) if for_options else (args, [])
        found, left = super().parse_known_args(before, namespace)
        return found, [*left, *words]


def _parted(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What may hold options, and the words from `--` on."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:end], arguments[end:]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; its exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    _open_what_is_closed()
    given = list(sys.argv[1:] if arguments is None else arguments)
    before, words = _parted(given)
    debug = "--debug" in before
    given = [*(argument for argument in before if argument != "--debug"), *words]
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "run")
    options = parser(given[0]).parse_args(given)
    from memgpt.home import UserError
    from tui.text import inert

    try:
        module = import_module(f"tui.cli.{options.module}")
        return int(module.run(options) or 0)
    except UserError as error:
        if debug:
            raise
        print(f"memgpt: {inert(str(error))}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else "reading or writing: "
        print(f"memgpt: {inert(f'{where}{error.strerror or error}')}. With --debug it shows where.", file=sys.stderr)
        return FAILED
    except Exception as error:
        if debug:
            raise
        told = inert(f"{type(error).__name__}: {error}")
        print(f"memgpt: {told}. With --debug it shows where.", file=sys.stderr)
        return FAILED


def _open_what_is_closed() -> None:
    """Where a shell has closed one of them, nothing is read, and what is written is nobody's; no file takes its number."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open


def parser(word: str = "") -> Parser:
    """All commands; where the first word is one of those that somebody waits for, these alone: all take 10 ms to describe."""
    root = Parser(
        "memgpt", description="A language model that manages its own memory, and a screen that shows it doing so."
    )
    root.add_argument("--version", action="store_const", const="version", dest="module", help="the version")
    commands = root.add_subparsers(metavar="COMMAND", dest="command", parser_class=CommandParser)
    rest = (_settings, _things, _files_in, _memory, _past, _machine)
    for build in (_talk, *(() if word in ("run", "send") else rest)):
        build(commands)
    return root


Commands = argparse._SubParsersAction  # the type has no public name


def _new(commands: Commands[CommandParser], name: str, module: str, text: str) -> Parser:
    made = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    made.set_defaults(module=module)
    made.add_argument("--debug", action="store_true", help="show a traceback if it fails")
    return made


def _model_options(made: Parser) -> None:
    made.add_argument("--model", metavar="M", help="any litellm name, builtin, or gguf:FILE")
    made.add_argument("--model-endpoint", metavar="URL", help="the base URL of a server of your own")
    made.add_argument("--context-window", type=_positive, metavar="N", help="tokens")


def _talk(commands: Commands[CommandParser]) -> None:
    run = _new(commands, "run", "run", "open the app on an agent")
    run.add_argument("--agent", metavar="NAME", help="made if there is none; without it the last one used")
    run.add_argument("--persona", metavar="P", help="who a new agent is")
    run.add_argument("--human", metavar="H", help="what a new agent knows of you")
    _model_options(run)
    run.add_argument("--theme", metavar="T", help="the colours")
    for flag, text in (
        ("--low-bandwidth", "paint less, for slow lines"),
        ("--no-mouse", "leave the mouse to the terminal"),
        ("--read-only", "look on without taking part"),
        ("--plain", "line by line, for screen readers and dumb terminals"),
        ("--first", "you speak first: no greeting"),
        ("--tour", "begin with the guided tour"),
    ):
        run.add_argument(flag, action="store_true", help=text)
    run.add_argument("-y", "--yes", action="store_true", help="skip the set-up")
    send = _new(commands, "send", "send", "one turn without a screen")
    told = "the message, behind `--` if it begins with a dash; - or a pipe reads it from stdin"
    send.add_argument("text", nargs="?", metavar="TEXT|-", help=told)
    send.add_argument("--agent", metavar="NAME", help="without it the last one used")
    send.add_argument("--create", action="store_true", help="make the agent if there is none")
    _model_options(send)
    send.add_argument("--json", action="store_true", help="the turn's events, one JSON object a line")
    send.add_argument("--stream", action="store_true", help="text as it arrives: on a terminal, and with --json")
    send.add_argument("--lines", action="store_true", help="each line of stdin is a turn of its own")


def _settings(commands: Commands[CommandParser]) -> None:
    configure = _new(commands, "configure", "configure", "change settings")
    configure.add_argument(
        "--set", action="append", metavar="KEY=VALUE", default=[], help="change one, without questions"
    )
    configure.add_argument("--agent", metavar="A", help="that agent's own settings")
    quick = _new(commands, "quickstart", "quickstart", "one-step configuration")
    quick.add_argument(
        "--backend", choices=("openai", "local", "builtin"), required=True, help="where models come from"
    )


def _things(commands: Commands[CommandParser]) -> None:
    listing = _new(commands, "list", "listing", "what there is")
    kinds = ("agents", "personas", "humans", "sources", "functions", "models", "themes")
    listing.add_argument("kind", choices=kinds, help="of what")
    listing.add_argument("--json", action="store_true", help="for programs")
    add = _new(commands, "add", "things", "add or replace a persona or human")
    add.add_argument("kind", choices=("persona", "human"), help="what it is: who an agent is, or whom it talks to")
    add.add_argument("name", help="one of yours of that name is replaced")
    given = add.add_mutually_exclusive_group(required=True)
    given.add_argument("--file", metavar="F", help="its text, from a file")
    given.add_argument("--text", metavar="T", help="its text")
    delete = _new(commands, "delete", "things", "delete something, after asking")
    delete.add_argument("kind", choices=("agent", "source", "persona", "human"), help="what it is")
    delete.add_argument("name", help="which one; `memgpt list` shows them")
    delete.add_argument("--yes", action="store_true", help="do not ask")


def _files_in(commands: Commands[CommandParser]) -> None:
    load = _new(commands, "load", "files", "make or extend a source")
    load.add_argument("kind", choices=("directory", "file", "jsonl"), help="what PATH is")
    load.add_argument("name", help="the source: made if there is none, else extended")
    load.add_argument("path", help="what is there already and unchanged is skipped")
    load.add_argument("--extensions", metavar=".md,.txt", help="of a folder, only files with these endings")
    load.add_argument("--recursive", action="store_true", help="of a folder, its subfolders too")
    for name, text in (("attach", "give an agent a source to search"), ("detach", "take a source away from an agent")):
        made = _new(commands, name, "files", text)
        made.add_argument("name", help="the source; `memgpt list sources` shows them")
        made.add_argument("--agent", metavar="A", required=True, help="whose memory")
    bring = _new(commands, "import", "files", "put a conversation into recall storage, or bring in an exported agent")
    bring.add_argument("kind", choices=("messages", "agent"), help="what is brought in")
    bring.add_argument("path", help="a JSONL file, one message a line; or what `memgpt export` wrote")
    bring.add_argument("--agent", metavar="A", help="of messages: whose they are to be; made if there is none")
    bring.add_argument("--name", metavar="B", help="of an agent: what it is to be called here")
    bring.add_argument("--no-embed", action="store_true", help="leave the vectors to the background")


def _memory(commands: Commands[CommandParser]) -> None:
    search = _new(commands, "search", "search", "what the agent's own search functions would find")
    search.add_argument("kind", choices=("recall", "archival"), help="the conversation, or passages and sources")
    search.add_argument("query", nargs="?", help="what to look for")
    search.add_argument("--agent", metavar="A", required=True, help="whose memory")
    search.add_argument("--limit", type=_positive, default=10, help="results on a page; 10")
    search.add_argument("--page", type=_natural, default=0, help="counted from 0")
    search.add_argument("--mode", choices=("hybrid", "vector", "text"), default="hybrid", help="how")
    search.add_argument("--roles", metavar="R,R", help="only messages of these roles")
    search.add_argument("--source", metavar="S", help="only this source; archival for the agent's own passages")
    search.add_argument("--tags", metavar="T,T", help="only passages that have all of these")
    search.add_argument("--start", metavar="DAY", help="from that day or span on, as 2026-11 or 'last week'")
    search.add_argument("--end", metavar="DAY", help="to the end of that day or span")
    search.add_argument("--explain", action="store_true", help="why each was found: its ranks by words and by vector")
    search.add_argument(
        "--since", metavar="T", help="from that time on, as 2026-11-24, in the agent's zone unless it says another"
    )
    search.add_argument("--until", metavar="T", help="before that time")
    search.add_argument("--queries", metavar="FILE.jsonl", help="many queries in one process")
    search.add_argument("--json", action="store_true", help="for programs")
    passage = _new(commands, "passage", "passage", "change archival memory by hand")
    passage.add_argument("action", choices=("add", "edit", "tag", "delete"), help="what is to become of it")
    passage.add_argument("id", nargs="?", help="which passage, save for add; a search gives its id")
    passage.add_argument("--agent", metavar="A", required=True, help="whose memory")
    passage.add_argument("--text", metavar="T", help="its words, for add and edit")
    passage.add_argument("--tags", metavar="T,T", help="what it is filed under, for add and tag")
    passage.add_argument("--yes", action="store_true", help="do not ask")
    show = _new(commands, "show", "show", "what the model is sent, core memory, the log, every change of memory")
    show.add_argument("what", choices=("context", "timeline", "memory", "messages", "history"), help="of the five")
    show.add_argument("--agent", metavar="A", required=True, help="whose memory")
    show.add_argument("--at", type=_natural, metavar="STEP", help="as it stood then")
    show.add_argument("--diff", type=_natural, metavar="STEP", help="of context: what is different from that step")
    show.add_argument("--last", type=_positive, metavar="N", help="only the last ones")
    show.add_argument("--json", action="store_true", help="for programs")
    forget = _new(commands, "forget", "forget", "erase for good, after showing what would go")
    forget.add_argument("agent", metavar="A", help="whose memory")
    given = forget.add_mutually_exclusive_group(required=True)
    given.add_argument("--id", help="one message or passage, by its id")
    given.add_argument("--text", help="these words, wherever they stand")
    forget.add_argument("--yes", action="store_true", help="do not ask")


def _past(commands: Commands[CommandParser]) -> None:
    fork = _new(commands, "fork", "past", "a copy of an agent that goes its own way, from any step")
    fork.add_argument("agent", metavar="A", help="of which")
    fork.add_argument("name", metavar="NAME", nargs="?", help="what it is to be called; without it `A fork`")
    fork.add_argument("--at", type=_positive, metavar="STEP", help="from that step; without it from where A is")
    why = _new(
        commands, "why", "past", "why it believes something: the words that made it, the answers it was used for"
    )
    why.add_argument("agent", metavar="A", help="whose memory")
    about = why.add_mutually_exclusive_group(required=True)
    about.add_argument("--line", metavar="TEXT", help="a line of core memory, or part of one")
    about.add_argument("--passage", metavar="ID", help="a passage of archival memory, or a message")
    why.add_argument("--block", metavar="LABEL", help="the block that the line stands in")
    why.add_argument("--json", action="store_true", help="for programs")
    replay = _new(commands, "replay", "past", "what it would have said with another model or memory, into a fork")
    replay.add_argument("agent", metavar="A", help="which conversation")
    replay.add_argument(
        "--from", type=_positive, metavar="STEP", dest="start", required=True, help="from that message on"
    )
    _model_options(replay)
    replay.add_argument("--edit", action="append", metavar="LABEL=TEXT", default=[], help="with a block in other words")
    replay.add_argument("--without", action="append", metavar="ID", default=[], help="without a passage or message")
    replay.add_argument("--turns", type=_positive, metavar="N", help="only so many; without it all to the end")
    replay.add_argument("--json", action="store_true", help="for programs")
    export = _new(commands, "export", "past", "an agent as one portable file; FILE.md and FILE.json: its conversation")
    export.add_argument("agent", metavar="A", help="which one")
    export.add_argument("path", metavar="FILE", help="replaced where it is there")


def _machine(commands: Commands[CommandParser]) -> None:
    engine = _new(commands, "engine", "engine", "the engine of this home")
    engine.add_argument("action", choices=("status", "stop"), help="look at it, or end it when its turns are done")
    engine.add_argument("--now", action="store_true", help="interrupt its turns")
    engine.add_argument("--json", action="store_true", help="for programs")
    doctor = _new(commands, "doctor", "doctor", "check everything, and say how to mend it")
    doctor.add_argument("--json", action="store_true", help="for programs")
    completion = _new(commands, "completion", "completion", "the script that completes commands in a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which")
    _new(commands, "version", "version", "the version")
    _new(commands, "folder", "folder", "the home's path")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)
