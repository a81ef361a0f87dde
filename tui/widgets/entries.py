"""How one entry of a transcript looks. What is closed is rendered once; what is arriving grows line by line."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.segment import Segment
from textual.strip import Strip

from tui.view import Entry
from tui.widgets.painting import Painter

FOLDED = 2  # lines of a function's result that are shown
LONGEST_FOLD = 400  # characters of it that are looked at
BLANK = Strip([])


class Drawn:
    """The strips of one entry at one width, kept as long as it does not change; of an open one, its closed blocks."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self.strips: list[Strip] = []
        self._version = -1
        self._closed = 0
        self._blocks: list[Strip] = []
        self._lines: list[Strip] = []
        self._upto = 0

    def stale(self, entry: Entry) -> bool:
        return entry.version != self._version

    def update(self, entry: Entry) -> int:
        """Draws what has changed; the first of the rows that are not what they were."""
        if entry.version == self._version:
            return len(self.strips)
        old = self.strips
        self.strips = self._growing(entry) if entry.open else drawn(entry, self.painter)
        self._version = entry.version
        same = 0
        for before, after in zip(old, self.strips, strict=False):
            if before is not after and before != after:
                break
            same += 1
        return same

    def _growing(self, entry: Entry) -> list[Strip]:
        """An answer on its way: closed blocks rendered once, the open block plain."""
        if entry.kind != "assistant":
            return drawn(entry, self.painter)
        from tui.widgets.markdown import closed_upto

        text = entry.text
        if "\n\n" in text[self._closed :] and (step := closed_upto(text[self._closed :])):
            closed = text[self._closed : self._closed + step].rstrip("\n")
            self._blocks += [*self.painter.markdown(closed), BLANK]
            self._closed += step
            self._upto, self._lines = self._closed, []
        end = text.rfind("\n", self._upto) + 1
        if end > self._upto:
            self._lines += self.painter.plain(text[self._upto : end - 1])
            self._upto = end
        head = self.strips[:1] if self.strips else [header(entry, self.painter)]
        return [*head, *self._blocks, *self._lines, *self.painter.plain(text[self._upto :])]


def drawn(entry: Entry, painter: Painter) -> list[Strip]:
    """A whole entry."""
    look = painter.look
    muted = look.style("muted")
    match entry.kind:
        case "user":
            return [header(entry, painter), *painter.plain(entry.text), BLANK]
        case "assistant":
            mark = [painter.fitted("interrupted", look.style("warning"))] if entry.status else []
            return [header(entry, painter), *painter.markdown(entry.text), *mark, BLANK]
        case "queued":
            return [painter.fitted(f"queued: {entry.text}", muted)]
        case "rule":
            words = look.style("warning") if entry.status == "warning" else muted
            return [painter.rule(entry.text, look.style("border"), words), BLANK]
        case "error":
            return [*painter.plain(f"× {entry.text}", look.style("error")), BLANK]
        case "thought":
            return _thought(entry, painter)
        case "call":
            return _call(entry, painter)
        case "block":
            return _block(entry, painter)
    return [*painter.plain(entry.text, muted), BLANK] if entry.who != "line" else [painter.fitted(entry.text, muted)]


def header(entry: Entry, painter: Painter) -> Strip:
    """Who said it, and when."""
    look = painter.look
    role = "accent" if entry.kind == "assistant" else "foreground"
    return painter.ends(entry.who, shown_time(entry.at), look.style(role, bold=True), look.style("muted"))


def shown_time(at: int, present: datetime | None = None) -> str:
    """The user's own time: the weekday for the last days, the date for what is older, the year where it is another."""
    if not at:
        return ""
    moment = datetime.fromtimestamp(at / 1_000_000).astimezone()
    present = present or datetime.now().astimezone()
    if present - moment < timedelta(days=6):
        return moment.strftime("%a %H:%M")
    if moment.year == present.year:
        return f"{moment.day} {moment:%b %H:%M}"
    return f"{moment.day} {moment:%b %Y}"


def _thought(entry: Entry, painter: Painter) -> list[Strip]:
    """What it thinks, in italics; folded, its first line."""
    style = painter.look.style("foreground", italic=True)
    lines = painter.plain(entry.text, style)
    if not entry.folded or len(lines) < 2:
        return lines
    return [painter.ends(entry.text.split("\n")[0], f"+{len(lines) - 1}", style, painter.look.style("muted"))]


def _call(entry: Entry, painter: Painter) -> list[Strip]:
    """One line for the call with its outcome at the right, and the beginning of its result folded under it; unfolded,
    every argument and the whole result."""
    look = painter.look
    failed = entry.status == "Failed"
    outcome = {"": "…", "OK": "OK", "Failed": "failed"}[entry.status]
    style, muted = look.style("error" if failed else "foreground"), look.style("muted")
    opened = entry.folded is False
    head = painter.ends(
        f"{'×' if failed else '▾' if opened else '›'} {entry.who if opened else entry.text}", outcome, style,
        style if failed else muted,
    )  # fmt: skip
    if opened:
        body = painter.plain(entry.detail, look.style("foreground"), indent=4) if entry.detail else []
        return [
            head,
            *body,
            *(painter.plain(f"→ {entry.result}", style if failed else muted, indent=2) if entry.result else []),
        ]
    text = " ".join(entry.result[:LONGEST_FOLD].split())
    if not text or entry.folded or (not failed and text in ("OK", "None", "Done.")):
        return [head]
    lines = painter.plain(text, style if failed else muted, indent=2)
    return [head, *lines[: FOLDED * 2 if failed else FOLDED]]


def _block(entry: Entry, painter: Painter) -> list[Strip]:
    """A block of core memory: its label and size, who changed it and when, then its lines, each with `+` or `-` where the turn changed it."""
    look = painter.look
    head = painter.ends(entry.who, entry.status, look.style("foreground", bold=True), look.style("muted"))
    strips = [head, *([painter.fitted(entry.detail, look.style("muted"))] if entry.detail else [])]
    styles = {"+": look.style("success"), "-": look.style("error"), " ": look.style("foreground")}
    narrow = Painter(look, painter.width - 1)
    for mark, line in zip(entry.marks, entry.text.split("\n"), strict=True):
        strips += [Strip([Segment(mark, styles[mark]), *strip]) for strip in narrow.plain(line, styles[mark])]
    return [*strips, BLANK]
