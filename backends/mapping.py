"""Foreign weights for a network: which tensors of a state_dict become which of ours, and by what that is known."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping as Named
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compiler.diagnostics import printable, show, usage
from ..compiler.files import AnyPath
from ..compiler.ir import Graph, expand, join, weights_of
from ..compiler.pipeline import deep_recursion
from ..compiler.writing import write_file
from .flow import Flow, flow_of
from .foreign import COUNT, ORIGINAL, Leaf, Source, leaves, path_of
from .match import RULES, Matcher, natural
from .mismatch import left_over, refused, told, unclear
from .reparam import complete, lengths
from .weights import draw_one, read_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

Shape = tuple[int, ...]
RENAME = "give the tensors that are meant the network's names"
"""What helps where a part of a network is not found."""
LEVELS = 12
"""Scopes around all layers that may be left out, but for the last."""
DEEPEST = 300
"""Scopes in each other that are searched for layers of other names."""
LENGTHS = "its lengths"
"""How the lengths are made of a weight that the file has whole."""


class Pair(NamedTuple):
    """One of our tensors, what it is made of, its shape, and by what rule of `RULES` that was found."""

    ours: str
    source: Source
    shape: Shape
    rule: str

    @property
    def theirs(self) -> str:
        """What is shown of that."""
        return printable(self.source.text)


class Layers(NamedTuple):
    """A network's layers with weights, and those of a file."""

    ours: list[Leaf]
    theirs: list[Leaf]
    graph: Graph

    def flow(self) -> Flow:
        paths: dict[str, list[str]] = {}
        for path, _, step in expand(self.graph.root):
            names = [join(path, weight.name) for weight in (*step.weights(), *step.buffers())]
            if names and path not in paths:
                paths[path] = [*dict.fromkeys(path_of(name) for name in names if not name.endswith(COUNT))]
        return flow_of(self.graph, paths)


class Mapping(NamedTuple):
    """What becomes of a file's tensors."""

    pairs: list[Pair]
    """In our order."""
    missing: list[str]
    """Our tensors that keep their initial values."""
    unused: list[str]
    """The file's tensors that become nothing."""
    notes: list[str]
    """What else is to be known."""


Settled = dict[str, tuple[Leaf, str]]
"""Their layer and the rule for the path of each of ours."""


def map_weights(
    graph: Graph,
    file: AnyPath,
    order: str | None = None,
    accept_order: bool = False,
    partial: bool = False,
    root: str | None = None,
) -> "tuple[Mapping, Arrays]":
    """Which tensors of a file become which of a network's, as for `map_names`, and the file's tensors.

    root: the folder that the file must lie in, as for `read_tensors`.
    """
    found, notes = read_file(file, root)
    shapes = {name: tuple(array.shape) for name, array in found.items()}
    mapping = map_names(graph, shapes, order, accept_order, partial)
    return mapping._replace(notes=notes + mapping.notes), found


