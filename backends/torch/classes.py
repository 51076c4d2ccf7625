"""Which classes the source has: regions of one block become one class, what differs between them its arguments.

Instances are compared after elaboration. Every value in a constructor call is a leaf; where all instances agree it is
written as a literal, elsewhere as an argument, named after the block's own parameter when its values are the same. A
step that only some instances have, such as the projection of a skip connection, becomes optional behind a flag.
"""

from functools import cached_property
from typing import Any, NamedTuple

from ...compiler.diagnostics import Diagnostic, NetworkError
from ...compiler.elaborate.build import RESERVED
from ...compiler.ir import Apply, Call, Graph, Region, Value, known, regions_of
from ...compiler.namespace import Namespace
from ...compiler.ops.base import channel_axis, channels_of
from ...compiler.training import may_overwrite, use_counts
from .ops import Code, New, literal, lower


class Leaf(NamedTuple):
    """The place of a value in a constructor call: its number among the step's values."""

    place: int


class Repeat(NamedTuple):
    """`*(body for _ in range(count))` among the arguments of `nn.Sequential`."""

    body: Any
    times: Leaf


class StepCode:
    """One step as code. `shape` says all but the values: steps with equal shapes differ only in `leaves`."""

    def __init__(self, name: str, operands: tuple[Any, ...], outputs: int) -> None:
        self.name = name
        self.operands = operands  # ("in", i) or ("step", j, k)
        self.outputs = outputs
        self.code: Code | None = None
        self.constructor: Any = None  # New whose arguments are leaves or constructors
        self.leaves: list[Any] = []
        self.leaf_names: list[str] = []
        self.overwrite = False  # an addition into its first operand
        self.kind = ""
        self.label: str | None = None
        self.hint: str | None = None
        """What the program calls the result."""
        self.result_shape: tuple[int, ...] = ()
        self.heavy = False
        self.shared: str | None = None
        self.times = 1
        """How often in sequence a shared module is called."""
        self.reuse = False
        self.passed: tuple[str, ...] = ()
        """Shared modules that the callee needs as further arguments."""

    @property
    def shape(self) -> Any:
        name = self.name if self.constructor is not None else None
        function = (
            None
            if self.code is None
            else (
                self.code.function,
                self.code.template,
                self.code.extra,
                self.code.infix,
                self.code.concat,
                self.code.flatten,
            )
        )
        return (
            name,
            self.constructor,
            function,
            len(self.operands),
            self.outputs,
            self.overwrite,
            self.shared,
            self.times,
            self.passed,
        )


class ClassCode:
    """One class of the source and the regions that are instances of it."""

    def __init__(self, region: Region, steps: list[StepCode], results: list[Any]) -> None:
        self.name = ""
        self.region = region
        self.regions = [region]
        self.steps = steps
        self.results = results
        self.columns: list[list[list[Any]]] = [[step.leaves] for step in steps]
        """For each step and instance, the values of its leaves; empty where the instance lacks the step."""
        self.present: list[list[bool]] = [[True] for _ in steps]
        self.shapes: list[list[tuple[int, ...]]] = [[step.result_shape] for step in steps]
        self.plain = False
        self.needs: tuple[str, ...] = ()
        """Shared modules that `forward` takes as arguments."""
        self.owned: dict[str, Any] = {}
        """Constructors of all shared modules, in the network's own class."""
        self.input_names: list[str] = []
        self.output_names: list[str] = []
        """In the network's own class: the names of its inputs, and of its outputs with the training-only ones last."""
        self.aux_count = 0
        self.params: list[Any] = []
        self.texts: dict[tuple[int, int], str] = {}
        self.flags: dict[int, str] = {}

    @cached_property
    def attributes(self) -> Namespace:
        """Names on `self`: those of modules, and what `forward` keeps of the constructor's arguments."""
        return Namespace({*RESERVED, *self.owned, *(step.name for step in self.steps if step.constructor is not None)})

    def values_for(self, region: Region) -> tuple[tuple[Any, Any], ...]:
        """The constructor's arguments for one of the instances."""
        index = next(i for i, r in enumerate(self.regions) if r is region)
        return tuple((param, param.values[index]) for param in self.params)


