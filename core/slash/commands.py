"""The slash commands that a session carries out: each is one function, found by the command's name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.context import instructions
from core.llm.builtin import is_builtin
from core.memory.filters import parsed
from core.memory.search import Hit
from core.past import editing, moving, passages, rewind, sent
from core.session import Session
from core.settings import change_settings as change_settings
from core.slash import approving, budgeting, cost, past
from core.slash.asked import Asked, Outcome
from core.store.journal import Draft, now
from core.transcript import transcript
from core.turn.adapting import in_effect, place_of
from memgpt import commands
from memgpt import events as e
from memgpt.home import UserError
from memgpt.words import counted, whole

DEFAULT_POP = 3  # usually one turn: question, call, result
AUTOMATED_TIMER = "The user asked for a heartbeat."


async def run(session: Session, line: str, confirmed: bool, keys: Mapping[str, str]) -> Outcome:
    """Carries out one slash command.

    Raises:
        UserError: there is no such command, it cannot run now, or its argument is wrong.
    """
    word, argument = commands.parse(line)
    command = commands.find(word)
    if command is None:
        raise UserError(commands.unknown(word), status=2)
    if command.needs_argument and not argument:
        raise UserError(f"/{command.name} needs {command.arguments}.", f"Write {command.usage}.", status=2)
    handler = _HANDLERS.get(command.name)
    if handler is None:
        raise UserError(
            f"/{command.name} is not carried out here.", "`memgpt run` opens the screen, which does.", status=2
        )
    if argument and not command.arguments:
        raise UserError(f"/{command.name} takes nothing after it.", f"Write {command.usage}.", status=2)
    asked = Asked(session, argument, confirmed, keys)
    if command.busy:
        return await handler(asked)
    async with session.turns.alone(f"/{command.name}"):
        return await handler(asked)


async def _dump(asked: Asked) -> Outcome:
    steps = {item.step for item in asked.session.state.queue}
    events = transcript(await asked.session.journal.steps(after=min(steps, default=1) - 1))
    lines = [line for event in events if event.step in steps and (line := dumped(event))]
    return Outcome("\n".join(_last(lines, asked.argument)) or "Main context holds no messages yet.")


async def _dumpraw(asked: Asked) -> Outcome:
    kept = _last((await sent.context_now(asked.session))["messages"], asked.argument)
    return Outcome(json.dumps(kept, ensure_ascii=False, indent=2), data=kept)


async def _memory(asked: Asked) -> Outcome:
    blocks = asked.session.state.blocks.values()
    return Outcome(
        "\n\n".join(f"{block.label} ({len(block.text)} of {block.limit} characters)\n{block.text}" for block in blocks)
    )


async def _model(asked: Asked) -> Outcome:
    settings = asked.session.state.settings
    if not asked.argument:
        standing = in_effect(settings)[0]
        also = "" if standing == settings["model"] else f" {standing} stands in for it."
        return Outcome(f"The model is {settings['model']}{_where(asked.session)}.{also}")
    name, endpoint = place_of(asked.argument)
    leaves = name.endswith("@")
    changes = {"model": name.removesuffix("@"), **({"model_endpoint": endpoint or ""} if endpoint or leaves else {})}
    words = await change_settings(asked.session, changes, asked.keys)
    return Outcome(f"The model is {changes['model']}{_where(asked.session)} from now on.{f' {words}' if words else ''}")


def _where(session: Session) -> str:
    """The endpoint, and the way from it where the model's name is another provider's."""
    settings = session.state.settings
    model, endpoint = settings["model"], settings["model_endpoint"]
    if not endpoint or is_builtin(model):
        return ""
    own = model.partition("/")[0] in ("openai", model)
    return f" at {endpoint}" + ("" if own else f" (/model {model}@ asks {model.partition('/')[0]} itself)")


async def _embedding(asked: Asked) -> Outcome:
    """How far the vectors are, those of attached sources included, and pausing them."""
    corpora = asked.session.corpora
    match asked.argument:
        case "pause":
            for corpus in corpora:
                corpus.backlog.pause()
        case "resume":
            for corpus in corpora:
                corpus.backlog.resume()
        case other if other:
            raise UserError(
                f"/embedding {other} means nothing.", "Write /embedding, /embedding pause or resume.", status=2
            )
    far = [await corpus.backlog.progress() for corpus in corpora]
    done, total = sum(each for each, _ in far), sum(each for _, each in far)
    paused = any(corpus.backlog.paused for corpus in corpora)
    state = "paused" if paused else "done" if done == total else "under way"
    models = " or ".join(dict.fromkeys(corpus.model or "the shipped MiniLM" for corpus in corpora))
    return Outcome(
        f"{done:,} of {total:,} documents have a vector of {models} ({state}).",
        data={"done": done, "total": total, "paused": paused, "model": asked.session.corpus.model},
    )


async def _pop(asked: Asked) -> Outcome:
    taken = await rewind.pop(asked.session, _count(asked.argument, DEFAULT_POP))
    return Outcome(f"Took back {taken} message{'s' if taken != 1 else ''}.", data={"taken": taken})


async def _retry(asked: Asked) -> Outcome:
    question = await rewind.last_question(asked.session)
    text = question.text("text")
    before = await asked.session.journal.steps(before=question.id, limit=1)
    await moving.move_head(asked.session, before[0].id, "retry", 0)
    return Outcome(turn=asked.session.submit(text, asked.keys))


async def _rethink(asked: Asked) -> Outcome:
    await rewind.replace_reply(asked.session, "rethink", asked.argument)
    return Outcome("The last inner monologue is replaced.")


async def _rewrite(asked: Asked) -> Outcome:
    await rewind.replace_reply(asked.session, "rewrite", asked.argument)
    return Outcome("The last answer is replaced.")


async def _heartbeat(asked: Asked) -> Outcome:
    agent = await asked.session.agent()
    packed = instructions.heartbeat_event(AUTOMATED_TIMER, now(), agent.renderer.zone)
    return Outcome(turn=asked.session.happen("heartbeat", packed, "", asked.keys))


async def _memorywarning(asked: Asked) -> Outcome:
    agent = await asked.session.agent(asked.keys)
    step = await agent.manager.warn((await agent.ledger()).total)
    await moving.announce(asked.session, [step])
    packed = instructions.system_alert(instructions.pressure_text(), now(), agent.renderer.zone)
    return Outcome(turn=asked.session.happen("heartbeat", packed, "memory pressure", asked.keys))


async def _summarize(asked: Asked) -> Outcome:
    agent = await asked.session.agent(asked.keys)
    step = await agent.manager.summarise_now()
    if step is None:
        raise UserError("There is nothing to summarise yet.", "Only messages before the last turn can leave.")
    await moving.announce(asked.session, [step])
    return Outcome(
        f"{counted(step.body['messages'], 'message')} moved to recall, summary rewritten:\n{step.text('summary')}"
    )


async def _systemswap(asked: Asked) -> Outcome:
    try:
        text = Path(asked.argument).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "it is not text"
        raise UserError(f"{asked.argument} cannot be read: {why}.", "Give the path of a text file.") from None
    agent = await asked.session.agent()
    old = asked.session.state.instructions
    before = old.body if old else instructions.system_text(agent.renderer.window, agent.renderer.searches)
    if not asked.confirmed:
        shown = difflib.unified_diff(before.splitlines(), text.splitlines(), "now", asked.argument, lineterm="", n=1)
        return Outcome("\n".join(shown), ask="Replace the system instructions?")
    await asked.session.journal.append(Draft("instructions", {}, {"text": text}))
    await asked.session.tell_context()
    return Outcome("The system instructions are replaced.")


async def _undo(asked: Asked) -> Outcome:
    step = await rewind.undo(asked.session)
    return Outcome(f"Undone: {_changed(step)}.")


async def _redo(asked: Asked) -> Outcome:
    step = await rewind.redo(asked.session)
    return Outcome(f"Made again: {_changed(step)}.")


def _changed(step: Any) -> str:
    return f"core memory {step.body['label']}" if "label" in step.body else "a passage of archival memory"


async def _recall(asked: Asked) -> Outcome:
    return await _search(asked, "recall")


async def _archival(asked: Asked) -> Outcome:
    return await _search(asked, "archival")


async def _search(asked: Asked, kind: str) -> Outcome:
    """What the agent would see, and why: the ranks by words and by meaning, and the score of everything together."""
    from core.functions.memory import shown

    filters, text = parsed(asked.argument)
    if not text:
        raise UserError("There is nothing to search for.", f"Write: /{kind} QUERY, after filters if any.", status=2)
    agent = await asked.session.agent()
    external = agent.external
    try:
        query = replace(filters.query(text, kind, external.page_size, 0, external.zone), explain=True)
        answer = await external.find(query)
    except ValueError as error:
        raise UserError(str(error), status=2) from None
    page = external.page_of(answer, text)
    lines = [
        f"{hit['created_at']} ({hit['ago']})  {_from(hit)}  {hit['id']}  {_why(found)}: {hit['text']}"
        for hit, found in zip(page.hits, answer.hits, strict=True)
    ]
    head = shown(page, 0, _page_context(agent)).partition(": ")[0]
    return Outcome("\n".join([head, *lines]), data=[dict(hit) for hit in page.hits])


async def _passage(asked: Asked) -> Outcome:
    change = await passages.planned(asked.session, asked.argument)
    if change.asks and not asked.confirmed:
        return Outcome(passages.described(change), ask=f"{change.verb.capitalize()} passage {change.key}?")
    step = await passages.apply(asked.session, change)
    key = change.key or f"m{step.id}"
    return Outcome(f"Passage {key}: {change.done}. /undo takes it back.", data={"id": key})


def _why(hit: Hit) -> str:
    words = f"words {hit.words}" if hit.words else "no word"
    near = f"meaning {hit.nearness}" if hit.nearness else "no vector"
    return f"[{words}, {near}, score {hit.score:.1f}]"


def _from(hit: Mapping[str, Any]) -> str:
    """Who said it, or which source it comes from and where it stands there."""
    place = f" ({hit['place']})" if hit.get("place") else ""
    return f"{hit.get('role') or hit.get('source')}{place}"


def _page_context(agent: Any) -> Any:
    from core.functions.executor import Context

    return Context({}, agent.external, agent.renderer.zone, agent.external.page_size, agent.manager.limits.result)


def _count(argument: str, default: int) -> int:
    if not argument:
        return default
    if (count := whole(argument)) < 1:
        raise UserError(f"{argument!r} is not a number of messages.", "Give a whole number of 1 or more.", status=2)
    return count


def _last(lines: list[Any], argument: str) -> list[Any]:
    return lines[-_count(argument, len(lines) or 1) :]


def dumped(event: e.Event) -> str:
    """One event as a line of `/dump`; empty for what is no message."""
    match event:
        case e.UserMessage(text=text):
            return f"user: {text}"
        case e.AssistantMessage(text=text):
            return f"assistant: {text}"
        case e.InternalMonologue(text=text):
            return f"thought: {text}"
        case e.FunctionCall(name=name, arguments=arguments):
            return f"call: {name} {json.dumps(arguments, ensure_ascii=False)}"
        case e.FunctionReturn(name=name, status=status, text=text):
            return f"return: {name} {status} {text}"
        case e.Happened(kind=kind):
            return f"event: {kind}"
    return ""


def _block(label: str) -> Handler:
    """What `/persona TEXT` and `/human TEXT` do; without a text they show the block."""

    async def edit(asked: Asked) -> Outcome:
        if not asked.argument:
            block = asked.session.state.blocks[label]
            return Outcome(f"{label} ({len(block.text)} of {block.limit} characters)\n{block.text}")
        done = await editing.edit_block(asked.session, label, asked.argument)
        return Outcome(
            f"{label} is changed. /undo takes it back." if done["changed"] else f"{label} says that already."
        )

    return edit


Handler = Callable[[Asked], Awaitable[Outcome]]
_HANDLERS: dict[str, Handler] = {
    "save": past.save, "restore": past.restore, "alternative": past.alternative, "why": past.why, "cost": cost.command,
    "dump": _dump, "dumpraw": _dumpraw, "memory": _memory, "model": _model, "budget": budgeting.budget,
    "pop": _pop, "retry": _retry, "rethink": _rethink, "rewrite": _rewrite, "heartbeat": _heartbeat,
    "memorywarning": _memorywarning, "summarize": _summarize, "systemswap": _systemswap, "undo": _undo, "redo": _redo,
    "allow": approving.allow, "deny": approving.deny,
    "recall": _recall, "archival": _archival, "passage": _passage, "embedding": _embedding,
    "persona": _block("persona"), "human": _block("human"),
}  # fmt: skip
