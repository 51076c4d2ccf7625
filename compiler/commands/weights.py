"""`cnnc weights`: map a foreign state_dict onto a network, by names, scopes and shapes."""

import argparse
import sys
from pathlib import Path

from ..diagnostics import usage
from .shared import add_force, add_network, read_net, refuse_idle_force, root_of_import

HELP = "Map a foreign state_dict onto a network, by names, scopes and shapes."
EXAMPLE = "cnnc weights net.cnn --from model.pth -o net.safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_network(parser)
    parser.add_argument("--from", dest="source", required=True, metavar="W", help=".safetensors or .pth file to read")
    parser.add_argument("-o", "--output", metavar="OUT", help="write them under the network's names, as .safetensors")
    parser.add_argument("--partial", action="store_true", help="take what fits, and say what is left over")
    add_force(parser)
    parser.add_argument(
        "--accept-order", action="store_true", help="where names leave several ways open, pair layers in order"
    )
    parser.add_argument(
        "--order", choices=("file", "name"), help="which order (default: the file's, unless that is sorted by name)"
    )


def run(args: argparse.Namespace) -> int:
    """Print which foreign tensor becomes which of the network's; with -o write them under its names."""
    from ...backends.mapping import describe, map_weights, save, taken_over
    from ..ours import keep_others
    from ..writing import keep_sources, keep_used
    from .watching import files_of

    if args.order is not None and not args.accept_order:
        raise usage("E0528", option="--order", other="--accept-order")
    refuse_idle_force(args, args.output)
    keep_sources(args.output, program=args.file, weights=args.source)
    keep_others(args.output, args.force)
    net = read_net(args)
    net.needs_numbers()
    root = root_of_import(args, args.source)
    mapping, found = map_weights(net.graph, args.source, args.order, args.accept_order, args.partial, root)
    print(describe(mapping))
    if args.output is not None:
        keep_used(args.output, files_of(net.graph))
        save(Path(args.output), taken_over(mapping, found, net.graph))
        print(f"wrote {args.output}", file=sys.stderr)
    return 0
