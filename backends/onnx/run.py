"""Running the ONNX model of a network in ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ...compiler.diagnostics import usage
from .. import running

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

CUDA = "CUDAExecutionProvider"


def place(on: str) -> str:
    """Where ONNX Runtime would run: the CPU also where its build has no support for the GPU."""
    import onnxruntime

    return on if on == "cpu" or CUDA in onnxruntime.get_available_providers() else "cpu"


def run(net: Any, inputs: "Arrays", weights: "Arrays", on: str = "cpu") -> "Arrays":
    """The outputs of a network's model by name, in single precision throughout (no TF32 on a GPU)."""
    return prepare(net, weights, on)(inputs)


def prepare(net: Any, weights: "Arrays", on: str = "cpu") -> "Callable[[Arrays], Arrays]":
    """What runs a network's model, as `run` does, again and again."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors arrive as exceptions
    providers: list[Any] = [(CUDA, {"use_tf32": "0"})] if on == "cuda" else []
    with TemporaryDirectory() as folder:  # from a file, since a model beyond 2 GB has its weights beside it
        path = Path(folder) / "net.onnx"
        net.to_onnx(path, weights=weights)
        with running():
            session = onnxruntime.InferenceSession(path, options, providers=[*providers, "CPUExecutionProvider"])
    if on == "cuda" and CUDA not in session.get_providers():  # then it has fallen back to the CPU
        raise usage("E0515", on=on, reason="ONNX Runtime cannot use the GPU", help="use --on cpu")
    names = [terminal.name for terminal in net.graph.outputs]

    def call(inputs: "Arrays") -> "Arrays":
        feeds = {i.name: x for i, x in zip(session.get_inputs(), inputs.values(), strict=True)}
        with running():
            return dict(zip(names, session.run(None, feeds), strict=True))

    return call
