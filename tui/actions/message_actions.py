"""What the keys on a message of the chat do: copy, edit and send again, retry, fork, go back, look."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from memgpt.home import LOOKING_ON, UserError
from memgpt.keyboard import CHANGING
from tui.screens.dialogs import Ask, Confirm, Pick
from tui.view import Entry

if TYPE_CHECKING:
    from tui.app import MemGPTApp

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)(?:^ {0,3}\1[`~]*\s*$|\Z)", re.MULTILINE | re.DOTALL)


async def act(app: MemGPTApp, what: str, entry: Entry) -> None:
    """Carries out what a key on a message asks for; what is wrong is said in the chat."""
    try:
        if what in CHANGING and app.options.read_only:
            raise UserError(*LOOKING_ON)
        if what in MOVING and app.busy:
            raise UserError("The model is at work.", "Stop it first with Esc, or wait.")
        await _ACTS[what](app, entry)
    except UserError as error:
        app.could_not(error)


def code_blocks(text: str) -> list[str]:
    """The fenced blocks of code of a text, without their fences."""
    return [match[2].removesuffix("\n") for match in FENCE.finditer(text)]


async def _copy(app: MemGPTApp, entry: Entry) -> None:
    await app.copy(entry.text)


async def _copy_code(app: MemGPTApp, entry: Entry) -> None:
    blocks = code_blocks(entry.text)
    if not blocks:
        raise UserError("There is no block of code in this message.", "y copies the whole message.")
    chosen = blocks[0]
    if len(blocks) > 1:
        choices = [(str(number), " ".join(block.split())[:60]) for number, block in enumerate(blocks, 1)]
        number = await app.push_screen_wait(Pick("Copy which block?", choices))
        if not number:
            return
        chosen = blocks[int(number) - 1]
    await app.copy(chosen)


async def _edit(app: MemGPTApp, entry: Entry) -> None:
    if entry.kind == "queued":
        app.do("queue")
        return
    if entry.kind != "user":
        raise UserError("Only what you wrote can be edited and sent again.", "w writes the last answer anew.")
    app.writing.edit_message(entry.text, entry.step)
    app.prompt.focus()


async def _rewrite(app: MemGPTApp, entry: Entry) -> None:
    last = next((each for each in reversed(app.bridge.view.chat) if each.kind == "assistant"), None)
    if entry is not last:
        raise UserError("Only the last answer can be rewritten.", "p on this one first takes back what came after it.")
    app.prompt.replace_kept(f"/rewrite {entry.text}")
    app.prompt.focus()


async def _retry(app: MemGPTApp, entry: Entry) -> None:
    """Asks again: the question of this answer, or this question."""
    chat = app.bridge.view.chat
    before = chat[: chat.index(entry) + 1] if entry in chat else []
    question = next((each for each in reversed(before) if each.kind == "user"), None)
    if question is None:
        raise UserError("There is no question of yours before that.", "Choose an answer to something you wrote.")
    later = [each for each in chat[chat.index(question) + 1 :] if each.kind == "user"]
    if later:
        about = f"{len(later)} later message{'s' if len(later) > 1 else ''} of yours and their answers are taken back."
        if not await app.push_screen_wait(Confirm("Ask again from there?", about)):
            return
    app.outbox.send(question.text, question.step)


async def _alternative(app: MemGPTApp, entry: Entry) -> None:
    rows = await app.connection.ask("alternatives", agent=app.room.agent, step=_step(entry))
    if len(rows) < 2:
        raise UserError("No other answer was given here.", "r asks again.")
    choices = [(str(number), f"{'now: ' if row['current'] else ''}{' '.join(str(row['text']).split())[:60]}")
               for number, row in enumerate(rows, 1)]  # fmt: skip
    number = await app.push_screen_wait(Pick("Answers that were given here", choices))
    if number and not rows[int(number) - 1]["current"]:
        app.run_command(f"/alternative {number} at {_step(entry)}")


async def _fork(app: MemGPTApp, entry: Entry) -> None:
    name = await app.push_screen_wait(Ask("Name of the agent that goes on from here", f"{app.room.agent} fork"))
    if name:
        made = await app.connection.ask("fork_agent", agent=app.room.agent, name=name, at=_step(entry))
        await app.enter(made["name"])


async def _pop(app: MemGPTApp, entry: Entry) -> None:
    chat = app.bridge.view.chat
    after = (
        [each for each in chat[chat.index(entry) + 1 :] if each.kind in ("user", "assistant")] if entry in chat else []
    )
    if not after:
        raise UserError("Nothing came after this message.", "Choose an earlier one.")
    about = f"{len(after)} message{'s' if len(after) > 1 else ''}, with what they did to memory."
    if await app.push_screen_wait(Confirm("Take back what came after it?", about)):
        await app.connection.ask("go_back", agent=app.room.agent, step=_step(entry), before=False)
        app.bridge.note(f"Took back {about}")


async def _context(app: MemGPTApp, entry: Entry) -> None:
    app.run_command(f"/context {_step(entry)}")


async def _find(app: MemGPTApp, entry: Entry) -> None:
    words = await app.push_screen_wait(Ask("Find in the chat"))
    app.chat.focus()
    if words and not app.chat.seek(words):
        app.status.flash("not in what is loaded; /recall searches everything")


def _step(entry: Entry) -> int:
    if not entry.step:
        raise UserError("This line is not a message of the conversation.", "Choose one of yours or of the model's.")
    return entry.step


MOVING = ("edit", "rewrite", "retry", "alternative", "pop_here")
Act = Callable[["MemGPTApp", Entry], Awaitable[None]]
_ACTS: dict[str, Act] = {
    "copy": _copy, "copy_code": _copy_code, "edit": _edit, "rewrite": _rewrite, "retry": _retry,
    "alternative": _alternative, "fork": _fork, "pop_here": _pop, "message_context": _context, "find": _find,
}  # fmt: skip
