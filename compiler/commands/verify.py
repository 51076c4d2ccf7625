"""`cnnc verify`: compare PyTorch and ONNX Runtime with NumPy on random weights and inputs."""

import argparse

from .shared import add_network, batch_size, read_net

HELP = "Compare PyTorch and ONNX Runtime with NumPy on random weights and inputs."
EXAMPLE = "cnnc verify resnet50.cnn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs (default 0)")
    parser.add_argument("--batch", default="2", metavar="N", help="batch size (default 2)")
    parser.add_argument("--on", choices=("cpu", "cuda"), default="cpu", help="where the backends run (default: cpu)")


def run(args: argparse.Namespace) -> int:
    """Exit status 1 where a backend differs from the reference."""
    batch = batch_size(args.batch)
    net = read_net(args)
    found = net.verify(seed=args.seed, batch=batch, on=args.on)
    from ..verify import describe

    print(describe(net.name, found, args.seed, batch))
    return 0 if all(comparison.ok for comparison in found) else 1
