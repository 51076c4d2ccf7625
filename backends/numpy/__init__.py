"""The NumPy reference: a graph evaluated by its definitions in double precision. `cnnc verify` judges by it."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from ...compiler.cost import inference_steps
from ...compiler.diagnostics import usage
from ...compiler.ir import Apply, Call, Graph, Region, Value, join, known
from ...compiler.pipeline import deep_recursion
from .ops import LOWERINGS, Array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ...compiler.net import Net

    Inputs = Sequence[ArrayLike] | Mapping[str, ArrayLike]


def run(
    net: "Net | Graph",
    inputs: "Inputs",
    weights: "Mapping[str, ArrayLike]",
    times: dict[str, float] | None = None,
) -> dict[str, Array]:
    """The outputs of a network in inference mode by name, in float64; the batch leads all shapes.

    inputs: one array for each input of the network, in order or by name. weights: every stored tensor by its full
    name. times: where the seconds of each layer are added up. Raises UsageError (E0512) for an op that has no lowering.
    """
    graph: Graph = net if isinstance(net, Graph) else net.graph
    names = [terminal.name for terminal in graph.inputs]
    given = inputs if isinstance(inputs, Mapping) else dict(zip(names, inputs, strict=True))
    values = {terminal.value: np.asarray(given[terminal.name], np.float64) for terminal in graph.inputs}
    stored = {name: np.asarray(array, np.float64) for name, array in weights.items()}
    with deep_recursion(), np.errstate(all="ignore"):
        _run_steps(inference_steps(graph), "", values, stored, {} if times is None else times)
    return {terminal.name: values[terminal.value] for terminal in graph.outputs}


def _run_steps(
    steps: list[Apply | Call],
    prefix: str,
    values: dict[Value, Array],
    weights: dict[str, Array],
    times: dict[str, float],
) -> None:
    """Run a region's steps in order; `values` holds its inputs, and everything it computed afterwards."""
    for step in steps:
        xs = [values[v] for v in step.inputs]
        if isinstance(step, Apply):
            begun = perf_counter()
            results, path = _apply(step, prefix, xs, weights), join(prefix, step.name)
            times[path] = times.get(path, 0.0) + perf_counter() - begun
        else:
            results = _call(step, prefix, xs, weights, times)
        values.update(zip(step.outputs, results, strict=True))


def _call(call: Call, prefix: str, xs: list[Array], weights: dict[str, Array], times: dict[str, float]) -> list[Array]:
    """A region's outputs, each of its instances applied to what the one before gave."""
    region: Region = call.region
    for i in range(call.count):
        path = call.shared or join(prefix, call.instance_name(i))
        values = dict(zip(region.inputs, xs, strict=True))
        _run_steps(region.steps, path, values, weights, times)
        xs = [values[v] for v in region.outputs]
    return xs


def _apply(step: Apply, prefix: str, xs: list[Array], weights: dict[str, Array]) -> list[Array]:
    """One op's results, which must have the shapes that the compiler inferred."""
    lowering = LOWERINGS.get(step.op.name)
    if lowering is None:
        raise usage("E0512", op=step.op.name, backend="NumPy", reason="the reference has no definition of it")
    path = join(prefix, step.name)
    own = {w.name: weights[join(path, w.name)] for w in (*step.weights(), *step.buffers())}
    made = lowering(step.attrs, step, xs, own)
    results = list(made) if isinstance(made, tuple) else [made]
    for result, value in zip(results, step.outputs, strict=True):
        wanted = (len(xs[0]), *known(value))
        assert result.shape == wanted, f"{path}: the reference gives {result.shape}, shape inference {wanted}"
    return results


__all__ = ["LOWERINGS", "run"]
