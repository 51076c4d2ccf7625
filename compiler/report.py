"""The analysis as plain data: the JSON report, whose schema is docs/report.schema.json."""

from fractions import Fraction
from typing import Any, NamedTuple

from .constraints import Constraint, constraints
from .conventions import Convention, cost_of
from .cost import Summary
from .ir import Graph, known
from .memory import DTYPE_BYTES
from .ops import Shape
from .roofline import Device, Point, Roofline, intensity, operations, roofline, traffic
from .rows import Group, Row, grouped, rows
from .source import Span
from .symbolic import Sym, UndecidedError
from .training import OPTIMIZER_STATE, training


class Settings(NamedTuple):
    """What a report is asked for: a number or symbol of samples, the type of all tensors, a way to count, a device."""

    batch: Any
    dtype: str
    convention: Convention
    device: Device | None = None


def report_dict(graph: Graph, summary: Summary, settings: Settings, by: str = "layer") -> dict[str, Any]:
    """The stable JSON report. Shapes carry the batch axis; with `by` block or op, sums over those as well."""
    batch = settings.batch
    report: dict[str, Any] = {
        "schema": 1,
        "net": graph.name,
        "convention": settings.convention.name,
        "batch": plain(batch),
        "dtype": settings.dtype,
        "inputs": [{"name": t.name, "shape": with_batch(batch, known(t.value))} for t in graph.inputs],
        "outputs": [{"name": t.name, "shape": with_batch(batch, known(t.value))} for t in graph.outputs],
        "totals": totals_dict(graph, summary, settings),
        "training": training_dict(graph, summary, settings),
        "constraints": [constraint_dict(constraint) for constraint in constraints(graph)],
        "layers": [layer_dict(row, settings) for row in rows(graph)],
    }
    if by != "layer":
        report["groups"] = [group_dict(group, settings) for group in grouped(graph, by, settings.convention)]
    if settings.device is not None:
        found = roofline(graph, settings.device, batch, settings.dtype)
        report["device"] = device_dict(found)
        for layer, point in zip(report["layers"], found.points, strict=True):
            layer.update(point_dict(point))
    return report


def totals_dict(graph: Graph, summary: Summary, settings: Settings) -> dict[str, Any]:
    """Sums over the network: parameters as stored, work and memory for the whole batch."""
    batch, width = settings.batch, DTYPE_BYTES[settings.dtype]
    macs = batch * summary.work.mac
    moved = traffic(graph).bytes(batch, settings.dtype)
    figures = {
        "layers": summary.layers,
        "params": summary.params,
        "buffers": summary.buffers,
        "macs": macs,
        "flops": 2 * macs,
        "other_ops": batch * summary.work.other,
        "cost": batch * cost_of(graph, settings.convention),
        "activation_bytes": batch * width * summary.activations,
        "peak_bytes": batch * width * summary.peak,
        "weight_bytes": width * summary.params,
        "bytes_moved": moved,
        "intensity": intensity(batch * operations(summary.work), moved),
        "depth": summary.depth,
    }
    return {name: plain(value) for name, value in figures.items()}


def training_dict(graph: Graph, summary: Summary, settings: Settings) -> dict[str, Any] | None:
    """What a training step adds: gradients, optimizer state, tensors kept for the backward pass and its operations.

    None for int8, which PyTorch does not train in, and where it depends on sizes that are not known.
    """
    batch, dtype = settings.batch, settings.dtype
    if dtype == "int8":
        return None
    try:
        width, found = DTYPE_BYTES[dtype], training(graph)
    except UndecidedError:
        return None
    figures = {
        "gradient_bytes": width * summary.params,
        "saved_bytes": found.saved_bytes(batch, dtype),
        "saved_bytes_per_sample": found.kept.sample_bytes(width),
        "saved_bytes_fixed": found.kept.fixed_bytes(width),
        "backward_macs": batch * found.backward,
    }
    state = {name: plain(width * copies * summary.params) for name, copies in OPTIMIZER_STATE.items()}
    return {**{name: plain(value) for name, value in figures.items()}, "optimizer_bytes": state}


def device_dict(found: Roofline) -> dict[str, Any]:
    """The network on a device, and the device itself."""
    device = found.device
    return {
        **{name: getattr(device, name) for name in ("name", "description", "source", "memory", "storage")},
        **{"bandwidth": device.bandwidth, "vector": device.vector, "peak": device.peak[found.dtype]},
        "time_s": found.seconds,
        "memory_bound_share": found.memory_share,
        "weight_bytes": found.weight_bytes,
        "activation_bytes": found.activation_bytes,
        "fits": found.fits,
        "largest_batch": found.largest_batch,
    }


def point_dict(point: Point) -> dict[str, Any]:
    """What the roofline model adds to a layer."""
    return {
        "bytes": point.bytes,
        "intensity": plain(point.intensity),
        "time_s": point.seconds,
        "bound": point.bound or None,
    }


def with_batch(batch: Any, shape: Shape) -> list[Any]:
    """A shape with the batch axis in front."""
    return [plain(batch), *map(plain, shape)]


def layer_dict(row: Row, settings: Settings) -> dict[str, Any]:
    """One layer of the JSON report."""
    batch = settings.batch
    return {
        "name": row.name,
        "op": row.op,
        "scope": row.scope,
        "inputs": [with_batch(batch, shape) for shape in row.inputs],
        "output": with_batch(batch, row.output),
        "params": plain(row.params),
        "macs": plain(batch * row.work.mac),
        "flops": plain(2 * batch * row.work.mac),
        "other_ops": plain(batch * row.work.other),
        "cost": plain(batch * settings.convention.count(row.step)),
        "receptive_field": one_or_all(row.receptive_field),
        "jump": one_or_all(row.jump),
        "offset": one_or_all(row.offset),
        "span": span_dict(row.span),
    }


def one_or_all(values: tuple[Any, ...]) -> Any:
    """A number where all axes agree, a list where they differ, None for an input without spatial axes."""
    values = tuple([plain(int(v) if type(v) is Fraction and v == int(v) else v) for v in values])
    if not values:
        return None
    return values[0] if len(set(values)) == 1 else list(values)


def plain(value: Any) -> Any:
    """A figure as JSON has it: numbers as they are, formulas as text."""
    if type(value) is int:  # most are; to ask whether one is a fraction takes long
        return value
    if isinstance(value, Sym):
        return str(value)
    return float(value) if isinstance(value, Fraction) else value


def constraint_dict(constraint: Constraint) -> dict[str, Any]:
    """A condition on the symbols of an input."""
    modulus = {"modulus": constraint.modulus, "remainder": constraint.remainder} if constraint.modulus else {}
    return {
        "symbols": list(constraint.symbols),
        "text": str(constraint),
        **modulus,
        "op": constraint.op,
        "span": span_dict(constraint.span),
    }


def span_dict(span: Span) -> dict[str, Any]:
    return {"file": span.source.name, "line": span.line, "column": span.column}


def group_dict(group: Group, settings: Settings) -> dict[str, Any]:
    """Layers summed by block or op in the JSON report."""
    batch = settings.batch
    figures = {
        "layers": group.layers,
        "params": group.params,
        "macs": batch * group.work.mac,
        "flops": 2 * batch * group.work.mac,
        "other_ops": batch * group.work.other,
        "cost": batch * group.cost,
    }
    return {"name": group.name, **{name: plain(value) for name, value in figures.items()}}
