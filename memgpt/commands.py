"""The one table of slash commands. Prompt, palette, help, documentation and the engine all read it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from memgpt.home import UserError
from memgpt.paths import absolute, names_something


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command.

    `where` says who carries it out: the agent's `session`, or the `front` end that it was typed in.
    `busy` says whether it may run while the model works. `confirm` marks those that ask before they act.
    """

    name: str
    arguments: str
    help: str
    where: str = "session"
    busy: bool = False
    aliases: tuple[str, ...] = ()
    confirm: bool = False

    @property
    def usage(self) -> str:
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def needs_argument(self) -> bool:
        return bool(self.arguments) and not self.arguments.startswith("[")


COMMANDS: tuple[Command, ...] = (
    Command("exit", "", "leave; everything is already saved", "front", busy=True, aliases=("quit",)),
    Command("save", "[NAME]", "write a checkpoint to come back to", busy=True, aliases=("savechat",)),
    Command("restore", "NAME", "return to a checkpoint", confirm=True),
    Command("attach", "[SOURCE]", "give this agent a loaded source to search", busy=True),
    Command("dump", "[N]", "the last N messages of main context", busy=True),
    Command("dumpraw", "[N]", "the same as the JSON that the model is sent", busy=True),
    Command("memory", "", "core memory as it stands", busy=True),
    Command("cost", "", "what the last turn, this session and the agent have cost", busy=True),
    Command("model", "[NAME]", "show or change the model"),
    Command("budget", "[go|turn USD|day USD]", "what models have cost and may cost; go lets a stopped turn go on"),
    Command("allow", "", "let the call run that waits for your word (setting approve)", busy=True),
    Command("deny", "[WHY]", "keep that call from running; the model is told why", busy=True),
    Command("pop", "[N]", "undo the last N messages of main context, with what they did to memory"),
    Command("retry", "", "take the last answer back and ask again"),
    Command("alternative", "[N|next|previous]", "the other answers that were given here, and going on from one"),
    Command("rethink", "TEXT", "replace the last inner monologue"),
    Command("rewrite", "TEXT", "replace the last answer"),
    Command("heartbeat", "", "send a heartbeat event"),
    Command("memorywarning", "", "send a memory-pressure event"),
    Command("summarize", "", "evict and summarise now", aliases=("summarise",)),
    Command("systemswap", "FILE", "replace the system instructions", confirm=True),
    Command("undo", "", "take back the newest change of memory"),
    Command("redo", "", "make the change of memory that was taken back again"),
    Command(
        "recall", "QUERY", "search recall storage, as the agent would; roles: start: end: mode: narrow it", busy=True
    ),
    Command("archival", "QUERY", "search archival storage; source: tags: start: end: mode: narrow it", busy=True),
    Command(
        "why", "TEXT", "why it believes that: the words that made a line of memory, and where it was used", busy=True
    ),
    Command(
        "passage", "add TEXT | edit ID TEXT | tag ID TAGS | delete ID", "change archival memory by hand", confirm=True
    ),
    Command("persona", "[TEXT]", "edit who the agent is, in place", busy=True),
    Command("human", "[TEXT]", "edit what it knows of you, in place", busy=True),
    Command(
        "browse",
        "[recall|archival|SOURCE|all agents]",
        "look through and search all memory, of all agents too",
        "front",
        busy=True,
    ),
    Command("context", "[STEP]", "every block that the model is sent, with its tokens", "front", busy=True),
    Command(
        "go",
        "[DAY|STEP]",
        "read the conversation from a day on, such as 2026-03-14; alone: back to now",
        "front",
        busy=True,
    ),
    Command("agents", "[NAME]", "the agents: go to one, make, rename, fork, archive, delete", "front", busy=True),
    Command("new", "[NAME]", "start a new agent", "front", busy=True),
    Command("rename", "NAME", "give this agent another name", "front"),
    Command("fork", "[NAME] [at STEP]", "a copy of this agent that goes its own way, from here or any step", "front"),
    Command("archive", "[AGENT]", "put an agent away, or take it out again", "front", busy=True),
    Command(
        "delete",
        "AGENT",
        "delete another agent, after asking; the list of agents can bring it back",
        "front",
        busy=True,
    ),
    Command(
        "copy",
        "[N|code|all]",
        "copy the last answer, the Nth from the end, its code, or the conversation",
        "front",
        busy=True,
    ),
    Command(
        "edit", "[N]", "write your last message anew (or the Nth from the end), and send it again from there", "front"
    ),
    Command("queue", "", "what waits for the model: change it, take it back", "front", busy=True),
    Command("export", "FILE", "this agent as one portable file", "front", busy=True),
    Command("import", "FILE [NAME]", "an agent from such a file, or messages from JSONL", "front", busy=True),
    Command("embedding", "[pause|resume]", "how many documents have their vectors", busy=True),
    Command("forget", "TEXT", "erase for good, everywhere, after showing what would go", confirm=True),
    Command("load", "PATH [NAME]", "load a file or folder as a source, in the background, and attach it", busy=True),
    Command("sources", "", "the sources that are loaded, and those attached", busy=True),
    Command("detach", "SOURCE", "take a source away from this agent", busy=True),
    Command("theme", "[NAME]", "show or change the colours", "front", busy=True),
    Command("keys", "[ACTION]", "every key and what it does, or carry one out", "front", busy=True),
    Command("log", "[N]", "the last lines of the program's own log", "front", busy=True),
    Command(
        "tour", "", "a guided tour: two minutes of how memory works, on a conversation of its own", "front", busy=True
    ),
    Command("help", "", "keys and commands", "front", busy=True),
)


