"""One tool's figures for everything, as JSON: `python benchmarks/measure.py TOOL`.

Each tool has a process of its own, because some replace functions of PyTorch and leave hooks behind.
"""

import contextlib
import json
import logging
import sys
import warnings
from typing import Any

import cnnc
import torch
from layers import LAYERS
from networks import NETWORKS, model, program
from probes import BACKWARD, PROBES
from tools import Subject, attempt, attempt_backward
from torch import nn

Found = dict[str, Any]


def of_networks(tool: str) -> Found:
    found = {}
    for name in NETWORKS:
        net = program(name)
        found[name] = attempt(tool, Subject(model(name), net, net.input_shape[1:]))
        print(f"{tool}: {name}", file=sys.stderr)
    return found


def of_layers(tool: str) -> Found:
    return {name: attempt(tool, subject(nn.Sequential(x.build()), x.program, x.size)) for name, x in LAYERS.items()}


def of_probes(tool: str) -> Found:
    return {name: attempt(tool, subject(x.build(), x.program, x.size)) for name, x in PROBES.items()}


def of_backward(tool: str) -> Found:
    return {
        name: attempt_backward(tool, subject(pair.build(), pair.program, (3, 7, 7))) for name, pair in BACKWARD.items()
    }


def subject(module: nn.Module, text: str, size: tuple[int, ...]) -> Subject:
    return Subject(module.eval(), cnnc.compile(text, input=size), size)


def main(tool: str) -> Found:
    """Everything by kind of subject; single layers only for tools that have a convention."""
    warnings.filterwarnings("ignore")
    logging.disable()
    torch.manual_seed(0)
    with contextlib.redirect_stdout(sys.stderr):
        found = {"networks": of_networks(tool), "probes": of_probes(tool), "backward": of_backward(tool)}
        return found | {"layers": of_layers(tool) if tool not in ("calflops", "onnx-tool") else {}}


if __name__ == "__main__":
    json.dump(main(sys.argv[1]), sys.stdout)
