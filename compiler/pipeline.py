"""The stages of a compilation, in order."""

import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from .diagnostics import Diagnostic, Sink
from .elaborate.instances import Shared
from .elaborate.modules import Loader
from .elaborate.program import Program, Shapes
from .ir import Graph
from .limits import MAX_FRAMES, Limits
from .ops import Shape
from .parse import parse
from .source import Source, Span
from .syntax import File


class Result(NamedTuple):
    """What a compilation found: a graph, or none and errors that say why."""

    graph: Graph | None
    diagnostics: list[Diagnostic]
    params: dict[str, Any]


def compile_source(
    source: Source,
    shapes: Shapes | Shape | None,
    params: dict[str, Any],
    limits: Limits,
    loader: Loader | None = None,
) -> Result:
    """Text to checked graph; `loader` reads the files that `use` names."""
    sink = Sink()
    with undisturbed():
        tree = parse(source, sink, limits)
        if sink.has_errors:
            return Result(None, sink.found, {})
        return elaborate(source, tree, sink, shapes, params, limits, loader)


def parses(text: str) -> bool:
    """Whether a text is a program as far as its syntax goes."""
    sink = Sink()
    parse(Source(text), sink, Limits())
    return not sink.has_errors


def elaborate(
    source: Source,
    tree: File,
    sink: Sink,
    shapes: Shapes | Shape | None,
    params: dict[str, Any],
    limits: Limits,
    loader: Loader | None = None,
    shared: Shared | None = None,
) -> Result:
    """Syntax tree to checked graph; the tree may be used again with other parameters, faster with the same `shared`."""
    with undisturbed():
        program = Program(source, tree, sink, limits, loader, shared)
        graph = program.run(params, shapes)
    if graph is not None and "CNNC_CHECK_IR" in os.environ:
        from .verify_ir import check_graph

        check_graph(graph)
    if graph is None and not sink.has_errors:
        sink.add(Diagnostic("E0317", missing(source, tree), Span(source, 0, min(1, len(source.text)))))
    if graph is None and shared is None:
        from .misfits import with_sizes  # only mistakes need it

        def compiled(sizes: dict[str, Shape]) -> Graph | None:
            with undisturbed():
                return Program(source, tree, Sink(), limits, loader).run(params, sizes)

        return Result(None, with_sizes(sink.found, program.inputs, compiled), program.params)
    return Result(graph, sink.found, program.params)


def missing(source: Source, tree: File) -> dict[str, Any]:
    """What is said of a text without a network."""
    if tree.items:
        return {"what": "the file has only declarations"}
    return {"what": "the file has only comments" if source.text.strip() else "the file is empty", "empty": True}


def to_check(found: list[Diagnostic]) -> list[Diagnostic]:
    """What matters where a text is checked: a file of declarations is fine, and a bare chain, but not an empty text."""
    return [d for d in found if d.code != "E0211" and (d.code != "E0317" or "empty" in d.facts)]


_pause_lock = threading.Lock()
_pauses = 0


@contextmanager
def undisturbed() -> Iterator[None]:
    """Deep recursion, and no garbage collection meanwhile.

    A graph under construction is no garbage; looking through it again and again, and through all that the process holds
    besides, would take longer than building it. With several users the last one to leave lets collection go on.
    """
    global _pauses
    with _pause_lock:
        paused = gc.isenabled() or _pauses > 0
        _pauses += paused
        gc.disable()
    try:
        with deep_recursion():
            yield
    finally:
        with _pause_lock:
            _pauses -= paused
            if paused and _pauses == 0:
                gc.enable()


_depth_lock = threading.Lock()
_depth_users = 0
_depth_before = 0


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let Python recurse as deeply as programs may nest; the former limit returns when the last user leaves.

    Calls between Python functions take no C stack (from CPython 3.11 on), so a high limit is safe here.
    """
    global _depth_users, _depth_before
    with _depth_lock:
        if _depth_users == 0:
            _depth_before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(MAX_FRAMES, _depth_before))
        _depth_users += 1
    try:
        yield
    finally:
        with _depth_lock:
            _depth_users -= 1
            if _depth_users == 0:
                sys.setrecursionlimit(_depth_before)
