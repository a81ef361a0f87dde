"""Conversations that try to break paging: giant messages and results, many tools, any script, windows and models that
change, core memory that grows to its limit. Each is made from its seed alone, and checked at every prompt."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.llm import repair
from core.roster import Roster
from core.session import Session
from core.slash.commands import change_settings, run
from memgpt import events as e
from memgpt.config import AgentConfig
from memgpt.home import UserError
from tests.support import model_server as scripted
from tests.support.model_server import ModelServer, Scripted

WINDOWS = (2048, 2600, 4096, 8192, 16_384, 32_768)
PROTOCOLS = ("auto", "tools", "json", "text")
FRAGMENT = 2000  # characters; awkward ones are tested elsewhere, and are slow
MOST_STEPS = 8  # model calls a turn; at the cap it ends
WORDS = (
    "chess", "Zürich", "写真を撮る", "🎲🎲", "launch", "a" * 60, "maria@example.org", "3f2a-77", "\u202eabc", "\n",
    "<|endoftext|>", "</human>", '{"type": "user_message"}', "👩‍👩‍👧‍👦", "ก็ไม่รู้", "e\u0301\u0302\u0303", "\x1b[31m", "\\ud83d", "𝔘𝔫𝔦", "\x00",
)  # fmt: skip
ALLOWED = ("too small by", "ended its turn without a message", "was stopped after", "no answer")
SUMMARISER = "You keep the memory"


@dataclass(slots=True)
class Findings:
    """What was run, and every invariant that did not hold."""

    turns: int = 0
    prompts: int = 0
    evictions: int = 0
    cut: int = 0
    refused: int = 0
    too_small: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        for name in ("turns", "prompts", "evictions", "cut", "refused", "too_small", "broken"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


async def conversation(roster: Roster, server: ModelServer, seed: int, turns: int) -> Findings:
    """One conversation of so many turns, in an agent of its own."""
    rng, found = random.Random(seed), Findings()
    window = rng.choice(WINDOWS)
    name = await roster.create(
        AgentConfig(name=f"h{seed}", model="openai/scripted", model_endpoint=server.url, context_window=window)
    )
    session = await roster.session(name)
    await run(session, "/embedding pause", False, {})  # words find what has to be found; vectors are most of the time
    await change_settings(session, {"max_steps": MOST_STEPS, "retries": 0, "timezone": "UTC"})
    session.corpus.backlog.pause()  # what is said is not looked for by meaning, and embedding takes a third of the time
    for number in range(turns):
        if rng.random() < 0.2:
            await _disturbed(session, rng)
        server.unscript()
        server.fallback = _answering(rng)
        del server.requests[:]
        text = f"turn {number}: {_text(_size(rng), rng)}"
        events = [event async for event in session.submit(text, {})]
        for fault in (*_faults_of_turn(events, found), *_faults_of_prompts(session, server.requests, number)):
            found.broken.append(f"seed {seed} turn {number} window {session.state.settings['context_window']}: {fault}")
        found.turns += 1
        found.prompts += len(server.requests)
    if await session.journal.folded() != session.state:
        found.broken.append(f"seed {seed}: the state is not what the journal folds to")
    stored = [step.text("text") for step in await session.journal.steps(kinds=("user",))]
    if stored and not stored[-1].startswith(f"turn {turns - 1}:"):
        found.broken.append(f"seed {seed}: the last message is not in recall")
    return found


def _size(rng: random.Random) -> int:
    """Words of a text: mostly few, sometimes more than the window holds."""
    return rng.choice((1, 5, 20, 60, 150, 400, rng.choice((900, 3000, 9000))))


def _text(size: int, rng: random.Random) -> str:
    match rng.randrange(8):
        case 0:
            return rng.choice(WORDS) * size
        case 1:
            return chr(rng.choice((0x4E00, 0x1F600, 0xE00, 0x1D400, 0x300))) * size
        case 2:
            return json.dumps({"message": ["x"] * size})
    return " ".join(rng.choice(WORDS) for _ in range(size))


async def _disturbed(session: Session, rng: random.Random) -> None:
    """Something that the user does between two turns."""
    window = session.state.settings["context_window"]
    try:
        match rng.randrange(7):
            case 0:
                await change_settings(session, {"context_window": max(2048, window // 10)})
            case 1:
                await change_settings(session, {"context_window": rng.choice(WINDOWS)})
            case 2:
                await change_settings(
                    session, {"model": rng.choice(("openai/scripted", "openai/other", "openai/gpt-4"))}
                )
            case 3:
                await change_settings(session, {"protocol": rng.choice(PROTOCOLS)})
            case 4:
                await run(session, "/summarize", True, {})
            case 5:
                await run(session, f"/pop {rng.randint(1, 4)}", True, {})
            case 6:
                edits = rng.choice(("rebuild", "append"))
                await change_settings(session, {"paging.memory_edits": edits})
    except UserError:  # there was nothing to summarise or to take back
        return


def _answering(rng: random.Random) -> Any:
    """What the model does with this turn's calls; summaries are answered by themselves."""
    script = list(_script(rng))

    def answer(request: dict[str, Any]) -> Scripted:
        if str(request["messages"][0]["content"]).startswith(SUMMARISER):
            given = rng.choice((
                scripted.plain("They talked about chess, at length."), scripted.plain(_text(400, rng)),
                scripted.plain(""), scripted.error(500),
            ))  # fmt: skip
        else:
            given = script.pop(0) if script else scripted.say(_text(min(_size(rng), 400), rng) or "Done.")
        return replace(given, fragment=FRAGMENT)

    return answer