def map_names(
    graph: Graph,
    shapes: Named[str, Shape],
    order: str | None = None,
    accept_order: bool = False,
    partial: bool = False,
) -> Mapping:
    """Which tensors of a state_dict become which of a network's. shapes: their shapes by name, in the file's order.

    Layers are paired by name, without a prefix that all names have; else by the scopes that both sides have, the
    shapes of what is in them, and numbers in names (see `match`). What can be paired in several ways is refused
    (E0527), unless `accept_order` says that the order decides: that of the file or, with `order` name or where the file
    is sorted by name, the natural one of names. Without `partial`, what is left over on either side is refused (E0516).
    """
    own = leaves({name: weight.shape for name, weight, _ in weights_of(graph)}, True, True)
    attention = any(leaf.form[:1] == ("qkv",) for leaf in own)
    spectral = any(ORIGINAL in leaf.parts for leaf in own)
    given = leaves(shapes, attention, spectral)
    layers = Layers(own, given, graph)
    notes: list[str] = []
    ranks = _ranks(given, [*shapes], order) if accept_order else None
    _check_layout(shapes)
    settled = _by_name(layers, notes)
    if settled is None:
        if any(leaf.path.count(".") >= DEEPEST for leaf in (*own, *given)):
            raise refused(f"other names than ours are told only where scopes lie less than {DEEPEST} deep", RENAME)
        settled = _partly(layers, ranks, notes) if partial else _wholly(layers, ranks)
        notes += [] if notes else _said(_prefixes(given)[-1] if len(given) > 1 else "", "")
    pairs = [pair for leaf in own if leaf.path in settled for pair in _pairs(leaf, *settled[leaf.path])]
    notes += [
        f"{pair.ours} is {show(pair.shape)}, in the file {show(shapes[pair.source.names[0]])}"
        for pair in pairs
        if not pair.source.how and shapes[pair.source.names[0]] != pair.shape
    ]
    taken = {leaf.path for leaf, _ in settled.values()}
    unused = [name for leaf in given if leaf.path not in taken for name in leaf.names]
    unused += [name for name in shapes if name.endswith(COUNT) and name.rpartition(".")[0] not in taken]
    return Mapping(
        pairs,
        [name for leaf in own if leaf.path not in settled for name in leaf.names],
        unused,
        notes,
    )


def _check_layout(shapes: Named[str, Shape]) -> None:
    """Refuse weights called `kernel`, as Keras and Flax call them with the outputs last, where no shape tells that."""
    kernels = [shape for name, shape in shapes.items() if name.endswith("kernel") and len(shape) > 1]
    if kernels and all((*shape[:-3:-1], *shape[:-2]) == shape for shape in kernels):
        reason = "the axes of its tensors called `kernel` may have another order, which their shapes do not tell"
        raise refused(reason, "turn them to outputs, inputs, window, and call them `weight`")


def _by_name(layers: Layers, notes: list[str]) -> Settled | None:
    """Every layer by its name, where both sides have the same layers, but perhaps for prefixes that all have."""
    for theirs, ours in sorted(
        ((t, o) for t in _prefixes(layers.theirs) for o in _prefixes(layers.ours)),
        key=lambda pair: len(pair[0] + pair[1]),
    ):
        names = {_stripped(leaf.path, theirs): leaf for leaf in layers.theirs}
        if {_stripped(leaf.path, ours): leaf.form for leaf in layers.ours} != {
            n: leaf.form for n, leaf in names.items()
        }:
            continue
        notes += _said(theirs, ours)
        return {leaf.path: (names[_stripped(leaf.path, ours)], "name") for leaf in layers.ours}
    return None


def _wholly(layers: Layers, ranks: "Callable[[Leaf], Any] | None") -> Settled:
    """Every layer of both sides. Raises E0516 where one is left over, and E0527."""
    if Counter(leaf.form for leaf in layers.ours) != Counter(leaf.form for leaf in layers.theirs):
        raise left_over(layers.ours, layers.theirs)
    return _matched(layers, ranks) if layers.ours else {}


def _matched(layers: Layers, ranks: "Callable[[Leaf], Any] | None") -> Settled:
    with deep_recursion():
        matcher = Matcher(layers.ours, layers.theirs, layers.flow(), ranks)
        matcher.run()
    if matcher.unsettled:
        raise unclear(matcher.unsettled)
    return {path: (leaf, RULES[rule]) for path, (leaf, rule) in matcher.pairs.items()}


def _partly(layers: Layers, ranks: "Callable[[Leaf], Any] | None", notes: list[str]) -> Settled:
    """What both sides have: by name where nothing else would fit, else the layers whose shapes both have equally often.

    Raises E0516 where neither leads anywhere, or a layer in the middle has other shapes in the file.
    """
    prefix, named = _most_by_name(layers)
    ours = [leaf for leaf in layers.ours if leaf.path not in named]
    theirs = [leaf for leaf in layers.theirs if leaf.path not in {other.path for other, _ in named.values()}]
    if not named or {leaf.form for leaf in ours} & {leaf.form for leaf in theirs}:
        forms = {leaf.form for leaf in layers.ours} & {leaf.form for leaf in layers.theirs}
        both = [[leaf for leaf in side if leaf.form in forms] for side in (layers.ours, layers.theirs)]
        if Counter(leaf.form for leaf in both[0]) == Counter(leaf.form for leaf in both[1]) and forms:
            return _matched(Layers(both[0], both[1], layers.graph), ranks)
    if not named:
        raise left_over(layers.ours, layers.theirs, RENAME)
    _check_middle(layers, prefix, named)
    notes += _said(prefix, "")
    return named


