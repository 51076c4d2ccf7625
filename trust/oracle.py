"""What must hold of every valid program, whatever it says: one network in every backend, and the same costs counted."""

import re
from collections.abc import Callable
from math import prod
from typing import NamedTuple, TypeVar

import cnnc
import numpy as np
import onnx
import onnxruntime
import torch
import torchvision  # noqa: F401  # registers its operators
from cnnc.compiler.format import format_source
from cnnc.compiler.ir import known, weights_of
from cnnc.compiler.ir_text import print_graph, read_graph
from cnnc.compiler.ops.base import Tokens
from cnnc.compiler.source import Source
from cnnc.compiler.symbolic import at
from cnnc.compiler.verify import TOLERANCE, difference, random_inputs, random_weights
from cnnc.compiler.verify_ir import check_graph
from counting import Counting
from every_command import check_commands
from generate import Program
from generate.draft import compiled
from rounding import DOUBLE_ROUNDING, LARGEST, SCALE, reference_run, spread_of_rounding
from verdicts import Disagreement, demand

Arrays = dict[str, np.ndarray]
Made = TypeVar("Made")

BATCH = 2
DOUBLE_TOLERANCE = 1e-9
"""Of PyTorch in double precision, where rounding is 10⁻¹⁶."""


class Verdict(NamedTuple):
    """What became of a program that agrees everywhere, or whose results cannot be compared."""

    apart: str = ""
    """Why results are not all compared: overflow, rounding, deformconv of NaN, no PyTorch module, a fault
    of PyTorch; else empty."""
    layers: int = 0
    worst: float = 0.0
    """The largest difference of a result."""


def judge(program: Program, seed: int = 0) -> Verdict:
    """Hold the program to all that must hold. Raises Disagreement."""
    net = asked = program.compiled()
    check_text(program, net)
    whole = program
    if program.sizes:
        program, net = at_sizes(program, net)
    check_graph(net.graph)
    check_shapes(program, net)
    weights, inputs = random_weights(net.graph, seed), random_inputs(net.graph, seed, BATCH)
    check_repeatable(program, net, weights)
    verdict = check_results(net, weights, inputs)
    check_commands(whole, asked, seed)
    return verdict


# The text


def check_text(program: Program, net: cnnc.Net) -> None:
    """The printed graph reads back; formatting keeps the meaning, and happens once."""
    printed = net.ir()
    demand(print_graph(read_graph(printed)) == printed, "the printed graph reads back as another")
    formatted = format_source(Source(program.text))
    demand(format_source(Source(formatted)) == formatted, "formatting twice changes something")
    again = program._replace(text=formatted).compiled()
    demand(placeless(again.ir()) == placeless(printed), "formatting changes the meaning")
    demand([d.code for d in again.warnings] == [d.code for d in net.warnings], "formatting changes the warnings")


def placeless(printed: str) -> str:
    """The printed graph without places in the text, which move when it is formatted."""
    printed = re.sub(r" at (<text>|\S+):\d+-\d+", "", printed)
    return re.sub(r"key \(.*?\) args", "args", printed)


def at_sizes(program: Program, net: cnnc.Net) -> tuple[Program, cnnc.Net]:
    """The network with numbers for its symbols, which must be that of the same program for an input of this shape.

    Where a skip connection needs its projection at other sizes only (E0343 by rule), the program for that input.
    """
    shape = "x".join(str(at(extent, program.sizes)) for extent in known(net.graph.inputs[0].value))
    plain = compiled(program.text, shape, program.params)
    try:
        found = net.at(**program.sizes)
    except cnnc.NetworkError as error:
        if error.code != "E0343":
            raise
        return program._replace(input=shape, sizes={}), plain
    demand(found.to_dict() == plain.to_dict(), "formulas at sizes are not the figures of the program with these sizes")
    return program, found


def check_shapes(program: Program, net: cnnc.Net) -> None:
    if program.shapes is not None:
        found = {terminal.name: known(terminal.value) for terminal in net.graph.outputs}
        same = {name: (tuple(s), isinstance(s, Tokens)) for name, s in found.items()} == {
            name: (tuple(s), isinstance(s, Tokens)) for name, s in program.shapes.items()
        }
        demand(same, "shapes are not those of the pieces", f"{found}, pieces {program.shapes}")


