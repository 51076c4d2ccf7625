"""What other tools say of ResNet-50, each called as its documentation shows: `python peers.py TOOL [MODEL.onnx]`."""

import contextlib
import io
import sys
import warnings
from collections.abc import Callable
from typing import Any

SIZE = (3, 224, 224)


def build() -> Any:
    from torchvision.models import resnet50

    return resnet50().eval()


def torchinfo() -> str:
    from torchinfo import summary

    return str(summary(build(), input_size=(1, *SIZE), verbose=0))


def fvcore() -> str:
    import torch
    from fvcore.nn import FlopCountAnalysis, flop_count_table

    analysis = FlopCountAnalysis(build(), torch.zeros(1, *SIZE))
    return str(flop_count_table(analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)))


def ptflops() -> str:
    from ptflops import get_model_complexity_info

    told = io.StringIO()
    get_model_complexity_info(build(), SIZE, print_per_layer_stat=True, verbose=False, ost=told)
    return told.getvalue()


def thop() -> str:
    import torch
    from thop import profile

    return str(profile(build(), inputs=(torch.zeros(1, *SIZE),), verbose=False))


def calflops() -> str:
    from calflops import calculate_flops

    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        calculate_flops(build(), input_shape=(1, *SIZE), print_results=True)
    return told.getvalue()


def flop_counter() -> str:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model, batch = build(), torch.zeros(1, *SIZE)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(batch)
    return str(counter.get_table())


def onnx_tool(path: str) -> str:
    from onnx_tool import Model

    graph = Model(path, {"verbose": False}).graph
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        graph.shape_infer(None)
        graph.profile()
        graph.print_node_map()
    return told.getvalue()


PEERS: dict[str, Callable[..., str]] = {
    "torchinfo": torchinfo,
    "fvcore": fvcore,
    "ptflops": ptflops,
    "thop": thop,
    "calflops": calflops,
    "FlopCounterMode": flop_counter,
    "onnx-tool": onnx_tool,
}

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    print(PEERS[sys.argv[1]](*sys.argv[2:]))
