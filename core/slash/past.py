"""Slash commands about the past: checkpoints, the alternatives of an answer, why something is believed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.messages import Step
from core.past import alternatives as other_answers
from core.past import why as reasons
from core.past.moving import left_steps, move_head
from core.slash.asked import Asked, Outcome
from core.store import tree
from core.store.journal import Draft, now
from core.turn.external import day_of
from memgpt.home import UserError, fold
from memgpt.words import counted, whole

SHOWN_LEFT = 12  # lines of what a restore leaves out


async def save(asked: Asked) -> Outcome:
    name = asked.argument or day_of(now(), None)
    await asked.session.journal.append(Draft("checkpoint", {"name": name}))
    return Outcome(f"Everything is saved, always. Checkpoint {name!r} is written; /restore {name} returns to it.")


async def restore(asked: Asked) -> Outcome:
    """A checkpoint may lie anywhere in the journal: what was left by an earlier restore can be returned to as well."""
    session = asked.session
    written: list[Step] = await session.journal.read(lambda connection: tree.steps_of(connection, ("checkpoint",)))
    found = [step for step in written if fold(step.body["name"]) == fold(asked.argument)]
    if not found:
        names = ", ".join(dict.fromkeys(step.body["name"] for step in reversed(written)))
        hint = f"There are: {names}." if names else "/save NAME writes one."
        raise UserError(f"There is no checkpoint {asked.argument!r}.", hint)
    target = found[-1]
    if not asked.confirmed:
        left = await left_steps(session, target.id)
        return Outcome("\n".join(_left_out(left)), ask=f"Return to checkpoint {target.body['name']!r}?")
    await move_head(session, target.id, "restore", 0, drop=True)
    return Outcome(f"Back at checkpoint {target.body['name']!r}. What was left stays in the journal.")


def _left_out(left: Sequence[Step]) -> list[str]:
    """What a restore leaves out, a line each: nothing of it comes along."""
    counts = Counter(_kind(step) for step in left)
    lines = [f"{count} × {kind}" for kind, count in counts.items() if kind]
    lines += [line for step in left if (line := _named(step))]
    if not lines:
        return ["Nothing was said or changed since."]
    more = len(lines) - SHOWN_LEFT
    return ["Left out:", *lines[:SHOWN_LEFT], *([f"and {more} more"] if more > 0 else [])]


def _kind(step: Step) -> str:
    if step.kind == "return" and {"label", "passage"} & set(step.body):
        return "change of memory by the model"
    if step.kind in ("edit", "undo", "redo"):
        return "change of memory by you"
    said = step.kind == "reply" and "said" in step.texts
    return {"user": "message of yours", "reply": "answer" if said else "", "evict": "eviction"}.get(step.kind, "")


def _named(step: Step) -> str:
    match step.kind:
        case "settings" if step.body["changes"]:
            return "setting " + ", ".join(f"{name} = {value}" for name, value in step.body["changes"].items())
        case "attach" | "detach":
            return f"source {step.body['source']} {step.kind}ed"
        case "import":
            return f"{counted(step.body['count'], 'message')} imported from {step.body['file']}"
        case "checkpoint":
            return f"checkpoint {step.body['name']} (it can still be returned to)"
        case "instructions":
            return "new system instructions"
    return ""


async def alternative(asked: Asked) -> Outcome:
    """`/alternative [N|next|previous] [at STEP]`: without a choice, the answers that were given there."""
    words = re.fullmatch(r"(?P<wanted>\S*?)\s*(?:at\s+(?P<step>\d+))?", asked.argument.strip())
    if words is None:
        raise UserError(
            f"/alternative {asked.argument} means nothing.", "Write /alternative, /alternative 2, next or previous.", status=2
        )  # fmt: skip
    step = whole(words["step"]) if words["step"] else None
    found = await other_answers.alternatives(asked.session, step)
    if not words["wanted"]:
        return Outcome(other_answers.told(found), data=[each.to_json() for each in found])
    wanted = other_answers.picked(found, words["wanted"])
    await other_answers.choose(asked.session, wanted)
    number = found.index(wanted) + 1
    return Outcome(f"Answer {number} of {len(found)} is the one to go on from.", data={"number": number})


async def why(asked: Asked) -> Outcome:
    found = await reasons.why(asked.session, asked.argument)
    return Outcome("\n".join(told_why(found)), data=found)


def told_why(found: dict[str, Any], most: int = 10) -> list[str]:
    """The reasons as lines."""
    lines = [f"{found['subject']}  ({found['where']})"]
    for made in found["made"]:
        change = f": in place of {made['before']!r}" if made["before"] else ""
        lines.append(f"step {made['step']}, {made['at'][:16].replace('T', ' ')}, by {made['cause']}{change}")
        lines += [f"    {word['role']} {word['id']}: {' '.join(word['text'].split())[:300]}" for word in made["words"]]
    answers = found["answers"]
    lines.append(
        f"In context for {len(answers)} answer{'s' if len(answers) != 1 else ''}"
        + (", the newest first:" if answers else ".")
    )
    lines += [f"    step {answer['step']}: {' '.join(answer['text'].split())[:160]}" for answer in answers[:most]]
    if len(answers) > most:
        lines.append(f"    and {len(answers) - most} more")
    return lines
