"""What the memory browser does to what it has found: tag, edit, delete, erase, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.screen import Screen

from memgpt.home import UserError
from memgpt.words import counted
from tui.actions.browsing import Hit, Kept, Place, Searcher
from tui.screens.dialogs import Ask, Confirm
from tui.screens.rewording import Reword

WHAT_WAS_SAID = "What was said stands as it was said; Del erases it for good, /rewrite changes the last answer."
OF_OTHERS = "What other agents hold is changed where it is: /agents goes there."
IN_FILES = "A source is changed in its files: load it again."


class Curating(Screen[None]):
    """The half of the browser that changes memory; what is marked, and where things are said, is the other half's."""

    read_only: bool
    kept: Kept
    searcher: Searcher
    places: list[Place]
    at: int

    @property
    def place(self) -> Place:
        return self.places[self.at]

    def _chosen(self) -> list[Hit]:
        raise NotImplementedError

    def _say(self, text: str) -> None:
        raise NotImplementedError

    def _look(self, settle: bool = True) -> None:
        raise NotImplementedError

    def _change(self, work: Any) -> None:
        self.run_worker(work, group="change", exclusive=True, exit_on_error=False)

    def action_tag(self) -> None:
        self._change(self._tag())

    def action_edit(self) -> None:
        self._change(self._edit())

    def action_delete(self) -> None:
        self._change(self._delete())

    def action_undo(self) -> None:
        self._change(self._undo())

    def _may(self, hits: Iterable[Hit]) -> bool:
        """Whether these can be changed here; else it is said why not."""
        reason = (
            "You are looking on, with --read-only." if self.read_only
            else OF_OTHERS if self.place.is_everywhere
            else WHAT_WAS_SAID if self.place.kind == "recall"
            else IN_FILES if self.place.is_source
            else "" if list(hits) else "Nothing is marked."
        )  # fmt: skip
        if reason:
            self._say(reason)
        return not reason

    async def _tag(self) -> None:
        hits = self._chosen()
        if self._may(hits):
            had = ", ".join(hits[0].tags) if len(hits) == 1 else ""
            if tags := await self.app.push_screen_wait(
                Ask(f"Tags of {counted(len(hits), 'passage')}, a comma between", had)
            ):
                await self._done("tag", hits, tags)

    async def _edit(self) -> None:
        hits = self._chosen()[:1]
        if self._may(hits):
            text = await self.app.push_screen_wait(Reword(f"Passage {hits[0].id}", hits[0].text))
            if text and text != hits[0].text:
                await self._done("edit", hits, text)

    async def _delete(self) -> None:
        hits = self._chosen()
        if self.place.kind == "recall" and hits and not self.read_only:
            await self._forget(hits)
        elif self._may(hits):
            about = "\n".join(f"- {hit.text}" for hit in hits)
            if await self.app.push_screen_wait(
                Confirm(f"Delete {counted(len(hits), 'passage')}? u brings back.", about)
            ):
                await self._done("delete", hits)

    async def _forget(self, hits: list[Hit]) -> None:
        about = "\n".join(f"- {hit.text}" for hit in hits)
        question = f"Erase {len(hits)} message{'s' * (len(hits) > 1)} for good, everywhere? Nothing brings them back."
        if not await self.app.push_screen_wait(Confirm(question, about)):
            self._say("Nothing was erased.")
            return
        try:
            for hit in hits:
                await self.searcher.forget(hit)
        except UserError as error:
            self._say(str(error))
        self.kept.selected.clear()
        self._look(settle=False)

    async def _done(self, action: str, hits: list[Hit], text: str = "") -> None:
        try:
            steps = await self.searcher.change(action, [hit.id for hit in hits], text)
        except UserError as error:
            self._say(str(error))
            return
        self.kept.done.append(steps)
        self.kept.selected.clear()
        words = {"tag": "tagged", "edit": "changed", "delete": "deleted"}[action]
        self._say(f"{counted(len(hits), 'passage')} {words}; u takes it back")
        self._look(settle=False)

    async def _undo(self) -> None:
        if not self.kept.done:
            self._say("Nothing was changed here.")
            return
        try:
            await self.searcher.change("undo", [str(step) for step in self.kept.done.pop()])
        except UserError as error:
            self._say(str(error))
            return
        self._say("taken back")
        self._look(settle=False)
