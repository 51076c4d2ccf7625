"""Emitted models at work: PyTorch eager, and ONNX Runtime."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cnnc
import torch
import torchvision
from analysis import milliseconds
from contest import Contest, Goal
from peers import SIZE
from processes import PROGRAM
from writing import export

ZOO = PROGRAM.parent / "zoo"
PROGRAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet50": ("resnet50.cnn", {}),
    "mobilenet_v2": ("zoo/mobilenet_v2.cnn", {}),
    "densenet121": ("zoo/densenet.cnn", {}),
}
BATCH = 4
SIMPLIFIERS = ("onnxsim", "onnxslim")


def ours(name: str) -> torch.nn.Module:
    file, params = PROGRAMS[name]
    return cnnc.load(PROGRAM.parent / file, params=params).to_torch(seed=0)


def theirs(name: str) -> torch.nn.Module:
    model: torch.nn.Module = torchvision.models.get_model(name)
    return model


MAKERS: dict[str, Callable[[str], torch.nn.Module]] = {"cnnc": ours, "torchvision": theirs}


def inference(model: torch.nn.Module) -> Callable[[], None]:
    model.eval()
    batch = torch.rand(BATCH, *SIZE)

    def work() -> None:
        with torch.inference_mode():
            model(batch)

    return work


def training(model: torch.nn.Module) -> Callable[[], None]:
    model.train()
    batch, labels = torch.rand(BATCH, *SIZE), torch.arange(BATCH)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def work() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(batch), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return work


JOBS = {"inference": inference, "training step": training}


def eager(name: str, job: str) -> Contest:
    """Time of the emitted module beside torchvision's."""
    entries = {maker: milliseconds(JOBS[job](make(name))) for maker, make in MAKERS.items()}
    return Contest(
        f"Emitted PyTorch: {name}, {job}",
        "ms",
        f"Eager, batch {BATCH}.",
        entries,
        (Goal("cnnc", "within", 1.0, ("torchvision",)),),
        7,
    )


def peak(name: str, job: str) -> Contest:
    """Most memory that PyTorch held during a training step or an inference, as its allocator counts."""

    def measured(maker: str) -> float:
        command = [sys.executable, str(Path(__file__).resolve()), name, job, maker]
        return float(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)) / 2**20

    return Contest(
        f"Its peak memory: {name}, {job}",
        "MiB",
        "Allocations of PyTorch on the CPU, weights aside, replayed in order from its profiler; the least of three. "
        "Scratch space of the CPU's kernels varies by some percent in training, so the goal is a hundredth wide.",
        {maker: partial(measured, maker) for maker in MAKERS},
        (Goal("cnnc", "within", 1.01, ("torchvision",)),),
        1,
        warm=False,
    )


def allocated(work: Callable[[], None]) -> int:
    """The most bytes that were allocated at once during a piece of work, beyond those before it."""
    work()
    return min(_allocated(work) for _ in range(3))  # oneDNN's scratch space varies


def _allocated(work: Callable[[], None]) -> int:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        work()
    now = most = 0
    for event in found.profiler.kineto_results.events():  # type: ignore[union-attr]
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most


def runtimes(folder: Path, inferring: bool) -> Contest:
    """ONNX Runtime on our file and on those of PyTorch's exporters; `inferring` with batch normalisation folded."""
    import onnxruntime as ort

    model = torchvision.models.resnet50().eval()
    net = cnnc.load(PROGRAM)
    files = {"cnnc": folder / "ours.onnx"}
    net.to_onnx(files["cnnc"], batch=1, weights=None, inference=inferring)
    for way, dynamo in (("dynamo", True), ("TorchScript", False)):
        path = folder / f"{way}.onnx"
        export(model, path, dynamo)
        files |= (
            {f"{way}, {tool}": simplified(path, tool) for tool in ("onnxsim", "onnxslim")} if inferring else {way: path}
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    batch = torch.rand(1, *SIZE).numpy()
    entries = {}
    for name, path in files.items():
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: batch}
        entries[name] = milliseconds(lambda session=session, feed=feed: session.run(None, feed), 3)
    rivals = tuple(name for name in files if name != "cnnc")
    return Contest(
        "Emitted ONNX in ONNX Runtime" + (", with --inference" if inferring else ""),
        "ms",
        "ResNet-50, batch 1, two threads." + (" The exports went through onnxsim and onnxslim." if inferring else ""),
        entries,
        tuple(Goal("cnnc", "within", 1.0, (rival,)) for rival in rivals),
        15,
    )


def simplified(path: Path, tool: str) -> Path:
    """An exported file after another tool's simplification."""
    import onnx

    target = path.with_suffix(f".{tool}.onnx")
    if tool == "onnxsim":
        from onnxsim import simplify

        model, fine = simplify(onnx.load(path))
        assert fine
    else:
        import onnxslim

        model = onnxslim.slim(str(path))
    onnx.save(model, target)
    return target


if __name__ == "__main__":
    subject, task, by = sys.argv[1:]
    torch.manual_seed(0)
    print(json.dumps(allocated(JOBS[task](MAKERS[by](subject)))))