def _most_by_name(layers: Layers) -> tuple[str, Settled]:
    """The prefix in the file under which most of our layers lie with their shapes, and these; none if it is not one."""
    ours = {leaf.path: leaf for leaf in layers.ours}
    counts: Counter[str] = Counter()
    for leaf in layers.theirs:
        parts = leaf.path.split(".")
        for i in range(len(parts)):
            own = ours.get(".".join(parts[i:]))
            if own is not None and own.form == leaf.form:
                counts[".".join(parts[:i])] += 1
    best = counts.most_common(2)
    if not best:
        return "", {}
    if len(best) > 1 and best[0][1] == best[1][1]:
        reason = " and under ".join(f"`{show(prefix)}.`" for prefix, _ in best)
        raise refused(f"its names fit under {reason}", "write the tensors that are meant to a file of their own")
    prefix = best[0][0]
    theirs = {_stripped(leaf.path, prefix): leaf for leaf in layers.theirs if _stripped(leaf.path, prefix) is not None}
    pairs = {path: theirs[path] for path in ours if path in theirs and theirs[path].form == ours[path].form}
    return prefix, {path: (leaf, "name") for path, leaf in pairs.items()}


def _check_middle(layers: Layers, prefix: str, named: Settled) -> None:
    """Refuse layers between others whose names are in the file with other shapes: it holds another network."""
    with deep_recursion():
        flow = layers.flow()
    theirs = {_stripped(leaf.path, prefix): leaf for leaf in layers.theirs}
    taken = 0
    for path in named:
        taken |= flow.bits[path]
    for leaf in layers.ours:
        if leaf.path in named or leaf.path not in theirs:
            continue
        bit = flow.bits[leaf.path]
        after = any(flow.seen[flow.bits[path]].all & bit for path in named)
        if after and flow.seen[bit].all & taken:
            there, here = told(theirs[leaf.path]), told(leaf)
            raise refused(
                f"{leaf.path}, between layers that fit, is {there} in the file and {here} in the network", RENAME
            )


def _prefixes(layers: list[Leaf]) -> list[str]:
    """Prefixes that all paths have, from none to the longest; of a single path its last part is none."""
    if not layers:
        return [""]
    found, parts = [""], layers[0].path.split(".")
    for i in range(1, min(LEVELS, len(parts) + (len(layers) > 1))):
        prefix = ".".join(parts[:i])
        if not all(leaf.path == prefix or leaf.path.startswith(f"{prefix}.") for leaf in layers):
            break
        found.append(prefix)
    return found


def _stripped(path: str, prefix: str) -> str | None:
    """A path without a prefix; None where it does not begin with that."""
    if not prefix or path == prefix:
        return "" if prefix else path
    return path[len(prefix) + 1 :] if path.startswith(f"{prefix}.") else None


def _said(theirs: str, ours: str) -> list[str]:
    notes = [f"without the prefix `{show(theirs)}.` of names in the file"] if theirs else []
    return notes + ([f"without the prefix `{show(ours)}.` of names in the network"] if ours else [])


def _ranks(theirs: list[Leaf], names: list[str], order: str | None) -> "Callable[[Leaf], Any]":
    """A key for the order of their layers: as in the file or, where that is sorted by name, natural."""
    if order == "name" or (order is None and names == sorted(names)):
        return lambda leaf: natural(leaf.path)
    places = {leaf.path: i for i, leaf in enumerate(theirs)}
    return lambda leaf: places[leaf.path]


