"""The tensors of a state_dict by layer, whatever library named them: the parts of one layer, and how ours are made of
them."""

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compiler.ops.reparam import PREFIX
from .reparam import weight_from

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

Shape = tuple[int, ...]
COUNT = "num_batches_tracked"
"""Batch normalisation's count of batches, which files may leave out: it is of no use in inference."""

PARTS = {
    "weight": "weight", "gamma": "weight", "kernel": "weight", "in_proj_weight": "weight",
    "bias": "bias", "beta": "bias", "in_proj_bias": "bias",
    "running_mean": "running_mean", "moving_mean": "running_mean",
    "running_var": "running_var", "moving_variance": "running_var", "moving_var": "running_var",
}  # fmt: skip
"""What the parts of a layer are called, and what PyTorch calls them."""

LENGTH, DIRECTION = f"{PREFIX}.original0", f"{PREFIX}.original1"
ORIGINAL, LEFT, RIGHT = f"{PREFIX}.original", f"{PREFIX}.0._u", f"{PREFIX}.0._v"
MATRICES = frozenset(
    {"weight", "kernel", "in_proj_weight", "weight_g", "weight_v", "weight_orig", "original", "original0", "original1"}
)
"""Names under which layers keep the weights of convolutions and linear layers."""
FUSED = frozenset({"qkv", "to_qkv", "qkv_proj", "Wqkv", "wqkv", "in_proj"})
"""Layers that make queries, keys and values in this order. Names such as query_key_value stand for other orders."""
TRIPLES = (
    ("q_proj", "k_proj", "v_proj"), ("query", "key", "value"), ("queries", "keys", "values"), ("q", "k", "v"),
    ("to_q", "to_k", "to_v"), ("wq", "wk", "wv"), ("q_lin", "k_lin", "v_lin"), ("w_q", "w_k", "w_v"),
    ("query_proj", "key_proj", "value_proj"), ("q_linear", "k_linear", "v_linear"),
)  # fmt: skip


class Source(NamedTuple):
    """What a tensor is made of: tensors of the file, and how. `how` is empty where it is one of them as it stands."""

    names: tuple[str, ...]
    shape: Shape
    how: str = ""

    def make(self, found: "Arrays") -> "NDArray[Any]":
        return MAKERS[self.how](*(found[name] for name in self.names))

    @property
    def text(self) -> str:
        return f"{' + '.join(self.names)} ({self.how})" if self.how else self.names[0]


class Leaf(NamedTuple):
    """The tensors of one layer by the names that PyTorch gives its parts; its path, and what tells it from others."""

    path: str
    parts: dict[str, Source]
    form: tuple[Any, ...]

    @property
    def names(self) -> list[str]:
        """The tensors of the file, or of ours, that it is made of."""
        return [name for source in self.parts.values() for name in source.names]


def _joined(*parts: "NDArray[Any]") -> "NDArray[Any]":
    return np.concatenate(parts)


def _directed(length: "NDArray[Any]", direction: "NDArray[Any]") -> "NDArray[Any]":
    """length · direction / ‖direction‖, the norm over all axes along which there is one length (Salimans and Kingma,
    2016)."""
    v = direction.astype(np.float64)
    axes = tuple(i for i in range(v.ndim) if length.ndim != v.ndim or length.shape[i] == 1)
    norm = np.sqrt(np.square(v).sum(axes, keepdims=True))
    return np.asarray(length.astype(np.float64) * v / norm, np.float32)


def _divided(original: "NDArray[Any]", left: "NDArray[Any]", right: "NDArray[Any]") -> "NDArray[Any]":
    """A weight over its largest singular value; its rows run along the axis that is as long as the left vector."""
    rows = next(i for i in range(original.ndim) if original.shape[i] == left.size)
    return weight_from({ORIGINAL: original, LEFT: left, RIGHT: right}, "", rows)


MAKERS: "dict[str, Callable[..., NDArray[Any]]]" = {
    "": lambda array: array,
    "g·v/‖v‖": _directed,
    "over its singular value": _divided,
    "joined": _joined,
}