def check_repeatable(program: Program, net: cnnc.Net, weights: Arrays) -> None:
    """A second compilation gives the same bytes."""
    again = program.compiled()
    if program.sizes:
        again = again.at(**program.sizes)
    demand(again.ir() == net.ir(), "a second compilation gives another graph")
    sources = [refused_or(one.torch_source) for one in (net, again)]
    demand(sources[0] == sources[1], "a second compilation gives other PyTorch source")
    models = [one.to_onnx(weights=weights).SerializeToString() for one in (net, again)]
    demand(models[0] == models[1], "a second compilation gives another ONNX model")


# Results


def check_results(net: cnnc.Net, weights: Arrays, inputs: Arrays) -> Verdict:
    """Outputs, their shapes, stored tensors and costs, in PyTorch and ONNX Runtime."""
    try:
        wanted, largest, deformed = reference_run(net, inputs, weights)
    except AssertionError as error:
        raise Disagreement("the reference gives another shape", str(error)) from None
    module = refused_or(lambda: net.to_torch(weights=weights).eval())
    got = {}
    if module is not None:
        check_stored(net, module)
        if deformed:  # torchvision's operator reads outside of its memory there, which ends the process
            return Verdict("deformconv of NaN", len(net.layers))
        got["torch"] = run_torch(net, module, inputs)
        check_work(net, module, inputs)
    for name, inference in (("onnx", False), ("onnx inference", True)):
        got[name] = run_onnx(net, net.to_onnx(weights=weights, inference=inference), weights, inputs, inference)
    for backend, outputs in got.items():
        for name, want in wanted.items():
            demand(outputs[name].shape == want.shape, f"{backend} gives another shape", f"{outputs[name].shape}")
    layers = len(net.layers)
    if module is not None and not check_double(net, module, inputs, weights, wanted):
        return Verdict("rounding", layers)
    worst = worst_of(got, wanted)
    if worst <= TOLERANCE:
        return Verdict("" if module is not None else "no PyTorch module", layers, worst)
    if module is not None and worst_of({"torch": got["torch"]}, wanted) > TOLERANCE:
        again = {**got, "torch": run_torch(net, around_a_fault_of_pytorch(module.float()), inputs)}
        if worst_of(again, wanted) <= TOLERANCE:
            return Verdict("PyTorch's convolution", layers)
    if not largest < LARGEST:
        return Verdict("overflow", layers)
    moved = spread_of_rounding(net, inputs, weights, wanted)
    for backend, outputs in got.items():
        for name, want in wanted.items():
            off = float(np.abs(outputs[name] - want).max(initial=0.0))
            excused = off <= SCALE * moved[name]  # false for what is not a number
            if difference(outputs[name], want) > TOLERANCE and not excused:
                detail = (
                    f"{name}: {difference(outputs[name], want):.2e}; rounding explains {moved[name]:.1e} of {off:.1e}"
                )
                raise Disagreement(f"{backend} disagrees", detail)
    return Verdict("rounding", layers, worst)


def worst_of(got: dict[str, Arrays], wanted: Arrays) -> float:
    """The largest difference of a result, in units of the largest element."""
    return max((difference(out[name], want) for out in got.values() for name, want in wanted.items()), default=0.0)


