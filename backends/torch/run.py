"""Running the PyTorch module of a network."""

import linecache
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ...compiler.diagnostics import usage
from .. import running

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


def place(on: str) -> str:
    """Where PyTorch would run, `on` itself; raises UsageError (E0515) for a GPU that is not there."""
    import torch

    if on == "cuda" and not torch.cuda.is_available():
        raise usage("E0515", on=on, reason="PyTorch finds no GPU", help="use --on cpu")
    return on


def execute(text: str, title: str) -> dict[str, Any]:
    """The namespace that running a generated source leaves. Tracebacks and `inspect` show its lines."""
    name = f"<cnnc {title} {abs(hash(text)) % 10**8}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {"__name__": title}
    exec(compile(text, name, "exec"), namespace)
    return namespace


def run(net: Any, inputs: "Arrays", weights: "Arrays", on: str = "cpu") -> "Arrays":
    """The outputs of a network in evaluation mode by name, in single precision throughout (no TF32 on a GPU)."""
    return prepare(net, weights, on)(inputs)


def prepare(
    net: Any, weights: "Arrays", on: str = "cpu", times: "dict[str, float] | None" = None
) -> "Callable[[Arrays], Arrays]":
    """What runs a network, as `run` does, again and again; in `times` it adds up the seconds of each module."""
    import torch

    module = net.to_torch(weights=weights).eval().to(on)
    names = [terminal.name for terminal in net.graph.outputs]
    if times is not None:
        _time(module, on, times)

    def call(inputs: "Arrays") -> "Arrays":
        with running(), torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            result = module(*(torch.tensor(x, device=on) for x in inputs.values()))
        tensors = result.values() if isinstance(result, dict) else [result]
        return {name: tensor.cpu().numpy() for name, tensor in zip(names, tensors, strict=True)}

    return call


def _time(module: Any, on: str, times: dict[str, float]) -> None:
    """Let every module without parts of its own add its seconds under its name, which is that of the layer."""
    import torch

    begun: dict[str, float] = {}

    def now() -> float:
        if on == "cuda":
            torch.cuda.synchronize()
        return perf_counter()

    def before(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            begun[name] = now()

        return hook

    def after(name: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            times[name] = times.get(name, 0.0) + now() - begun[name]

        return hook

    for name, part in module.named_modules():
        if not any(part.children()):
            part.register_forward_pre_hook(before(name))
            part.register_forward_hook(after(name))
