"""A bar on standard error for what takes long: how far it is, how fast, and how long it will take."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from memgpt.progress import done_of

LABELS = {"reading": "reading", "embedding": "embedding", "copying": "copying"}


class Bar:
    """One bar for each phase, the present one last."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._tasks = {phase: self._progress.add_task(label, visible=False) for phase, label in LABELS.items()}
        self._progress.start()

    def show(self, phase: str, count: int, total: int) -> None:
        """What is done of `reading`, what is left of `embedding`; a total of 0 is not known."""
        self._progress.update(
            self._tasks[phase], completed=done_of(phase, count, total), total=total or None, visible=True
        )

    def close(self) -> None:
        self._progress.stop()


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")
