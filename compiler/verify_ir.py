"""Checks that a graph is what backends rely on. Tests run it after every compilation."""

from .diagnostics import Reject
from .ir import Apply, Call, Graph, Region, Value, known, regions_of
from .symbolic import differs


class BrokenGraphError(Exception):
    """The graph breaks an invariant; a fault of cnnc, never of a program."""


def check_graph(graph: Graph) -> None:
    """Raise BrokenGraphError unless every value is defined once before its use, shapes are those of the ops' rules,
    calls fit their regions, repeats keep their shape, and names within a region are unique.
    """
    for root in (graph.root, *graph.shared.values()):
        for region in regions_of(root):
            _check_region(region)
    for terminal in graph.inputs:
        _expect(terminal.value in graph.root.inputs, f"input {terminal.name} is not an input of the root region")
    for terminal in (*graph.outputs, *graph.aux):
        _expect(terminal.value in graph.root.outputs, f"output {terminal.name} is not an output of the root region")


def _check_region(region: Region) -> None:
    defined: set[Value] = set(region.inputs)
    names: set[str] = set()
    for step in region.steps:
        where = f"{region.title}.{step.name}"
        for value in step.inputs:
            _expect(value in defined, f"{where} uses a value before it is made")
        if isinstance(step, Apply):
            _check_apply(step, where)
        else:
            _check_call(step, where)
            if step.reuse:
                _expect(step.name in names, f"{where} uses weights again that nothing used before")
        for value in step.outputs:
            _expect(value not in defined and value.maker is step, f"{where} makes a value twice")
            defined.add(value)
        for name in _names(step):
            fresh = name not in names or (isinstance(step, Call) and step.reuse)
            _expect(fresh or (isinstance(step, Call) and step.shared is not None), f"{where} has a name twice")
            names.add(name)
    for value in region.outputs:
        _expect(value in defined, f"{region.title} gives a value that it does not make")


def _names(step: Apply | Call) -> list[str]:
    if isinstance(step, Apply):
        return [step.name]
    return [step.instance_name(0), step.instance_name(step.count - 1)] if step.count > 1 else [step.name]


def _check_apply(step: Apply, where: str) -> None:
    try:
        shape = step.op.shape(step.attrs, *step.in_shapes)
    except Reject as reject:
        raise BrokenGraphError(f"{where}: {step.op.name} rejects its operands with {reject.code}") from None
    same = len(shape) == len(step.out_shape) and not any(map(differs, shape, step.out_shape))
    _expect(same, f"{where} is {step.out_shape}, the rule says {shape}")


def _check_call(step: Call, where: str) -> None:
    inner = step.region
    _expect(len(step.inputs) == len(inner.inputs), f"{where} passes {len(step.inputs)} values to {len(inner.inputs)}")
    _expect(
        len(step.outputs) == len(inner.outputs), f"{where} takes {len(step.outputs)} of {len(inner.outputs)} results"
    )
    pairs = [*zip(step.inputs, inner.inputs, strict=True), *zip(step.outputs, inner.outputs, strict=True)]
    for outer, value in pairs:
        _expect(known(outer) == known(value), f"{where}: {known(outer)} outside is {known(value)} inside")
    if step.count > 1:
        alone = len(step.inputs) == len(step.outputs) == 1
        _expect(alone and known(step.inputs[0]) == known(step.outputs[0]), f"{where} cannot be repeated")
    _expect(step.count >= 1, f"{where} is repeated {step.count} times")


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise BrokenGraphError(message)
