"""Building regions: frames that collect steps, the naming of steps, and tensors that cross region borders."""

import keyword
from typing import Any

from ..diagnostics import Reject
from ..ir import Apply, Call, Region, Value
from ..namespace import Namespace
from ..source import Span

BARE_KINDS = frozenset({"fc"})
"""Kinds that carry no number when a body has only one of them, as everyone calls them."""

RESERVED = frozenset(
    [
        "T_destination",
        "add_module",
        "append",
        "apply",
        "bfloat16",
        "buffers",
        "call_super_init",
        "children",
        "compile",
        "cpu",
        "cuda",
        "double",
        "dump_patches",
        "eval",
        "extend",
        "extra_repr",
        "float",
        "forward",
        "get_buffer",
        "get_extra_state",
        "get_parameter",
        "get_submodule",
        "half",
        "insert",
        "ipu",
        "load_state_dict",
        "modules",
        "mtia",
        "named_buffers",
        "named_children",
        "named_modules",
        "named_parameters",
        "parameters",
        "pop",
        "register_backward_hook",
        "register_buffer",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_load_state_dict_post_hook",
        "register_load_state_dict_pre_hook",
        "register_module",
        "register_parameter",
        "register_state_dict_post_hook",
        "register_state_dict_pre_hook",
        "requires_grad_",
        "set_extra_state",
        "set_submodule",
        "share_memory",
        "state_dict",
        "to",
        "to_empty",
        "train",
        "training",
        "type",
        "xpu",
        "zero_grad",
        "self",
        "super",
        "nn",
        "torch",
    ]
)
"""Attributes of `torch.nn.Module`, which no weight may be called; a test compares this with PyTorch's own list."""


def safe_name(name: str) -> str:
    """A name that Python and PyTorch modules accept: a reserved one gets an underscore after it."""
    if keyword.iskeyword(name) or name in RESERVED or name.startswith("_"):
        bare = name.lstrip("_")
        return f"{bare}_" if bare.isidentifier() else f"x{bare}_"
    return name


def stem(kind: str) -> str:
    """What stands before a step's number. Python renames attributes that begin with two underscores, so none does."""
    if not kind.startswith("__"):
        return kind
    bare = kind.lstrip("_")
    return bare if bare.isidentifier() else f"x{bare}"


class Tag:
    """The name wanted for the next value of its own: a label, or the kind that a number is appended to.

    Labels come from `as`; a branch is labelled by its place, the projection of a skip connection `downsample`.
    """

    __slots__ = ("kind", "label", "skip")

    def __init__(self, kind: str | None = None, label: str | None = None, skip: bool = False) -> None:
        self.kind = kind
        self.label = label
        self.skip = skip


class Frame:
    """A region under construction. `pure` falls when the region reads or sets tensors of the scopes around it."""

    __slots__ = (
        "again",
        "arguments",
        "branches",
        "call",
        "captured",
        "exports",
        "imports",
        "is_open",
        "layers",
        "names",
        "parent",
        "positional",
        "pure",
        "region",
        "shared",
    )

    def __init__(self, region: Region, parent: "Frame | None", positional: bool) -> None:
        self.region = region
        self.parent = parent
        self.positional = positional
        region.positional = positional
        self.is_open = True
        self.pure = True
        self.layers = 0  # expanded layers so far
        self.shared: dict[Any, Call] = {}  # this block's own shared layers, each with its first use
        self.again: dict[Call, Call] = {}  # further uses of them, each with the first
        self.names = Namespace()  # of steps; what is in it before they are named, they may not take
        self.branches = 0  # branches of lists so far, which number the next
        self.imports: dict[Value, Value] = {}
        self.exports: dict[Value, Value] = {}
        self.captured: list[Value] = []
        self.arguments: dict[Value, str] = {}  # tensors among the block's arguments, by parameter
        self.call: Call | None = None

    def receive(self, outer: Value) -> Value:
        """A new input of the region, standing for a tensor of the frame around it."""
        inner = Value(outer.shape, outer.origin, self)
        self.region.inputs.append(inner)
        self.imports[outer] = inner
        return inner

    def bring(self, value: Value) -> Value:
        """The tensor as this region sees it, threaded through as many borders as lie between."""
        if value.frame is self:
            return value
        if value in self.imports:
            return self.imports[value]
        if not value.frame.is_open:
            return self.bring(value.frame.surface(value))
        if self.parent is None:
            raise Reject("E0334")
        outer = self.parent.bring(value)
        self.captured.append(outer)
        self.pure = False
        inner = Value(outer.shape, outer.origin, self)
        inner.hint = self.arguments.get(value) or value.hint or (value.maker.label if value.maker else None)
        self.region.inputs.append(inner)
        self.imports[value] = inner
        return inner

    def surface(self, value: Value) -> Value:
        """A tensor inside this finished region as one more result of the call to it."""
        if value not in self.exports:
            assert self.call is not None and self.parent is not None
            self.region.outputs.append(value)
            outer = Value(value.shape, value.origin, self.parent)
            outer.maker = self.call
            self.call.outputs.append(outer)
            self.exports[value] = outer
        return self.exports[value]

    def add(self, step: Apply | Call) -> None:
        self.region.steps.append(step)

    def close(self, result: Value) -> None:
        """Finish the region: its main result, and names for its steps."""
        self.region.outputs.insert(0, self.bring(result))
        self.finish()

    def finish(self) -> None:
        """Name the steps. A further use of a shared layer has the name of the first, whatever that came to be."""
        self.is_open = False
        fresh = [step for step in self.region.steps if step not in self.again]
        for step in fresh:
            if step.label:
                step.name = self.names.take(safe_name(step.label))
        if self.positional:
            _number(self.region.steps)
        else:
            _name_by_kind(fresh, self.names)
        for step, first in self.again.items():
            step.name = first.name


def name_alone(region: Region) -> None:
    """Let the only layer of a repeated instance or shared layer carry the name of that itself.

    One that reads another tensor keeps its own, since it is a module within another.
    """
    if len(region.inputs) != 1:
        return
    if len(region.steps) == 1 and isinstance(region.steps[0], Apply) and not region.steps[0].label:
        region.steps[0].name = ""


def _number(steps: list[Apply | Call]) -> None:
    """Names by position, 0, 1, 2, …, for steps without a label."""
    index = 0
    for step in steps:
        if not step.label:
            step.name = str(index)
        index += step.count if isinstance(step, Call) else 1


def _name_by_kind(steps: list[Apply | Call], names: Namespace) -> None:
    """Names by kind and number, conv1, conv2, bn1, …, for steps without a label."""
    totals: dict[str, int] = {}
    for step in steps:
        kind = stem(step.kind)
        totals[kind] = totals.get(kind, 0) + 1
    counts: dict[str, int] = {}
    for step in steps:
        if step.label:
            continue
        kind = stem(step.kind)
        if kind in BARE_KINDS and totals[kind] == 1 and kind not in names:
            step.name = names.take(kind)
            continue
        counts[kind] = counts.get(kind, 0) + 1
        while f"{kind}{counts[kind]}" in names:
            counts[kind] += 1
        step.name = names.take(f"{kind}{counts[kind]}")


def open_region(
    kind: str, title: str, key: tuple[Any, ...], span: Span, parent: Frame | None, positional: bool
) -> Frame:
    """A frame for a new region inside another."""
    return Frame(Region(kind, title, key, span), parent, positional)
