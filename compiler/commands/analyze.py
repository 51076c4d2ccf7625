"""`cnnc analyze`: print shapes, parameters, operations and memory."""

import argparse
import json
import os
import sys

from ..diagnostics import usage
from ..ir import Graph
from .shared import add_network, batch_size, read_net

HELP = "Print shapes, parameters, operations and memory."
EXAMPLE = "cnnc analyze resnet50.cnn --by block"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument(
        "--by", choices=("layer", "block", "op"), default="layer", help="one line for each (default: layer)"
    )
    parser.add_argument("--explain", action="store_true", help="print every figure as its formula with numbers instead")
    parser.add_argument("--print-ir", action="store_true", help="print the intermediate representation instead")
    parser.add_argument("--format", choices=("table", "json", "csv", "md"), default="table", help="default: table")
    parser.add_argument("--at", metavar="H=N,W=N", help="numbers for the symbols of an input such as 3xHxW")
    parser.add_argument(
        "--batch",
        default="1",
        metavar="N",
        help="batch size of shapes and costs (default 1), or a letter for formulas",
    )
    parser.add_argument(
        "--dtype", choices=("fp32", "fp16", "bf16", "int8"), default="fp32", help="of memory figures and times"
    )
    parser.add_argument(
        "--convention",
        default="torchvision",
        metavar="NAME",
        help="whose way to count: torchvision (default), torch, fvcore, ptflops, ptflops-aten, thop or torchinfo",
    )
    parser.add_argument(
        "--device",
        metavar="NAME|FILE",
        help="add the roofline model's least times on a device, such as h100 or cpu, or one of a .toml file",
    )

    parser.add_argument("--watch", action="store_true", help="again after every save of the file, until interrupted")


def run(args: argparse.Namespace) -> int:
    if args.watch:
        from .watching import watch

        return watch(args.file, lambda: show(args))
    show(args)
    return 0


def show(args: argparse.Namespace) -> Graph:
    """Print what is asked for and give the network."""
    net = read_net(args)
    if args.at is not None:
        net = net.at(**sizes_of(args.at))
    settings = (args.batch, args.dtype, args.convention, args.device)
    if args.print_ir:
        print(net.ir(), end="")
    elif args.explain:
        print(net.explain(batch_size(args.batch)))
    elif args.format == "json":
        print(json.dumps(net.to_dict(*settings, by=args.by), indent=1))
    elif args.format == "table" and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        from ..formats import draw

        draw(net.table(args.by, *settings))
    else:
        print(net.report(args.by, *settings, form=args.format), end="")
    graph: Graph = net.graph
    return graph


def sizes_of(text: str) -> dict[str, int]:
    """`H=224,W=224` as numbers by symbol. Raises UsageError (E0519)."""
    sizes = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        whole = value.isascii() and value.isdigit() and len(value) < 20
        if not (equals and name.isidentifier() and whole) or name in sizes:
            raise usage("E0519", text=part.strip())
        sizes[name] = int(value)
    return sizes
