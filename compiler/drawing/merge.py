"""Fewer boxes: what follows a layer directly and changes no shape joins its box."""

from collections import Counter

from .captions import FOLLOWERS
from .model import Drawing, Edge, Node

NEVER = ("input", "output", "block")
"""Families that nothing joins."""


def compact(drawing: Drawing) -> Drawing:
    """Normalisations, activations and dropout in the box of the layer that only they read."""
    readers = Counter(edge.source for edge in drawing.edges)
    sources: dict[str, list[Edge]] = {}
    for edge in drawing.edges:
        sources.setdefault(edge.target, []).append(edge)
    merged: dict[str, Node] = {}
    home: dict[str, str] = {}
    for node in drawing.nodes:
        before = sources.get(node.id, [])
        head = merged.get(home[before[0].source]) if len(before) == 1 and readers[before[0].source] == 1 else None
        if head is None or not joins(node, head):
            merged[node.id], home[node.id] = node, node.id
            continue
        merged[head.id], home[node.id] = joined(head, node), head.id
    edges = {edge._replace(source=home[edge.source], target=home[edge.target]): None for edge in drawing.edges}
    return drawing._replace(
        nodes=tuple(merged.values()), edges=tuple(edge for edge in edges if edge.source != edge.target)
    )


def joins(node: Node, head: Node) -> bool:
    same = node.group == head.group and node.aux == head.aux and node.times == head.times
    return same and node.family in FOLLOWERS and head.family not in NEVER


def joined(head: Node, node: Node) -> Node:
    share = None if head.share is None or node.share is None else head.share + node.share
    return head._replace(
        details=(" → ".join([*head.details, node.title]),),
        layers=head.layers + node.layers,
        share=share,
        tip=f"{head.tip}\n{node.tip}",
    )
