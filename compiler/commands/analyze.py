"""`cnnc analyze`: print shapes, parameters, operations and memory."""

import argparse
import os
import sys
from typing import Any

from ..diagnostics import usage
from ..ir import Graph
from .shared import (
    add_force,
    add_network,
    batch_size,
    read_net,
    refuse_idle,
    refuse_idle_force,
    set_defaults,
    write_result,
)

HELP = "Print shapes, parameters, operations and memory."
FORMATS = "default: table; html is a page for a browser, with the graph"
EXAMPLE = "cnnc analyze resnet50.cnn --by block"
DEFAULTS = {"by": "layer", "format": "table", "batch": "1", "dtype": "fp32", "convention": "torchvision"}
REPORT = ("by", "format", "dtype", "convention", "device")
"""The options that say what a report is like."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--by", choices=("layer", "block", "op"), help="one line for each (default: layer)")
    parser.add_argument("--explain", action="store_true", help="print every figure as its formula with numbers instead")
    parser.add_argument("--print-ir", action="store_true", help="print the intermediate representation instead")
    parser.add_argument("--format", choices=("table", "json", "csv", "md", "html"), help=FORMATS)
    parser.add_argument("-o", "--output", metavar="OUT", help="file to write instead of stdout")
    add_force(parser)
    parser.add_argument("--at", metavar="H=N,W=N", help="numbers for the symbols of an input such as 3xHxW")
    parser.add_argument(
        "--batch",
        metavar="N",
        help="batch size of shapes and costs (default 1), or a letter for formulas",
    )
    parser.add_argument(
        "--dtype", choices=("fp32", "fp16", "bf16", "int8"), help="of memory figures and times (default: fp32)"
    )
    parser.add_argument(
        "--convention",
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
    settle(args)
    if args.output is not None:
        from ..ours import keep_others
        from ..writing import keep_sources

        keep_sources(args.output, program=args.file, device=args.device)
        keep_others(args.output, args.force)
    if args.watch:
        from .watching import watch

        return watch(args.file, lambda: show(args))
    show(args)
    return 0


def settle(args: argparse.Namespace) -> None:
    """Refuse options that the others leave without effect; the rest that is not given has its default."""
    if args.print_ir:
        refuse_idle(args, ("explain", *REPORT, "batch"), "--print-ir")
    elif args.explain:
        refuse_idle(args, REPORT, "--explain")
    elif args.format == "html":
        refuse_idle(args, ("by",), "--format html")
    refuse_idle_force(args, args.output)
    set_defaults(args, DEFAULTS)


def show(args: argparse.Namespace) -> Graph:
    """Print what is asked for and give the network."""
    net = read_net(args)
    if args.at is not None:
        net = net.at(**sizes_of(args.at))
    if args.output in (None, "-") and draws(args):
        from ..formats import draw

        draw(net.table(args.by, args.batch, args.dtype, args.convention, args.device))
    elif args.output in (None, "-"):
        print(text_of(net, args), end="")
    else:
        write_result(args.output, text_of(net, args).encode(), net)
        print(f"wrote {args.output}")
    graph: Graph = net.graph
    return graph


def draws(args: argparse.Namespace) -> bool:
    """Whether a table is asked for on a terminal that has colours."""
    plain = args.print_ir or args.explain or args.format != "table" or "NO_COLOR" in os.environ
    return not plain and sys.stdout.isatty()


def text_of(net: Any, args: argparse.Namespace) -> str:
    """What the arguments ask for, with its last line break."""
    settings = (args.batch, args.dtype, args.convention, args.device)
    if args.print_ir:
        return str(net.ir())
    if args.explain:
        return f"{net.explain(batch_size(args.batch))}\n"
    if args.format == "json":
        import json

        return json.dumps(net.to_dict(*settings, by=args.by), indent=1) + "\n"
    if args.format == "html":
        batch, dtype, convention, device = settings
        return str(net.to_html(batch=batch, dtype=dtype, convention=convention, device=device))
    return str(net.report(args.by, *settings, form=args.format))


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
