"""The tools, each called as its own documentation shows, on one sample. A tool gives its figures by name."""

import contextlib
import io
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import cnnc
import torch
from torch import nn

Size = tuple[int, ...]
"""The shape of a sample, without the batch."""
Figures = dict[str, int]


class Subject(NamedTuple):
    """What is measured: a module, the program that describes it, the shape of a sample."""

    module: nn.Module
    net: cnnc.Net
    size: Size

    @property
    def batch(self) -> torch.Tensor:
        """A batch of one."""
        return torch.zeros(1, *self.size)


def torch_counter(subject: Subject) -> Figures:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        subject.module(subject.batch)
    return {"torch": counter.get_total_flops()}


def fvcore(subject: Subject) -> Figures:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(subject.module, subject.batch)
    return {"fvcore": analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()}


def ptflops(subject: Subject) -> Figures:
    return {"ptflops": _ptflops(subject, "pytorch")}


def ptflops_aten(subject: Subject) -> Figures:
    with torch.no_grad():
        return {"ptflops-aten": _ptflops(subject, "aten")}


def _ptflops(subject: Subject, backend: str) -> int:
    from ptflops import get_model_complexity_info

    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
        macs, _ = get_model_complexity_info(
            subject.module, subject.size, as_strings=False, print_per_layer_stat=False, verbose=False, backend=backend
        )
    if macs is None:  # it prints what went wrong
        raise RuntimeError(told.getvalue().splitlines()[-1])
    return int(macs)


def thop(subject: Subject) -> Figures:
    from thop import profile

    macs, _ = profile(subject.module, inputs=(subject.batch,), verbose=False)
    return {"thop": whole(macs)}


def torchinfo(subject: Subject) -> Figures:
    from torchinfo import summary

    return {"torchinfo": summary(subject.module, input_size=(1, *subject.size), verbose=0).total_mult_adds}


def calflops(subject: Subject) -> Figures:
    flops, macs, _ = _calflops(subject, False)
    return {"calflops MACs": whole(macs), "calflops FLOPs": whole(flops)}


def _calflops(subject: Subject, backward: bool) -> Any:
    from calflops import calculate_flops

    return calculate_flops(
        subject.module,
        input_shape=(1, *subject.size),
        print_results=False,
        output_as_string=False,
        include_backPropagation=backward,
    )


def onnx_tool(subject: Subject) -> Figures:
    """On the model that cnnc writes."""
    from onnx_tool import Model

    graph = Model(subject.net.to_onnx(batch=1), {"verbose": False}).graph
    with contextlib.redirect_stdout(io.StringIO()):
        graph.shape_infer(None)
        graph.profile()
    if not graph.valid_profile:
        raise RuntimeError("its shape inference fails")
    return {"onnx-tool": whole(graph.macs[0])}


def whole(figure: float) -> int:
    """A figure that a tool keeps as a float, as the integer that it must be."""
    if figure != int(figure):
        raise ValueError(f"{figure} is no integer")
    return int(figure)


def torch_backward(subject: Subject) -> Figures:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        subject.module(subject.batch).sum().backward()
    return {"torch": counter.get_total_flops()}


def calflops_backward(subject: Subject) -> Figures:
    flops, macs, _ = _calflops(subject, True)
    return {"calflops MACs": whole(macs), "calflops FLOPs": whole(flops)}


BACKWARD = {"torch": torch_backward, "calflops": calflops_backward}
"""Tools that also count a backward pass."""


class Tool(NamedTuple):
    """distribution: the package whose version counts. measure: its figures for a subject."""

    distribution: str
    measure: Callable[[Subject], Figures]


TOOLS = {
    "torch": Tool("torch", torch_counter),
    "fvcore": Tool("fvcore", fvcore),
    "ptflops": Tool("ptflops", ptflops),
    "ptflops-aten": Tool("ptflops", ptflops_aten),
    "thop": Tool("thop", thop),
    "torchinfo": Tool("torchinfo", torchinfo),
    "calflops": Tool("calflops", calflops),
    "onnx-tool": Tool("onnx-tool", onnx_tool),
}


def attempt(tool: str, subject: Subject) -> dict[str, Any]:
    """A tool's figures, or under `error` what it broke on, in one line."""
    return _told(TOOLS[tool].measure, subject)


def attempt_backward(tool: str, subject: Subject) -> dict[str, Any]:
    """The same for a forward and a backward pass together; nothing of a tool that does not offer it."""
    return _told(BACKWARD[tool], subject) if tool in BACKWARD else {}


def _told(measure: Callable[[Subject], Figures], subject: Subject) -> dict[str, Any]:
    try:
        return dict(measure(subject))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        lines = str(error).strip().splitlines() or [""]
        return {"error": f"{type(error).__name__} in {place.name}: {lines[0]}"}


def versions() -> dict[str, str]:
    """Of all tools, and of torchvision, whose models they count; `1-2` is an old way to write `1.post2`."""
    return {
        name: version(name).replace("-", ".post")
        for name in sorted({"torchvision", *(tool.distribution for tool in TOOLS.values())})
    }
