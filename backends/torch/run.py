"""Running the PyTorch module of a network."""

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
        raise usage("E0515", on=on, reason="PyTorch finds no GPU")
    return on


def run(net: Any, inputs: "Arrays", weights: "Arrays", on: str = "cpu") -> "Arrays":
    """The outputs of a network in evaluation mode by name, in single precision throughout (no TF32 on a GPU)."""
    import torch

    module = net.to_torch(weights=weights).eval().to(on)
    with running(), torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        result = module(*(torch.tensor(x, device=on) for x in inputs.values()))
    tensors = result.values() if isinstance(result, dict) else [result]
    names = [terminal.name for terminal in net.graph.outputs]
    return {name: tensor.cpu().numpy() for name, tensor in zip(names, tensors, strict=True)}
