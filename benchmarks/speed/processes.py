"""Whole processes: from the shell's point of view, import and all. Time, and the most memory that was resident."""

import os
import sys
import sysconfig
import time
from pathlib import Path

from contest import Contest, Goal

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "examples" / "resnet50.cnn"
CNNC = (str(Path(sysconfig.get_path("scripts")) / "cnnc"), "analyze", str(PROGRAM))
TORCH_TOOLS = ("torchinfo", "fvcore", "ptflops", "thop", "calflops", "FlopCounterMode")


def peer(name: str, *args: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / "peers.py"), name, *args)


def spend(command: tuple[str, ...]) -> tuple[float, float]:
    """Milliseconds, and MiB resident at most, of a command whose output goes into a pipe."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    reader, writer = os.pipe()
    start = time.perf_counter()
    child = os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)],
    )
    os.close(writer)
    while os.read(reader, 1 << 16):
        pass
    _, status, usage = os.wait4(child, 0)
    elapsed = time.perf_counter() - start
    os.close(reader)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return 1e3 * elapsed, usage.ru_maxrss / 1024


def cold(model: Path) -> Contest:
    """A report of ResNet-50 from the command line; `model` is its ONNX file for the tool that reads those."""
    commands = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "import lark": (sys.executable, "-c", "import lark"),
        "cnnc analyze": CNNC,
        "onnx-tool, exported file": peer("onnx-tool", str(model)),
        **{name: peer(name) for name in TORCH_TOOLS},
    }
    return Contest(
        "A report of ResNet-50, cold",
        "ms",
        "Start of the process to its end, output into a pipe. onnx-tool reads a file that PyTorch exported before.",
        {name: lambda command=command: spend(command)[0] for name, command in commands.items()},
        (
            Goal("cnnc analyze", "faster", 20, TORCH_TOOLS, "the fastest torch-based tool"),
            Goal("cnnc analyze", "within", 2, ("import lark",), "importing the parser library alone"),
        ),
        11,
    )


def memory(model: Path) -> Contest:
    """The same commands' resident memory."""
    commands = {"cnnc analyze": CNNC, "onnx-tool, exported file": peer("onnx-tool", str(model))}
    commands |= {name: peer(name) for name in TORCH_TOOLS}
    return Contest(
        "Its memory",
        "MiB",
        "Most resident memory of the process.",
        {name: lambda command=command: spend(command)[1] for name, command in commands.items()},
        (Goal("cnnc analyze", "at most", 40),),
        3,
    )
