"""Whole processes: from the shell's point of view, import and all. Time, and the most memory that was resident."""

import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path

from contest import Contest, Goal

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "examples" / "resnet50.cnn"
CNNC = (str(Path(sysconfig.get_path("scripts")) / "cnnc"), "analyze", str(PROGRAM))
ROUNDS = 7
TORCH_TOOLS = ("torchinfo", "fvcore", "ptflops", "thop", "calflops", "FlopCounterMode")


def peer(name: str, *args: str) -> tuple[str, ...]:
    return (sys.executable, str(HERE / "peers.py"), name, *args)


def spend(command: tuple[str, ...]) -> tuple[float, float]:
    """Milliseconds, and MiB resident at most, of a command whose output goes into a pipe."""
    watcher = (sys.executable, "-I", "-S", str(HERE / "spend.py"), *command)
    milliseconds, resident = subprocess.run(watcher, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(milliseconds), float(resident)


class Processes:
    """The commands that report on ResNet-50; `model` is its ONNX file for the tool that reads those."""

    def __init__(self, model: Path) -> None:
        self.resident: dict[str, list[float]] = {}
        self.commands = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "import lark": (sys.executable, "-c", "import lark"),
            "cnnc analyze": CNNC,
            "onnx-tool, exported file": peer("onnx-tool", str(model)),
            **{name: peer(name) for name in TORCH_TOOLS},
        }

    def time(self, name: str) -> float:
        milliseconds, resident = spend(self.commands[name])
        self.resident.setdefault(name, []).append(resident)
        return milliseconds

    def cold(self) -> Contest:
        return Contest(
            "A report of ResNet-50, cold",
            "ms",
            "Start of the process to its end, output into a pipe. onnx-tool reads a file that PyTorch exported before.",
            {name: partial(self.time, name) for name in self.commands},
            (
                Goal("cnnc analyze", "faster", 20, TORCH_TOOLS, "the fastest torch-based tool"),
                Goal("cnnc analyze", "within", 2, ("import lark",), "importing the parser library alone"),
            ),
            ROUNDS,
        )

    def memory(self) -> Contest:
        """What the same processes had taken."""
        return Contest(
            "Its memory",
            "MiB",
            "Most resident memory of the processes above.",
            {name: partial(found.pop, 0) for name, found in self.resident.items()},
            (Goal("cnnc analyze", "at most", 40),),
            ROUNDS,
        )