def find(word: str) -> Command | None:
    """The command of that name or alias, without case and with or without its slash."""
    wanted = word.lower().removeprefix("/")
    return next((command for command in COMMANDS if wanted == command.name or wanted in command.aliases), None)


LONGEST_STEP = 18  # digits
READING = ("dump", "dumpraw", "memory", "recall", "archival", "why", "sources", "cost")
READING_ALONE = ("model", "embedding")  # with an argument they change something
LOOKING = (
    "exit",
    "help",
    "context",
    "theme",
    "copy",
    "keys",
    "log",
    "browse",
    "agents",
    "export",
    "go",
)  # of front ends


def only_looks(word: str, argument: str = "") -> bool:
    """Whether a command changes nothing, whoever carries it out: a screen that looks on offers it, and no other."""
    command = find(word)
    return command is not None and (command.name in LOOKING or only_reads(word, argument))


def only_reads(word: str, argument: str) -> bool:
    """Whether a command of the session changes nothing: whoever looks on may use it."""
    command = find(word)
    return command is not None and (command.name in READING or (command.name in READING_ALONE and not argument))


def may_be_command(text: str) -> bool:
    """Whether a text is the beginning of a command's name, no argument yet."""
    return text.startswith("/") and " " not in text and "\n" not in text


def unknown(word: str) -> str:
    """The one line that answers a command that does not exist, with the nearest that does."""
    from rapidfuzz import fuzz, process

    name = word.lower().removeprefix("/")
    found = process.extractOne(name, [command.name for command in COMMANDS], scorer=fuzz.WRatio, score_cutoff=50)
    nearest = f" Did you mean /{found[0]}?" if found else " /help lists them all."
    return f"Unknown command: /{name}.{nearest}"


def parse(line: str) -> tuple[str, str]:
    """A typed line as its command word (without the slash) and the rest."""
    word, _, rest = line.strip().removeprefix("/").partition(" ")
    return word, rest.strip()


def located(line: str) -> str:
    """A typed line with the path in it made absolute: only the front end knows in which folder its user is.

    Raises:
        UserError: the path is empty.
    """
    word, argument = parse(line)
    command = find(word)
    if command is None or not argument:
        return line
    if command.name in ("systemswap", "export"):
        return f"/{word} {absolute(argument)}"
    if command.name == "load":
        path, name = load_argument(argument)
        return f"/{word} {shlex.quote(str(absolute(path)))} {name}".rstrip()
    return line


def fork_argument(argument: str) -> tuple[str, int | None]:
    """The name, which may be empty, and the step of `/fork [NAME] [at STEP]`.

    Raises:
        UserError: what stands after `at` is no step.
    """
    words = argument.split()
    last = [word.lower() for word in words[-2:]]
    if last[-1:] == ["at"]:
        raise UserError("A step has to follow `at`.", "Write /fork NAME at STEP, or /fork NAME.")
    if last[:-1] == ["at"]:
        return " ".join(words[:-2]), step_of(words[-1])
    return argument, None


def step_of(text: str) -> int:
    """A step as it is written.

    Raises:
        UserError: it is none.
    """
    if not text.isdecimal() or len(text) > LONGEST_STEP or not int(text):
        raise UserError(f"{text!r} is not a step.", "Steps are numbers from 1 on.")
    return int(text)


def load_argument(argument: str) -> tuple[str, str]:
    """The path and the name, which may be empty, of `/load`. A path may be quoted; one with gaps need not be where it
    exists."""
    if argument[0] in "\"'":
        try:
            path, *words = shlex.split(argument)
            return path, " ".join(words)
        except ValueError:  # an apostrophe that belongs to the name
            return argument, ""
    path, _, name = argument.rpartition(" ")
    whole = names_something(argument) or not names_something(path)
    return (argument, "") if whole or not path else (path.strip(), name)