def _script(rng: random.Random) -> Iterator[Scripted]:
    big = _text(_size(rng), rng)
    search = scripted.call("conversation_search", True, query=rng.choice(WORDS), page=rng.choice((0, 0, 1, 99)))
    core = scripted.call("core_memory_append", True, name=rng.choice(("human", "persona")), content=_text(40, rng))
    match rng.randrange(10):
        case 0:
            yield scripted.plain(big)
        case 1:
            yield from (core, core)
        case 2:
            yield scripted.calls(*([search] * rng.choice((2, 5, 30))))
        case 3:
            yield from [scripted.call("archival_memory_insert", True, content=big)] * 2
            yield scripted.call("archival_memory_search", True, query="chess Zürich")
        case 4:
            yield Scripted(calls=(("nonsense" * rng.choice((1, 50)), {"a" * 300: big}),))
        case 5:
            yield Scripted(calls=(("core_memory_append", {}),), raw_arguments='{"name": "hum' + big[:200])
        case 6:
            yield from [search] * (MOST_STEPS + 2)
        case 7:
            yield scripted.plain("")
        case 8:
            yield scripted.calls(search, core, scripted.say(big or "Yes."))
        case 9:
            yield scripted.say(big or "Yes.", thought=_text(200, rng))


def _faults_of_turn(events: Sequence[e.Event], found: Findings) -> Iterator[str]:
    ends = [event for event in events if isinstance(event, e.TurnEnd)]
    if len(ends) != 1 or events[-1] is not ends[0]:
        yield "the turn did not end once"
        return
    for event in events:
        match event:
            case e.Evicted(messages=messages):
                found.evictions += 1
                if messages < 1:
                    yield "an eviction moved nothing"
            case e.Notice(text=text) if "to fit the window" in text:
                found.cut += 1
            case e.FunctionReturn(text=text) if "no room for the conversation" in text:
                found.refused += 1
            case e.Error(message=message):
                found.too_small += "too small by" in message
                if not any(words in message for words in ALLOWED):
                    yield f"the turn failed: {message}"
    if sum(isinstance(event, e.MemoryPressure) for event in events) > 1:
        yield "two warnings in one turn"
    if ends[0].steps > MOST_STEPS:
        yield f"{ends[0].steps} model calls"


def _faults_of_prompts(session: Session, requests: Sequence[dict[str, Any]], number: int) -> Iterator[str]:
    window = session.state.settings["context_window"]
    before, same = None, 0
    for request in requests:
        if request["prompt_tokens"] + request["max_tokens"] > window:
            yield f"a prompt of {request['prompt_tokens']} tokens and {request['max_tokens']} for the reply"
        messages = request["messages"]
        if str(messages[0]["content"]).startswith(SUMMARISER):
            continue
        before, same = messages, same + 1 if messages == before else 0
        if same >= repair.TRIES:  # a reply that cannot be used is asked for again so often
            yield "the same prompt was sent again and again: no progress"
        if [message["role"] for message in messages].count("system") != 1:
            yield "not one system message"
        yield from scripted.faults_of_calls(messages)
        last = next(
            (m for m in reversed(messages) if m["role"] == "user" and '"user_message"' in str(m["content"])), None
        )
        if last is None or f"turn {number}:" not in str(last["content"]):
            yield "the last message of the user is lost"
