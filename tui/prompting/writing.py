"""The prompt's helpers: completion, history, the editor, and the draft that is kept while it is written."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported
from textual.timer import Timer

from memgpt.commands import may_be_command
from memgpt.home import UserError
from tui.cli import writing

if TYPE_CHECKING:
    from tui.app import MemGPTApp

STILL_S = 0.4  # without a key, and what is written is kept
NOT_LATER_S = 3.0  # at most, however long the typing goes on


Place = tuple[int, int]
NOW: Place = (0, 0)  # the end of the conversation
INSTEAD = "Enter sends it in place of the old one; Esc leaves everything as it was"
HERE = "Set EDITOR to an editor that is here."


class Writing:
    """What happens around the prompt of the app."""

    def __init__(self, app: MemGPTApp) -> None:
        self.app = app
        self._still: Timer | None = None
        self._overdue: Timer | None = None
        self._kept: dict[str, writing.Draft] = {}
        self._drafts: dict[str, writing.Draft] = {}  # of open agents that are not shown
        self._set_aside: dict[str, writing.Draft] = {}  # what an edit of a message has taken the place of, by agent

    # --- the palette above the prompt -------------------------------------------------------------------------

    def typed(self) -> None:
        """The text has changed."""
        if not self.app.screen_stack:  # the app has ended meanwhile, and has kept it
            return
        self._follow()
        self.keep_soon()

    def _follow(self) -> None:
        app, prompt = self.app, self.app.prompt
        was_open = app.menu.is_open
        if not prompt.walked and (prompt.text[:1] == "/" or "@" in prompt.text):  # else Up would be the menu's
            from tui.prompting.completion import choices

            begun = may_be_command(prompt.text) and prompt.text != "/"  # a slash alone means no command yet
            app.menu.follow(choices(app, prompt.text, prompt.cursor_offset), begun)
        elif was_open:
            app.menu.close()
        prompt.menu_open, prompt.menu_chosen = app.menu.is_open, False
        if was_open or app.menu.is_open:  # else a key changes nothing of what works here, and has not to wait for it
            app.hint()

    def close_menu(self) -> None:
        self.app.menu.close()
        self.app.prompt.menu_open = self.app.prompt.menu_chosen = False
        self.app.hint()

    def moved(self, key: str) -> None:
        """A key for what stands above the prompt."""
        app, prompt, menu = self.app, self.app.prompt, self.app.menu
        step = {"up": -1, "down": 1}.get(key)
        if step and menu.is_open:
            menu.move(step)
            prompt.menu_chosen = True
            return
        if step:
            if app.first_run:
                app.first_run.move(step)
            return
        chosen = prompt.menu_chosen
        self._follow()  # quick hands are ahead of the picture
        prompt.menu_chosen = chosen and menu.marked is not None
        choice = menu.marked if key == "take" else menu.first
        if choice is None:
            if key == "take":
                prompt.submit()
        elif key == "take" and choice.runs:
            prompt.fill(choice.text.rstrip())
            self.close_menu()
            prompt.submit()
        else:
            prompt.fill(choice.text, choice.cursor)

    # --- nothing that is typed is lost ------------------------------------------------------------------------

    def keep_soon(self) -> None:
        if self._still:
            self._still.stop()
        self._still = self.app.set_timer(STILL_S, self._keep_later)
        if self._overdue is None:
            self._overdue = self.app.set_timer(NOT_LATER_S, self._keep_later)

    def _keep_later(self) -> None:
        for timer in (self._still, self._overdue):
            if timer:
                timer.stop()
        self._still = self._overdue = None
        if not self.app.screen_stack:
            return
        if draft := self._changed():
            kept = self.app.kept(writing.keep, self.app.home, self.app.room.agent, draft)
            self.app.run_worker(kept, group="drafts", exit_on_error=False)

    def keep_now(self) -> None:
        """Keeps what is written, before anything else is done."""
        if draft := self._changed():
            writing.keep(self.app.home, self.app.room.agent, draft)

    def _changed(self) -> writing.Draft | None:
        """What is written, if that is not what was kept last."""
        if self.app.options.read_only:
            return None
        agent, draft = self.app.room.agent, self._present()
        if draft == self._kept.get(agent, writing.NOTHING):
            return None
        self._kept[agent] = draft
        return draft

    def _present(self) -> writing.Draft:
        """What is written, and where the conversation is read."""
        prompt, place = self.app.prompt, self.app.chat.read_place
        pastes = {token: text for token, text in prompt.folds.texts.items() if token in prompt.text}
        draft: writing.Draft = {"text": prompt.text, "pastes": pastes}
        if prompt.instead_of and prompt.text:
            draft["instead_of"] = prompt.instead_of
        return draft if place == NOW else {**draft, "place": place}

    async def take_up(self, agent: str) -> None:
        """Puts what was being written to an agent, when a program ended, into the prompt; with it what that had sent in
        vain."""
        drafts = await self.app.kept(writing.left, self.app.home, agent)
        if not drafts:
            return
        draft = writing.joined(drafts)
        if agent == self.app.room.agent:
            if draft["text"]:
                self.show(draft, before=True)
            await self._go_back_to(draft["place"])
        else:
            self._drafts[agent] = writing.joined([draft, self._drafts.get(agent, writing.NOTHING)])
        if (sent := writing.under_way(draft)) and (room := self.app.rooms.find(agent)):
            await room.outbox.offer_left(sent)

    async def give_back(self, agent: str, texts: list[str], instead_of: int = 0) -> None:
        """Puts what was sent to an agent in vain before what is being written to it, and keeps that at once."""
        back = {"text": "\n".join(texts), "instead_of": instead_of}
        if agent == self.app.room.agent:
            self.show(back, before=True)
            draft = self._kept[agent] = self._present()
        else:
            draft = self._drafts[agent] = writing.joined([back, self._drafts.get(agent, writing.NOTHING)])
        await self.app.kept(writing.keep, self.app.home, agent, draft, texts)

    async def _go_back_to(self, place: object) -> None:
        """To where the conversation was read, unless it has been moved in meanwhile."""
        if isinstance(place, list | tuple) and len(place) == 2 and self.app.chat.at_end:
            await self.app.drawing.go(int(place[0]), int(place[1]))

    def show(self, draft: writing.Draft, before: bool = False) -> None:
        """Puts a draft into the prompt, or before what is being written."""
        prompt = self.app.prompt
        if before:
            draft = writing.joined([draft, self._present()])
        prompt.folds.texts |= draft.get("pastes", {})
        prompt.fill(draft["text"])
        self.replaces(draft.get("instead_of", 0))

    def replaces(self, step: int) -> None:
        """Enter sends what is written in place of the message of that step, which the footer says for as long as it is so;
        without a step as a new one."""
        prompt, status = self.app.prompt, self.app.status
        if step:
            status.flash(INSTEAD, 6)
        else:
            status.unflash(INSTEAD)
            self._set_aside.pop(self.app.room.agent, None)
        prompt.instead_of = step
        self.app.hint()

    def edit_message(self, text: str, step: int) -> None:
        """Takes the message of that step into the prompt, to be sent in its place; what is being written waits."""
        if not self.app.prompt.instead_of:
            self._set_aside[self.app.room.agent] = self._present()
        self.app.prompt.replace_kept(text)
        self.replaces(step)

    def leave_message(self) -> None:
        """Leaves an edit; its words go into the history, and what was being written before is there again."""
        draft = self._set_aside.get(self.app.room.agent, writing.NOTHING)
        self.app.prompt.keep()
        self.show(draft)

    def changed_room(self, old: str, new: str) -> None:
        """Another agent is shown: each has its own draft."""
        prompt = self.app.prompt
        self._drafts[old] = self._present()
        prompt.folds.texts = {}
        draft = self._drafts.pop(new, writing.NOTHING)
        self.show(draft)
        prompt.rewind()
        if place := draft.get("place"):
            self.app.run_worker(self._go_back_to(place), group="history", exit_on_error=False)

    def renamed(self, old: str, new: str) -> None:
        """What was being written to an agent is kept under its new name."""
        for kept in (self._kept, self._drafts, self._set_aside):
            if old in kept:
                kept[new] = kept.pop(old)
        writing.renamed(self.app.home, old, new)

    # --- history and editor -----------------------------------------------------------------------------------

    async def search_history(self) -> None:
        """Lets an earlier text be found by any of its words, and puts it into the prompt."""
        from tui.screens.finding import Find

        past = list(dict.fromkeys(reversed(self.app.prompt.past)))
        text = await self.app.push_screen_wait(Find("What was written before", past))
        if text:
            self.app.prompt.replace_kept(text)
        self.app.prompt.focus()

    def edit(self) -> None:
        """Hands what is written to $EDITOR and takes it back."""
        prompt = self.app.prompt
        self.keep_now()
        try:
            prompt.fill(edited(self.app, prompt.whole))
        except UserError as error:
            self.app.bridge.note(str(error), "error")


def edited(app: MemGPTApp, text: str) -> str:
    """A text as it comes back from the user's editor, the app out of the way meanwhile.

    Raises:
        UserError: there is no editor, it failed, or the terminal cannot be handed over; the text is what it was.
    """
    command = _editor()
    with tempfile.TemporaryDirectory(prefix="memgpt-") as folder:
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8")
        status = _run(app, [*command, str(path)])
        if status:
            raise UserError(f"{command[0]} ended with status {status}; nothing was changed.")
        try:
            return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
        except OSError as error:
            why = error.strerror or str(error)
            raise UserError(f"{command[0]} left nothing that can be read: {why}; nothing was changed.") from None


def _editor() -> list[str]:
    given = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        return shlex.split(given) or ["vi"]
    except ValueError as error:
        raise UserError(f"{given} is not a command: {error}.", HERE) from None


def _run(app: MemGPTApp, command: list[str]) -> int:
    failed: OSError | None = None
    status = 0
    try:
        with app.suspend():  # which does not take the terminal back after an exception
            try:
                status = subprocess.call(command)
            except OSError as error:
                failed = error
    except SuspendNotSupported:
        raise UserError("This terminal cannot be handed to an editor.", "Write here; Ctrl+J makes a line.") from None
    if failed:
        raise UserError(f"{command[0]} cannot be started: {failed.strerror or failed}.", HERE)
    return status
