"""Arrows, cut where they cross frames.

A tensor crosses a frame at one port, however many layers on the other side read it, so that fewer lines cross it.
"""

from typing import NamedTuple, TypeAlias

from .model import Drawing, Edge


class Port(NamedTuple):
    """Where a tensor enters or leaves a group."""

    group: str
    entering: bool
    source: str
    text: str
    kind: str


End: TypeAlias = str | Port
"""What a stretch of a line connects: a box, or a port, seen from inside of its group or from outside."""


class Stretch(NamedTuple):
    """A part of an arrow within one group."""

    start: End
    end: End
    text: str
    kind: str


def stretches_of(drawing: Drawing) -> dict[str, list[Stretch]]:
    """Each arrow as one stretch for each group that it passes, by the group; equal stretches once."""
    parents = {group.id: group.parent for group in drawing.groups}
    homes = {node.id: node.group for node in drawing.nodes}
    found: dict[str, dict[Stretch, None]] = {}
    for edge in drawing.edges:
        leaving, entering = _around(homes[edge.source], parents), _around(homes[edge.target], parents)
        shared = set(leaving) & set(entering)
        exits = [_port(group, False, edge) for group in leaving if group not in shared]
        entries = [_port(group, True, edge) for group in reversed(entering) if group not in shared]
        ends: list[End] = [edge.source, *exits, *entries, edge.target]
        top = next(group for group in leaving if group in shared)
        groups = [*(port.group for port in exits), top, *(port.group for port in entries)]
        for start, end, group in zip(ends[:-1], ends[1:], groups, strict=True):
            found.setdefault(group, {})[Stretch(start, end, edge.text, edge.kind)] = None
    return {group: list(stretches) for group, stretches in found.items()}


def _around(group: str, parents: dict[str, str]) -> list[str]:
    """The groups around a box from the inside out; the network itself is the last."""
    found = [group]
    while group:
        group = parents[group]
        found.append(group)
    return found


def _port(group: str, entering: bool, edge: Edge) -> Port:
    return Port(group, entering, edge.source, edge.text, edge.kind)