def leaves(shapes: Mapping[str, Shape], attention: bool, spectral: bool) -> list[Leaf]:
    """The layers that tensors belong to, in the order of their first tensors, without counts of batches.

    attention: whether the network has a joint projection to queries, keys and values; separate ones are joined then.
    spectral: whether it keeps the parts of spectral normalisation; else they become the weight that they express.
    """
    groups: dict[str, dict[str, Source]] = {}
    fused: set[str] = set()
    for name, shape in shapes.items():
        if name.rpartition(".")[2] == COUNT:
            continue
        path, part = _split(name, shapes)
        if part in groups.get(path, {}):  # `.bias` beside `bias`
            path = name
        groups.setdefault(path, {})[part] = Source((name,), shape)
        if attention and (part.startswith("in_proj_") or (path.rpartition(".")[2] in FUSED and len(shape) < 3)):
            fused.add(path)
    for parts in groups.values():
        _express(parts, spectral)
    if attention:
        fused.update(_join_triples(groups))
    return [Leaf(path, _known(parts), _form(parts, path in fused)) for path, parts in groups.items()]


def path_of(name: str) -> str:
    """The path of the layer that one of our tensors belongs to."""
    return _split(name, ())[0]


def _split(name: str, names: Iterable[str]) -> tuple[str, str]:
    """The path of a tensor's layer, and what it is there; a tensor of another kind is a layer of its own."""
    if PREFIX in name:
        path, _, part = name.rpartition(PREFIX)
        return path.removesuffix("."), PREFIX + part
    path, _, part = name.rpartition(".")
    stem = f"{path}." if path else ""
    if part in ("weight_g", "weight_v") and f"{stem}weight_g" in names:
        return path, LENGTH if part == "weight_g" else DIRECTION
    if part in ("weight_orig", "weight_u", "weight_v") and f"{stem}weight_orig" in names:
        return path, {"weight_orig": ORIGINAL, "weight_u": LEFT, "weight_v": RIGHT}[part]
    if part == "gamma" and f"{stem}beta" not in names:  # the factors of a layer scale
        return name, "weight"
    return (path, part) if part in PARTS else (name, "weight")


def _express(parts: dict[str, Source], spectral: bool) -> None:
    """Replace what expresses a weight by the weight, where the pieces are all there."""
    if LENGTH in parts and DIRECTION in parts:
        length, direction = parts.pop(LENGTH), parts.pop(DIRECTION)
        if "weight" not in parts:
            parts["weight"] = Source((*length.names, *direction.names), direction.shape, "g·v/‖v‖")
    if not spectral and {ORIGINAL, LEFT, RIGHT} <= parts.keys():
        original, left, right = parts.pop(ORIGINAL), parts.pop(LEFT), parts.pop(RIGHT)
        if "weight" not in parts:
            names = (*original.names, *left.names, *right.names)
            parts["weight"] = Source(names, original.shape, "over its singular value")


def _join_triples(groups: dict[str, dict[str, Source]]) -> list[str]:
    """Join separate projections to queries, keys and values where they are alike; the paths of the joint ones."""
    made = []
    for path in [*groups]:
        scope, _, last = path.rpartition(".")
        triple = next((names for names in TRIPLES if names[0] == last), None)
        if triple is None:
            continue
        three = [f"{scope}.{name}" if scope else name for name in triple]
        found = [groups.get(one, {}) for one in three]
        alike = [{part: source.shape for part, source in parts.items()} for parts in found]
        plain = all(not source.how for parts in found for source in parts.values())
        if not plain or alike[0] != alike[1] or alike[0] != alike[2] or len(alike[0].get("weight", ())) != 2:
            continue
        joint = f"{scope}.in_proj" if scope else "in_proj"
        groups[joint] = {
            part: Source(tuple(parts[part].names[0] for parts in found), (3 * shape[0], *shape[1:]), "joined")
            for part, shape in alike[0].items()
        }
        for one in three:
            del groups[one]
        made.append(joint)
    return made


def _known(parts: dict[str, Source]) -> dict[str, Source]:
    """Parts by PyTorch's names, unless two would have the same."""
    names = [PARTS.get(part, part) for part in parts]
    return dict(zip(names, parts.values(), strict=True)) if len({*names}) == len(names) else parts


def _form(parts: dict[str, Source], fused: bool) -> tuple[Any, ...]:
    form = sorted((part, _extents(source)) for part, source in _known(parts).items())
    return ("qkv", *form) if fused else tuple(form)


def _extents(source: Source) -> Shape:
    """A shape without the axes that do not matter: of a linear layer that is written as a 1×1 convolution, and around
    one number for each channel. Axes of kernels do matter: 1×3 is not 3×1."""
    shape = source.shape or (1,)
    if source.names[0].rpartition(".")[2] not in MATRICES:
        return (prod(shape),) if prod(shape) == max(shape) else shape
    if len(shape) == 3 and shape[1:] == (1, 1):  # factors for the channels of maps
        return (shape[0],)
    return shape[:2] if prod(shape[2:]) == 1 else shape
