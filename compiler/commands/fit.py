"""`cnnc fit`: scale build parameters to a budget."""

import argparse
import json

from .shared import (
    add_network,
    definitions_of,
    limits_of,
    network_source,
    refuse_idle,
    set_defaults,
    shapes_of,
    show_diagnostics,
)

HELP = "Scale build parameters to a budget of parameters, operations or memory."
EXAMPLE = "cnnc fit examples/zoo/resnet.cnn --params 10M --macs 2G --vary width --vary depth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--params", metavar="N", help="most parameters, such as 5M; K, M and G are powers of 1000")
    parser.add_argument("--macs", metavar="N", help="most multiply-accumulates of a sample, such as 300M")
    parser.add_argument(
        "--peak", metavar="N", help="most bytes of activations at once, such as 256K; K, M and G are powers of 1024"
    )
    parser.add_argument(
        "--vary",
        action="append",
        metavar="NAME[=LOW..HIGH[:STEP]]",
        help="scale this build parameter, or `input`, the input's shorter side (default: width, depth, resolution)",
    )
    parser.add_argument("--dtype", choices=("fp32", "fp16", "bf16", "int8"), help="of --peak (default: fp32)")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="default: table")


def run(args: argparse.Namespace) -> int:
    from ..fitting import describe, fit_source, read_amount
    from ..scaling import Budget

    if args.peak is None:
        refuse_idle(args, ("dtype",), "no --peak")
    set_defaults(args, {"dtype": "fp32"})
    wanted = {"params": args.params, "macs": args.macs, "peak": args.peak}
    amounts = {name: read_amount(text, name == "peak") for name, text in wanted.items() if text is not None}
    shapes, values, limits = shapes_of(args), definitions_of(args), limits_of(args)
    found = fit_source(network_source(args), Budget(**amounts), args.vary, shapes, values, args.dtype, limits)
    show_diagnostics(found.net.warnings)
    print(json.dumps(found.to_dict(), indent=1) if args.format == "json" else describe(found))
    return 0