def _pairs(ours: Leaf, theirs: Leaf, rule: str) -> list[Pair]:
    """The tensors of one of our layers; a weight that we keep as length and direction may be whole in the file."""
    pairs = []
    for part, own in ours.parts.items():
        source = theirs.parts[part]
        if len(own.names) == 1:
            pairs.append(Pair(own.names[0], source, own.shape, rule))
            continue
        length = (own.shape[0], *(1 for _ in own.shape[1:]))
        if source.how == own.how:
            made = [Source((name,), shape) for name, shape in zip(source.names, (length, own.shape), strict=True)]
        else:
            made = [Source(source.names, length, LENGTHS), source]
        pairs += [Pair(own.names[0], made[0], length, rule), Pair(own.names[1], made[1], own.shape, rule)]
    return pairs


# What is done with it


def taken_over(mapping: Mapping, found: "Arrays", graph: Graph) -> "Arrays":
    """The foreign tensors under our names and in our shapes; what is missing begins as from seed 0.

    Counts of batches are those of the file, else 0.
    """
    made: Arrays = {}
    for pair in reversed(mapping.pairs):  # lengths stand before what they are the lengths of
        lengthy = pair.source.how == LENGTHS
        array = lengths(made[pair.ours.removesuffix("0") + "1"]) if lengthy else pair.source.make(found)
        made[pair.ours] = np.ascontiguousarray(array.reshape(pair.shape))
    partner = {pair.ours.rpartition(".")[0]: pair.source.names[0].rpartition(".")[0] for pair in mapping.pairs}
    result: Arrays = {}
    for name, weight, _ in weights_of(graph):
        scope = name.rpartition(".")[0]
        if name.endswith(COUNT) and scope in partner:
            count = found.get(join(partner[scope], COUNT), np.zeros(()))
            result[name] = np.asarray(count, np.int64).reshape(())
        else:
            result[name] = made[name] if name in made else draw_one(name, weight, 0)
    if mapping.missing:
        drawn = {**result}
        complete(drawn, graph)
        result |= {name: drawn[name] for name in mapping.missing}
    return result


def describe(mapping: Mapping) -> str:
    """The mapping as the command prints it, one tensor a line with the rule that found it, and what is to be known."""
    pairs = mapping.pairs
    width = max((len(pair.ours) for pair in pairs), default=0)
    other = max((len(pair.theirs) for pair in pairs), default=0)
    sizes = ["x".join(map(str, pair.shape)) for pair in pairs]
    size = max(map(len, sizes), default=0)
    lines = [
        f"{pair.ours:{width}}  <-  {pair.theirs:{other}}  {text:{size}}  {pair.rule}"
        for pair, text in zip(pairs, sizes, strict=True)
    ]
    return "\n".join([*lines, "", _summary(pairs), *remarks(mapping)])


def _summary(pairs: list[Pair]) -> str:
    counts = Counter(pair.rule for pair in pairs)
    rules = [rule for rule in RULES if counts[rule]]
    if len(rules) == 1:
        return f"{len(pairs)} tensors by {rules[0]}"
    return f"{len(pairs)} tensors: {', '.join(f'{counts[rule]} by {rule}' for rule in rules)}"


def remarks(mapping: Mapping) -> list[str]:
    """What is to be known besides: prefixes, other shapes, what stays as initialised, what of the file is unused."""
    lines = [*mapping.notes]
    if mapping.missing:
        lines.append(f"as initialised, not in the file: {', '.join(map(show, mapping.missing))}")
    if mapping.unused:
        lines.append(f"unused, not in the network: {', '.join(map(show, mapping.unused))}")
    return lines


def save(path: Path, arrays: "Arrays") -> None:
    """Write tensors to a .safetensors file. Raises UsageError without the package (E0507)."""
    try:
        from safetensors.numpy import save as serialize
    except ModuleNotFoundError:
        raise usage("E0507", package="safetensors", extra="cnnc[weights]") from None
    write_file(path, serialize(arrays, metadata={"producer": "cnnc"}))