def around_a_fault_of_pytorch(module: torch.nn.Module) -> torch.nn.Module:
    """The module with maps of one channel copied in front of convolutions.

    PyTorch 2.14 on a CPU convolves maps of one channel that look like channels-last ones wrong, where the stride is
    large: nn.Conv2d(1, 4, 4, stride=(1, 9)) on torch.randn(2, 1, 6, 5).to(memory_format=torch.channels_last).
    """

    def copied(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (torch.empty(args[0].shape, dtype=args[0].dtype).copy_(args[0]), *args[1:])

    for inner in module.modules():
        if isinstance(inner, torch.nn.Conv2d | torch.nn.Conv3d) and inner.in_channels == 1:
            inner.register_forward_pre_hook(copied)
    return module


def refused_or(make: Callable[[], Made]) -> Made | None:
    """What is made, or None where a shared layer is not one PyTorch module (E0365 by rule); ONNX takes it."""
    try:
        return make()
    except cnnc.NetworkError as error:
        if error.code != "E0365":
            raise
        return None


def check_stored(net: cnnc.Net, module: torch.nn.Module) -> None:
    """Parameters and buffers by name, shape and number."""
    demand(net.params == sum(p.numel() for p in module.parameters()), "parameters are not PyTorch's")
    stored = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    own = {name: tuple(weight.shape) for name, weight, _ in weights_of(net.graph)}
    demand(stored == own, "stored tensors are not PyTorch's", str(set(stored.items()) ^ set(own.items())))
    demand(net.params + net.buffers == sum(map(prod, stored.values())), "stored elements are not PyTorch's")


def run_torch(net: cnnc.Net, module: torch.nn.Module, inputs: Arrays, kind: torch.dtype = torch.float32) -> Arrays:
    with torch.no_grad():
        try:
            result = module(*(torch.tensor(x, dtype=kind) for x in inputs.values()))
        except Exception as error:
            raise Disagreement("PyTorch refuses the module", f"{type(error).__name__}: {error}") from error
    tensors = result.values() if isinstance(result, dict) else [result]
    return {t.name: tensor.numpy() for t, tensor in zip(net.graph.outputs, tensors, strict=True)}


def check_double(net: cnnc.Net, module: torch.nn.Module, inputs: Arrays, weights: Arrays, wanted: Arrays) -> bool:
    """Whether PyTorch in double precision gives the reference's result. Raises Disagreement where it does not.

    It is False where even rounding of that precision decides, as between equal numbers of which a pooling takes one.
    """
    got = run_torch(net, module.double(), inputs, torch.float64)
    for name, want in wanted.items():
        off = difference(got[name], want)
        distance = float(np.abs(got[name] - want).max(initial=0.0))
        if off <= DOUBLE_TOLERANCE or distance < 1e-12:
            continue
        moved = spread_of_rounding(net, inputs, weights, wanted, DOUBLE_ROUNDING)
        demand(distance <= SCALE * moved[name], "PyTorch in double precision disagrees", f"{name}: {off:.2e}")
        return False
    return True


def check_work(net: cnnc.Net, module: torch.nn.Module, inputs: Arrays) -> None:
    """Multiply-accumulates as PyTorch counts them, operator by operator, for one sample."""
    with Counting() as counter:
        run_torch(net, module, {name: x[:1] for name, x in inputs.items()})
    demand(
        net.flops == counter.total, "multiply-accumulates are not those that ran", f"{net.flops}, ran {counter.total}"
    )


# ONNX


def run_onnx(net: cnnc.Net, model: onnx.ModelProto, weights: Arrays, inputs: Arrays, inference: bool) -> Arrays:
    """The outputs by name. Declared shapes must be what comes out; the plain model stores the weights as they are."""
    if not inference:
        check_initializers(net, model, weights)
    check_declared(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        made = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs.values(), strict=True)})
    except Exception as error:
        raise Disagreement("ONNX Runtime refuses the model", f"{type(error).__name__}: {error}") from error
    for declared, array in zip(model.graph.output, made, strict=True):
        extents = [d.dim_value or BATCH for d in declared.type.tensor_type.shape.dim]
        demand(extents == list(array.shape), "a declared ONNX shape is not what comes out", declared.name)
    return {t.name: array for t, array in zip(net.graph.outputs, made, strict=True)}


def check_initializers(net: cnnc.Net, model: onnx.ModelProto, weights: Arrays) -> None:
    stored = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for name in weights.keys() & stored.keys():
        demand(stored[name] == weights[name].shape, "an ONNX initializer has another shape", name)


def check_declared(model: onnx.ModelProto) -> None:
    """The checker's word, and that every shape which shape inference finds is the declared one."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise Disagreement("the ONNX checker refuses the model", str(error)) from error
    declared = {v.name: _extents(v) for v in (*model.graph.value_info, *model.graph.output)}
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        pairs = zip(_extents(value), declared[value.name], strict=True)
        agree = all(a == b or a in ("", 0) or str(a).startswith("unk") for a, b in pairs)
        demand(agree, "a declared ONNX shape is not the inferred one", value.name)


def _extents(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
