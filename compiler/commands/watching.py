"""`--watch`: do something again whenever a program is saved.

The files' times are polled. A library that asks the system instead would save nothing that can be noticed for the few
files of a program, and would miss changes on network drives.
"""

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..diagnostics import CnncError, NetworkError, usage
from ..ir import Graph, regions_of
from .shared import show_diagnostics

INTERVAL = 0.2  # seconds between two looks


def watch(path: str | None, show: Callable[[], Graph]) -> int:
    """Show a network, and again after each change of its files, until interrupted.

    A program that is wrong is reported, and the next save awaited. Raises UsageError where the first look finds that
    the request itself is wrong.
    """
    if path is None or path == "-":
        raise usage("E0560")
    watched, first = {path}, True
    while True:
        seen, begun = state(watched), time.time_ns()
        try:
            watched = {path, *files_of(show())}
        except NetworkError as error:
            watched |= {d.span.source.path for d in error.diagnostics if d.span is not None and d.span.source.path}
            show_diagnostics(error.diagnostics)
        except CnncError as error:
            if first:
                raise
            show_diagnostics(error.diagnostics)
        sys.stdout.flush()
        for p in watched:  # what was saved while the network was shown is a change
            seen.setdefault(p, signature(p, begun))
        seen = {p: seen[p] for p in watched}
        first = False
        while state(watched) == seen:
            time.sleep(INTERVAL)
        print(f"\n{path} was saved at {time.strftime('%H:%M:%S')}", file=sys.stderr, flush=True)


def state(paths: Iterable[str]) -> dict[str, Any]:
    """What tells one save of each file from the next."""
    return {path: signature(path) for path in paths}


def signature(path: str, before: int | None = None) -> tuple[int, int, int] | None:
    """A file's time, size and number; None where it is not there, or was not saved before a time."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    if before is not None and found.st_mtime_ns >= before:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def files_of(graph: Graph) -> set[str]:
    """The files that layers stand in: the program's, and those that it uses."""
    places = {step.span.source.path for region in regions_of(graph.root) for step in region.steps}
    return {path for path in places if path is not None}
