"""How far a sweep is: a bar on a terminal, a line now and then where stderr goes elsewhere."""

import sys
import time
from types import TracebackType
from typing import Any

EVERY = 30.0
"""Seconds between two lines; a sweep of fewer is silent."""


class Progress:
    """Shows the points that are done, how many of them a second, and the time that is left."""

    def __init__(self) -> None:
        self.done = self.count = self.begun = 0
        self.start = self.told = time.monotonic()
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, done: int, count: int) -> None:
        if not self.count:
            self.begin(done, count)
        self.done = done
        if self.bar is not None:
            self.bar.update(self.task, completed=done, rate=f"{self.rate:,.0f}")
        elif time.monotonic() - self.told > EVERY:
            self.told = time.monotonic()
            left = (count - done) / self.rate if self.rate else 0
            line = f"{done:,} of {count:,} points, {self.rate:,.0f} a second, {duration(left)} left"
            print(line, file=sys.stderr, flush=True)

    @property
    def rate(self) -> float:
        """Points a second in this run."""
        seconds = time.monotonic() - self.start
        return (self.done - self.begun) / seconds if seconds else 0.0

    def begin(self, done: int, count: int) -> None:
        self.begun, self.count = done, count
        if sys.stderr.isatty():
            self.bar, self.task = make_bar(done, count)


def make_bar(done: int, count: int) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("points, {task.fields[rate]} a second,"))
    bar = Progress(*columns, TimeRemainingColumn(), TextColumn("left"), console=Console(stderr=True), transient=True)
    bar.start()
    return bar, bar.add_task("", total=count, completed=done, rate="0")


def duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