class Classes:
    """All classes of a graph, callees before their callers."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.of: dict[int, ClassCode] = {}
        self.order: list[ClassCode] = []
        self.helpers: dict[str, None] = {}
        self.heights: dict[int, int] = {}
        self.inline: dict[int, bool] = {}
        regions = regions_of(graph.root)
        self.needs: dict[int, tuple[str, ...]] = {}
        for region in regions:
            self.needs[id(region)] = self.shared_in(region)
        for region in regions:
            self.inline[id(region)] = region is not graph.root and self.is_inline(region)
            self.heights[id(region)] = self.height(region)
        self.build([r for r in regions if not self.inline[id(r)]])
        self.own_shared()

    def shared_in(self, region: Region) -> tuple[str, ...]:
        """The shared layers that a region uses, itself or in what it calls."""
        names: dict[str, None] = {}
        for step in region.steps:
            if isinstance(step, Call):
                names.update(dict.fromkeys([step.shared] if step.shared else []))
                names.update(dict.fromkeys(self.needs[id(step.region)]))
        return tuple(names)

    def own_shared(self) -> None:
        """Let the network's class make every shared module."""
        net = self.of[id(self.graph.root)]
        for number, (name, region) in enumerate(self.graph.shared.items()):
            step = StepCode(name, (), 1)
            net.owned[name] = self.instance(region, step)
            net.texts.update({(-1 - number, leaf): literal(value) for leaf, value in enumerate(step.leaves)})

    def height(self, region: Region) -> int:
        inner = [self.heights[id(s.region)] for s in region.steps if isinstance(s, Call)]
        return max(inner, default=0) + (0 if self.inline[id(region)] else 1)

    def is_inline(self, region: Region) -> bool:
        """Whether a region is an `nn.Sequential` written where it is used: a numbered chain with no taps."""
        plain = all(not step.label for step in region.steps) and not self.needs[id(region)]
        alone = len(region.steps) == 1 and not region.steps[0].name
        return (region.kind == "chain" or alone) and plain and _is_linear(region)

    def build(self, regions: list[Region]) -> None:
        groups: dict[Any, list[Region]] = {}
        for region in regions:
            groups.setdefault((self.heights[id(region)], region.key, region.title), []).append(region)
        for key in sorted(groups, key=lambda k: k[0]):
            self.order += self.merge(groups[key])

    def merge(self, regions: list[Region]) -> list[ClassCode]:
        """The classes for the regions of one declaration: as few as their structures allow."""
        from .merge import absorb
        from .params import name_params

        found: list[ClassCode] = []
        for region in sorted(regions, key=lambda r: -len(r.steps)):
            steps, results = self.steps_of(region)
            owner = next((c for c in found if absorb(c, region, steps, results)), None)
            if owner is None:
                owner = ClassCode(region, steps, results)
                found.append(owner)
            self.of[id(region)] = owner
        for code in found:
            code.needs = self.needs[id(code.region)] if code.region is not self.graph.root else ()
            code.plain = code.region.positional and _is_linear(code.region) and self.is_plain(code)
            name_params(code)
        return found

    def is_plain(self, code: ClassCode) -> bool:
        """Whether the class is an `nn.Sequential` that needs no `forward` of its own."""
        if self.needs[id(code.region)] or any(s.code is not None and s.code.flatten for s in code.steps):
            return False
        return all(s.constructor is not None for s in code.steps)

    # Steps

    def steps_of(self, region: Region) -> tuple[list[StepCode], list[Any]]:
        where: dict[Value, Any] = {value: ("in", i) for i, value in enumerate(region.inputs)}
        uses = use_counts(region)
        steps: list[StepCode] = []
        rest = list(region.steps)
        while rest:
            step, shares = rest[0], 1 if region.positional else _even_shares(rest)
            results = [v for s in rest[:shares] for v in s.outputs]
            code = StepCode(step.name, tuple(where[v] for v in step.inputs), len(results))
            code.kind, code.label, code.hint = step.kind, step.label, results[0].hint
            code.result_shape = known(results[0])
            if shares > 1:
                code.code = Code(template=f"{{x}}.chunk({shares}, {1 + channel_axis(known(step.inputs[0]))})")
            elif isinstance(step, Apply):
                self.apply_code(code, step, region, uses)
            else:
                self.call_code(code, step, region)
            where.update((value, ("step", len(steps), k)) for k, value in enumerate(results))
            steps.append(code)
            del rest[:shares]
        return steps, [where[v] for v in region.outputs]

    def apply_code(self, code: StepCode, step: Apply, region: Region, uses: dict[Value, int]) -> None:
        free = may_overwrite(step, region, uses)
        code.code = lower(step, free, region.positional)
        code.overwrite = code.code.infix in ("+", "-") and free and step.inputs[0].shape == step.output.shape
        code.heavy = step.op.depth or step.op.suffix is not None or step.op.sees_all
        if code.code.helper:
            self.helpers[code.code.helper] = None
        if code.code.module is not None and (code.code.function is None or region.positional):
            code.constructor = self.constructor(code.code.module, code)

    def call_code(self, code: StepCode, step: Call, region: Region) -> None:
        code.heavy = True
        code.shared, code.reuse, code.passed = step.shared, step.reuse, self.needs[id(step.region)]
        if step.shared:
            code.times = step.count
            self.check_shared(step.shared, step)
            return
        body = self.instance(step.region, code)
        if region.positional and not step.label:
            code.constructor = Repeat(body, self.leaf(code, "count", step.count))
        else:
            code.constructor = body

    def check_shared(self, name: str, step: Call) -> None:
        """Refuse a shared layer whose one module would not do what this use of it needs.

        Padding of kind `same_upper` and arguments made of `hin` and `win` have other values at another size.
        """
        if self.made(step.region) != self.made(self.graph.shared[name]):
            raise NetworkError([Diagnostic("E0365", {"name": name}, step.span)])

    def made(self, region: Region) -> Any:
        """The constructor call for a region with its values."""
        code = StepCode("", (), 1)
        return self.instance(region, code), code.leaves

    def instance(self, region: Region, code: StepCode) -> Any:
        """The constructor call for an instance of a region."""
        if self.inline[id(region)]:
            return self.sequential(region, code)
        owner = self.of[id(region)]
        args = tuple(
            (p.name, self.leaf(code, p.name, value), False if p.is_flag else None)
            for p, value in owner.values_for(region)
        )
        return (owner, args)

    def sequential(self, region: Region, code: StepCode) -> Any:
        """An inline `nn.Sequential`, or its only layer if that is all."""
        uses = use_counts(region)
        items = []
        for step in region.steps:
            if isinstance(step, Call):
                body = self.instance(step.region, code)
                items.append(Repeat(body, self.leaf(code, "count", step.count)))
                continue
            lowered = lower(step, may_overwrite(step, region, uses), True)
            if lowered.helper:
                self.helpers[lowered.helper] = None
            assert lowered.module is not None
            items.append(self.constructor(lowered.module, code))
        if len(region.steps) == 1 and not region.steps[0].name:
            return items[0]
        return ("nn.Sequential", tuple(items))

    def constructor(self, new: New, code: StepCode) -> Any:
        args = tuple((a.name, self.leaf(code, a.name, a.value), a.default) for a in new.args)
        return (new.callee, args)

    def leaf(self, code: StepCode, name: str, value: Any) -> Leaf:
        code.leaves.append(value)
        code.leaf_names.append(name)
        return Leaf(len(code.leaves) - 1)


def _even_shares(steps: list[Apply | Call]) -> int:
    """How many steps from the first on are slices that share out the channels of one tensor evenly; else 1."""
    source = steps[0].inputs[0]
    bounds = []
    for step in steps:
        if not isinstance(step, Apply) or step.op.name != "slice" or step.inputs != [source]:
            break
        bounds.append((step.attrs.a, step.attrs.b))
    channels = channels_of(known(source))
    for count in range(2, len(bounds) + 1):
        width = channels // count
        if width * count == channels and bounds[:count] == [(i * width, i * width + width) for i in range(count)]:
            return count
    return 1


def _is_linear(region: Region) -> bool:
    """Whether every step takes exactly what the one before gave."""
    if len(region.inputs) != 1 or len(region.outputs) != 1:
        return False
    value = region.inputs[0]
    for step in region.steps:
        if step.inputs != [value] or len(step.outputs) != 1:
            return False
        value = step.outputs[0]
    return region.outputs[0] is value
