"""What the memory browser does to what it has found: tag, edit, delete, erase, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from memgpt.home import UserError
from memgpt.words import counted
from tui import forgetting
from tui.actions.browsing import Hit
from tui.prompting import block_drafts
from tui.screens.dialogs import Ask, Confirm
from tui.screens.rewording import Reword

if TYPE_CHECKING:
    from tui.app import MemGPTApp
    from tui.screens.browser import Browser

WHAT_WAS_SAID = "What was said stands as it was said; Del erases it for good, /rewrite changes the last answer."
OF_OTHERS = "What other agents hold is changed where it is: /agents goes there."
ONE_BY_ONE = "Several are selected; passages are edited one by one."
LEFT = "not saved; what you wrote is kept, e on the passage goes on"
IN_FILES = "A source is changed in its files: load it again."


class Curator:
    """Changes what a browser has found, and says there what became of it."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    @property
    def _app(self) -> MemGPTApp:
        return cast("MemGPTApp", self.browser.app)

    def _may(self, hits: Iterable[Hit]) -> bool:
        """Whether these can be changed here; else it is said why not."""
        reason = (
            "You are looking on, with --read-only." if self.browser.read_only
            else OF_OTHERS if self.browser.place.is_everywhere
            else WHAT_WAS_SAID if self.browser.place.kind == "recall"
            else IN_FILES if self.browser.place.is_source
            else "" if list(hits) else "Nothing is marked."
        )  # fmt: skip
        if reason:
            self.browser.say(reason)
        return not reason

    async def tag(self) -> None:
        hits = self.browser.chosen()
        if not self._may(hits):
            return
        shared = [tag for tag in hits[0].tags if all(tag in hit.tags for hit in hits)]
        asked = (
            f"Tags that all {len(hits)} passages have, a comma between; their others stay"
            if len(hits) > 1
            else "Tags of the passage, a comma between"
        )
        given = await self.browser.app.push_screen_wait(Ask(asked, ", ".join(shared)))
        if given is not None and (tags := [tag.strip() for tag in given.split(",") if tag.strip()]) != shared:
            own = [[tag for tag in hit.tags if tag not in shared] for hit in hits]
            await self._done("tag", hits, [", ".join([*others, *tags]) for others in own])

    async def edit(self) -> None:
        hits = self.browser.chosen()
        if not self._may(hits):
            return
        if len(hits) > 1:
            self.browser.say(ONE_BY_ONE)
            return
        hit, agent, app = hits[0], self.browser.connection.agent, self._app
        draft = await app.kept(block_drafts.of, app.home, agent, hit.id)
        text = await app.push_screen_wait(Reword(agent, hit.id, hit.text, draft))
        if text is None:
            if await app.kept(block_drafts.of, app.home, agent, hit.id) is not None:
                self.browser.say(LEFT)
        elif text == hit.text or await self._done("edit", hits, [text]):
            await app.kept(block_drafts.keep, app.home, agent, hit.id, None)

    async def delete(self) -> None:
        hits = self.browser.chosen()
        if self.browser.place.kind == "recall" and hits and not self.browser.read_only:
            await self._forget(hits)
        elif self._may(hits):
            about = "\n".join(f"- {hit.text}" for hit in hits)
            if await self.browser.app.push_screen_wait(
                Confirm(f"Delete {counted(len(hits), 'passage')}? u brings back.", about)
            ):
                await self._done("delete", hits)

    async def _forget(self, hits: list[Hit]) -> None:
        app, ask = self._app, self.browser.searcher.engine.ask
        given = {"agent": app.connection.agent, "message_ids": [hit.id for hit in hits]}
        try:
            found = await forgetting.look(app.home, ask, **given)
            about = "\n".join(found.told())
            question = (
                f"Erase {counted(len(hits), 'message')} for good, everywhere? Nothing brings back what is erased."
            )
            if not await app.push_screen_wait(Confirm(question, about)):
                self.browser.say("Nothing was erased.")
                return
            await forgetting.erase(app.home, ask, found, app.kept, **given)
        except UserError as error:
            self.browser.say(str(error))
            self.browser.look_anew()
        app.outbox.recall_history()  # what was erased is looked for anew when the engine tells of it

    async def _done(self, action: str, hits: Sequence[Hit], texts: Sequence[str] = ()) -> bool:
        """Whether it could be done."""
        try:
            steps = await self.browser.searcher.change(action, [hit.id for hit in hits], texts)
        except UserError as error:
            self.browser.say(str(error))
            return False
        self.browser.kept.done.append(steps)
        words = {"tag": "tagged", "edit": "changed", "delete": "deleted"}[action]
        self.browser.say(f"{counted(len(hits), 'passage')} {words}; u takes it back")
        self.browser.look_anew()
        return True

    async def undo(self) -> None:
        if not self.browser.kept.done:
            self.browser.say("Nothing was changed here.")
            return
        try:
            await self.browser.searcher.change("undo", [str(step) for step in self.browser.kept.done.pop()])
        except UserError as error:
            self.browser.say(str(error))
            return
        self.browser.say("taken back")
        self.browser.look_for(settle=False)
