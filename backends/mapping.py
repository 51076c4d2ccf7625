"""Foreign weights for a network: which tensor of a state_dict is which of ours, by name, else by order and shape."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compiler.diagnostics import CnncError, show, usage
from ..compiler.files import AnyPath
from ..compiler.ir import Graph, weights_of
from ..compiler.writing import write_file
from .weights import read_tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

Shape = tuple[int, ...]
COUNT = "num_batches_tracked"
"""Batch normalisation's count of batches, which files may leave out: it is of no use in inference."""


class Pair(NamedTuple):
    """One of our tensors, and the foreign tensor that becomes it."""

    ours: str
    theirs: str
    shape: Shape


class Group(NamedTuple):
    """The tensors of one layer: the layer's path, and names and shapes of its tensors."""

    path: str
    tensors: dict[str, Shape]

    @property
    def form(self) -> tuple[Any, ...]:
        """What can be told without names of layers. Axes of extent 1 do not matter; nor does the name of a single
        tensor, such as a scale."""
        shapes = {name: tuple(n for n in shape if n != 1) for name, shape in self.tensors.items()}
        return tuple(shapes.values()) if len(shapes) == 1 else tuple(sorted(shapes.items()))


def map_weights(graph: Graph, file: AnyPath, order: str, root: str | None = None) -> "tuple[list[Pair], str, Arrays]":
    """Pairs in our order, how they were found (`name` or `order`), and the file's tensors.

    root: the folder that the file must lie in, as for `read_tensors`.

    By name where the file has all of ours and none besides, each with its shape. Otherwise layer by layer: layers whose
    tensors have the same names and shapes are paired in order, which is the file's own or, with `order` name, the
    natural one of the names. A .safetensors file keeps no order, so there it must be said, unless no two layers are
    alike. Raises UsageError (E0516) where a tensor is left over on either side.
    """
    found = read_tensors(file, root)
    ours = {name: weight.shape for name, weight, _ in weights_of(graph) if not name.endswith(COUNT)}
    theirs = {name: tuple(a.shape) for name, a in found.items() if not name.endswith(COUNT)}
    if ours == theirs:
        return [Pair(name, name, shape) for name, shape in ours.items()], "name", found
    if order == "name":
        theirs = dict(sorted(theirs.items(), key=lambda item: natural(item[0])))
    unordered = order == "file" and Path(file).suffix == ".safetensors"
    return _by_order(groups(ours), groups(theirs), unordered), "order", found


def natural(name: str) -> list[Any]:
    """A key that puts layer10 behind layer9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def groups(shapes: Mapping[str, Shape]) -> list[Group]:
    found: dict[str, Group] = {}
    for name, shape in shapes.items():
        path, _, tensor = name.rpartition(".")
        found.setdefault(path, Group(path, {})).tensors[tensor] = shape
    return list(found.values())


def _by_order(ours: list[Group], theirs: list[Group], unordered: bool) -> list[Pair]:
    waiting: dict[Any, list[Group]] = {}
    for group in theirs:
        waiting.setdefault(group.form, []).append(group)
    needed = [group.form for group in ours]
    if unordered:
        alike = next((form for form in needed if needed.count(form) > 1), None)
        if alike is not None:
            names = " and ".join(g.path for g in ours if g.form == alike)
            raise _refused(f"{_clipped(names)} are alike, and a .safetensors file keeps no order")
    pairs: list[Pair] = []
    for group in ours:
        if not waiting.get(group.form):
            raise _refused(f"nothing in the file is like {group.path or 'the first layer'} ({_tensors(group)})")
        partner = waiting[group.form].pop(0)
        for tensor, shape in group.tensors.items():
            other = tensor if len(partner.tensors) > 1 else next(iter(partner.tensors))
            pairs.append(Pair(_join(group.path, tensor), _join(partner.path, other), shape))
    rest = [group for group_list in waiting.values() for group in group_list]
    if rest:
        more = f" and {len(rest) - 1} more layers" if len(rest) > 1 else ""
        raise _refused(f"no place for {_join(rest[0].path, next(iter(rest[0].tensors)))}{more} of the file")
    return pairs


def _refused(reason: str) -> CnncError:
    return usage("E0516", reason=reason)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _clipped(text: str) -> str:
    return text if len(text) < 160 else text[:157] + "…"


def _tensors(group: Group) -> str:
    return ", ".join(f"{name} {show(shape)}" for name, shape in group.tensors.items())


def taken_over(pairs: list[Pair], found: "Arrays", graph: Graph) -> "Arrays":
    """The foreign tensors under our names and in our shapes; counts of batches are those of the file, else 0."""
    arrays = {pair.ours: np.ascontiguousarray(found[pair.theirs].reshape(pair.shape)) for pair in pairs}
    partner = {pair.ours.rpartition(".")[0]: pair.theirs.rpartition(".")[0] for pair in pairs}
    result: Arrays = {}
    for name, _, _ in weights_of(graph):
        if name.endswith(COUNT):
            theirs = _join(partner[name.rpartition(".")[0]], COUNT)
            result[name] = np.asarray(found.get(theirs, 0), np.int64).reshape(())
        else:
            result[name] = arrays[name]
    return result


def describe(pairs: list[Pair], way: str) -> str:
    """The mapping as the command prints it, one tensor a line."""
    width = max((len(pair.ours) for pair in pairs), default=0)
    other = max((len(pair.theirs) for pair in pairs), default=0)
    lines = [f"{pair.ours:{width}}  <-  {pair.theirs:{other}}  {'x'.join(map(str, pair.shape))}" for pair in pairs]
    return "\n".join([*lines, "", f"{len(pairs)} tensors by {way}"])


def save(path: Path, arrays: "Arrays") -> None:
    """Write tensors to a .safetensors file. Raises UsageError without the package (E0507)."""
    try:
        from safetensors.numpy import save as serialize
    except ModuleNotFoundError:
        raise usage("E0507", package="safetensors", extra="cnnc[weights]") from None
    write_file(path, serialize(arrays, metadata={"producer": "cnnc"}))
