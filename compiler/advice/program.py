"""A compiled program with its text: which layers each place of the text makes, and what stands around it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import syntax as ast
from ..cost import summarize
from ..elaborate.names import split_suffix
from ..ir import Graph
from ..ops import NAMES, Op
from ..rows import rows
from ..source import Source
from .edits import Edit
from .flat import Flat, Place, flat

WORTHWHILE = 0.01
"""A change of the function that saves less than this part of both parameters and MACs is no advice."""
INSTANCES = 3
"""Instances of a repeat that are looked at: the first, one within, the last."""

NORMS = frozenset({"bn", "ln", "gn", "instnorm"})
ACTIVATIONS = frozenset(
    {
        "relu", "relu6", "lrelu", "prelu", "elu", "gelu", "silu", "tanh", "sigmoid", "hardsigmoid", "hardswish",
        "rrelu", "selu", "celu", "mish", "hardtanh", "softplus", "softsign",
    }
)  # fmt: skip


class Site(NamedTuple):
    """One use of a layer in the text, with every layer of the network that comes from it.

    `parents` are the parts of the tree around it, the nearest last.
    """

    node: ast.Name | ast.Call
    parents: tuple[Any, ...]
    op: Op[Any]
    places: tuple[int, ...]

    @property
    def chain(self) -> ast.Chain | None:
        """The chain that this is a link of, unless it has a label or brackets."""
        parent = self.parents[-1] if self.parents else None
        return parent if isinstance(parent, ast.Chain) else None

    @property
    def position(self) -> int:
        """The number in `chain`."""
        assert self.chain is not None
        return next(i for i, link in enumerate(self.chain.links) if link is self.node)

    @property
    def suffix(self) -> tuple[int, ...] | None:
        name = self.node.func if isinstance(self.node, ast.Call) else self.node
        assert isinstance(name, ast.Name)
        return None if name.id in NAMES else split_suffix(name.id)[1]

    def arguments(self) -> dict[str, ast.Argument]:
        """The arguments that are written, by the parameters that they are for."""
        names = [n for n in self.op.params if self.suffix is None or n != self.op.suffix]
        given = self.node.args if isinstance(self.node, ast.Call) else ()
        return {argument.name or names[i]: argument for i, argument in enumerate(given)}


class Program:
    """What rules look at."""

    def __init__(self, source: Source, tree: ast.File, graph: Graph) -> None:
        self.source, self.text, self.tree, self.graph = source, source.text, tree, graph
        self.flat: Flat = flat(graph, INSTANCES)
        self.by_pos: dict[ast.Pos, list[int]] = {}
        for number, place in enumerate(self.flat.places):
            if place.step.span.source is source:
                span = place.step.span
                self.by_pos.setdefault((span.start, span.end), []).append(number)
        paths: dict[str, int] = {}
        for place in self.flat.places:
            paths[place.path] = paths.get(place.path, 0) + 1
        self.paths = paths
        self.parents: dict[int, tuple[Any, ...]] = {}
        self.sites = list(self.find_sites())
        self.whole = summarize(graph)
        self.by_node = {id(site.node): site for site in self.sites}
        self.costs: dict[ast.Pos, tuple[int, int]] = {}
        for row in rows(graph, folded=True):
            pos = (row.span.start, row.span.end)
            params, macs = self.costs.get(pos, (0, 0))
            if row.span.source is source:
                self.costs[pos] = (params + row.params, macs + row.times * row.macs)
        self.at: dict[int, Site] = {number: site for site in self.sites for number in site.places}

    def find_sites(self) -> Iterator[Site]:
        stack: list[tuple[Any, tuple[Any, ...]]] = [(self.tree, ())]
        while stack:
            node, parents = stack.pop()
            if hasattr(node, "_fields"):
                self.parents[id(node)] = parents
                site = self.site(node, parents)
                if site is not None:
                    yield site
                parents = (*parents, node)
            for item in reversed(node[1:] if hasattr(node, "_fields") else node):
                if isinstance(item, tuple):
                    stack.append((item, parents))

    def site(self, node: Any, parents: tuple[Any, ...]) -> Site | None:
        """A use of an op by its own name; not of a block, nor of a layer that a parameter stands for."""
        numbers = self.by_pos.get(node.pos)
        name = node.func if isinstance(node, ast.Call) else node
        if not numbers or not isinstance(name, ast.Name):
            return None
        op = NAMES.get(name.id) or NAMES.get(split_suffix(name.id)[0])
        if op is None or any(self.flat.places[i].step.op is not op for i in numbers):
            return None
        return Site(node, parents, op, tuple(numbers))

    def places(self, site: Site) -> list[Place]:
        return [self.flat.places[i] for i in site.places]

    def attrs(self, site: Site) -> list[Any]:
        """The arguments of every layer that a use makes, with all defaults."""
        return [place.step.attrs for place in self.places(site)]

    def matters(self, *sites: Site) -> bool:
        """Whether layers hold enough of the parameters or operations that another form of them could be worthwhile."""
        found = [self.costs.get(site.node.pos, (0, 0)) for site in sites]
        params, macs = (sum(column) for column in zip(*found, strict=True))
        return bool(params > WORTHWHILE * self.whole.params or macs > WORTHWHILE * self.whole.work.mac)

    def own_weights(self, site: Site) -> bool:
        """Whether every layer has weights that no other use shares."""
        return all(self.paths[place.path] == 1 for place in self.places(site))

    def setting(self, name: str) -> str | None:
        """The text of what the last `set conv` line gives an argument."""
        lines = [item for item in self.tree.items if isinstance(item, ast.Set) and item.name.id == "conv"]
        found = [argument.value for line in lines for argument in line.args if argument.name == name]
        return self.of(found[-1]) if found else None

    def of(self, node: Any) -> str:
        """The text of a part of the tree."""
        return self.text[node.pos[0] : node.pos[1]]

    def written(self, site: Site) -> dict[str, str]:
        """The text of each argument that is written."""
        return {name: self.of(argument.value) for name, argument in site.arguments().items()}

    def linked(self, site: Site, step: int = 1) -> Site | None:
        """The use that is the next link of the same chain, or the one before, where no label stands between."""
        if site.chain is None or not 0 <= site.position + step < len(site.chain.links):
            return None
        neighbour = site.chain.links[site.position + step]
        return self.by_node.get(id(neighbour))

    def follows(self, first: Site, second: Site) -> bool:
        """Whether everything that one use makes is read by exactly what the other one makes, by nothing else."""
        readers = [self.flat.only_reader(i) for i in first.places]
        return None not in readers and sorted(i for i in readers if i is not None) == sorted(second.places)

    def inside(self, node: Any) -> list[int]:
        """The layers that come from a stretch of text."""
        start, end = node.pos
        return [i for pos, numbers in self.by_pos.items() if start <= pos[0] and pos[1] <= end for i in numbers]

    def finished(self, site: Site) -> list[Site]:
        """The normalisation and activation that are the next links behind a layer."""
        found: list[Site] = []
        after = self.linked(site)
        while after is not None and after.op.name in NORMS | ACTIVATIONS and self.follows((found or [site])[-1], after):
            found.append(after)
            if after.op.name in ACTIVATIONS:
                break
            after = self.linked(after)
        return found


def as_chain(site: Site, links: list[str]) -> Edit:
    """Several layers in the place of one, in brackets where a chain cannot stand."""
    text = " -> ".join(links)
    parent = site.parents[-1] if site.parents else None
    loose = len(links) > 1 and isinstance(parent, ast.As | ast.Binary | ast.Choice | ast.Unary | ast.Index)
    return Edit(*site.node.pos, f"({text})" if loose else text)


def call(name: str, arguments: dict[str, str], by_position: tuple[str, ...] = ("c", "n")) -> str:
    """The text of a layer with arguments; channels stand first without their name."""
    first = [arguments[n] for n in by_position if n in arguments]
    rest = [f"{n}={value}" for n, value in arguments.items() if n not in by_position]
    inside = ", ".join([*first, *rest])
    return f"{name}({inside})" if inside else name


def kernel_name(name: str, k: int, rank: int) -> str:
    """`conv3x3`, or `conv3` along one axis."""
    return f"{name}{'x'.join([str(k)] * rank)}"
